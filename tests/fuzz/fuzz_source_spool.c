/* The spool, twice: the bytes as a segment; and, cut at each 0xff, as payloads that are sealed first, since no fuzzer finds a
 * CRC. */
#include <stdlib.h>

#include "fuzz_source.h"
#include "producer/lib/cobs.h"
#include "producer/lib/crc32c.h"
#include "producer/lib/spool_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sealed(struct buf *out, const uint8_t *payload, size_t len)
{
    static uint8_t sealed[SPOOL_MAX_PAYLOAD_BYTES + 4], coded[COBS_BOUND(SPOOL_MAX_PAYLOAD_BYTES + 4)];
    if (len == 0 || len > SPOOL_MAX_PAYLOAD_BYTES)
        return;
    uint32_t crc = crc32c(payload, len);
    memcpy(sealed, payload, len);
    for (size_t i = 0; i < 4; i++)
        sealed[len + i] = (uint8_t)(crc >> 8 * i);
    buf_putc(out, '\0');
    buf_put(out, coded, cobs_encode(sealed, len + 4, coded));
    buf_putc(out, '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf segment;
    size_t start = 0;
    buf_init(&segment, 1024 * 1024);
    for (size_t at = 0; at <= size; at++) {
        if (at < size && data[at] != 0xff)
            continue;
        put_sealed(&segment, data + start, at - start);
        start = at + 1;
    }
    check(segment.err == ERR_OK);
    (void)fuzz_source(&source_spool, (const uint8_t *)buf_cstr(&segment), segment.len);
    buf_done(&segment);
    return fuzz_source(&source_spool, data, size);
}
