#include "producer/event_id.h"

#include <openssl/evp.h>

static const struct uuid namespace_id = {
    {0x6f, 0x1c, 0x2f, 0x0e, 0x9d, 0x53, 0x5c, 0x51, 0x8a, 0x39, 0x3f, 0x0f, 0x6f, 0x2f, 0x7b, 0x11}};

void fingerprint_make(uint64_t inode, struct slice first_frame, char out[FINGERPRINT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buf bytes;
    buf_init(&bytes, first_frame.len + 32);
    buf_put_i64(&bytes, (long long)inode);
    buf_putc(&bytes, '\0');
    buf_put_slice(&bytes, first_frame);
    check(bytes.err == ERR_OK);
    check(EVP_Digest(bytes.p, bytes.len, digest, NULL, EVP_sha256(), NULL) == 1);
    buf_done(&bytes);
    for (size_t i = 0; i < (FINGERPRINT_SIZE - 1) / 2; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[FINGERPRINT_SIZE - 1] = '\0';
}

struct uuid event_id_make(struct buf *scratch, struct slice host, struct slice log, const char *fingerprint, int64_t offset,
                          enum event_type type)
{
    buf_reset(scratch);
    buf_put_slice(scratch, host);
    buf_putc(scratch, '\0');
    buf_put_slice(scratch, log);
    buf_putc(scratch, '\0');
    buf_puts(scratch, fingerprint);
    buf_putc(scratch, '\0');
    buf_put_i64(scratch, offset);
    buf_putc(scratch, '\0');
    buf_puts(scratch, event_type_name(type));
    check(scratch->err == ERR_OK);
    return uuid_v5(&namespace_id, buf_slice(scratch));
}

struct uuid event_id_of_user(struct buf *scratch, struct slice host, struct slice file, struct slice username)
{
    buf_reset(scratch);
    buf_put_slice(scratch, host);
    buf_putc(scratch, '\0');
    buf_put_slice(scratch, file);
    buf_putc(scratch, '\0');
    buf_puts(scratch, "user");
    buf_putc(scratch, '\0');
    buf_put_slice(scratch, username);
    check(scratch->err == ERR_OK);
    return uuid_v5(&namespace_id, buf_slice(scratch));
}
