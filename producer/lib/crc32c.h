/* CRC-32C (Castagnoli), as RFC 3720 and iSCSI have it: polynomial 0x1EDC6F41, reflected; "123456789" gives 0xE3069283. */
#ifndef PRODUCER_LIB_CRC32C_H
#define PRODUCER_LIB_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t len);

#endif
