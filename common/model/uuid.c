/* UUIDs. SHA-1 is fetched from OpenSSL once: fetching it for every id would cost more than the hash itself. */
#include "model/uuid.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";

static EVP_MD *sha1;
static pthread_once_t sha1_once = PTHREAD_ONCE_INIT;

static void fetch_sha1(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

static void set_version(struct uuid *id, unsigned version)
{
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | (version << 4));
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

static void hash(struct slice text, struct uuid *id)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    check(EVP_Digest(text.p, text.len, digest, NULL, sha1, NULL) == 1);
    memcpy(id->bytes, digest, sizeof id->bytes);
}

struct uuid uuid_v5(const struct uuid *namespace_id, struct slice name)
{
    struct uuid id;
    char small[256] NOT_ZEROED;
    struct buf large;

    pthread_once(&sha1_once, fetch_sha1);
    check(sha1 != NULL);
    if (name.len <= sizeof small - sizeof namespace_id->bytes) {
        memcpy(small, namespace_id->bytes, sizeof namespace_id->bytes);
        if (name.len > 0) {
            memcpy(small + sizeof namespace_id->bytes, name.p, name.len);
        }
        hash(slice_of(small, sizeof namespace_id->bytes + name.len), &id);
    } else {
        buf_init(&large, SIZE_MAX / 2);
        buf_put(&large, namespace_id->bytes, sizeof namespace_id->bytes);
        buf_put_slice(&large, name);
        check(large.err == ERR_OK);
        hash(buf_slice(&large), &id);
        buf_done(&large);
    }
    set_version(&id, 5);
    return id;
}

static void random_bytes(uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        check(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

struct uuid uuid_v4(void)
{
    struct uuid id;
    random_bytes(id.bytes, sizeof id.bytes);
    set_version(&id, 4);
    return id;
}

struct uuid uuid_v7(int64_t wall_ms)
{
    struct uuid id;
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    random_bytes(id.bytes, sizeof id.bytes);
    for (int i = 5; i >= 0; i--) {
        id.bytes[i] = (uint8_t)(ms & 0xff);
        ms >>= 8;
    }
    set_version(&id, 7);
    return id;
}

void uuid_format(const struct uuid *id, char out[UUID_TEXT_SIZE])
{
    static const unsigned char at[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    for (unsigned i = 0; i < sizeof id->bytes; i++) {
        out[at[i]] = hex_digits[id->bytes[i] >> 4];
        out[at[i] + 1] = hex_digits[id->bytes[i] & 0x0f];
    }
    out[8] = out[13] = out[18] = out[23] = '-';
    out[UUID_TEXT_SIZE - 1] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err uuid_parse(struct slice text, struct uuid *out)
{
    struct uuid id;
    size_t at = 0;

    if (text.len != UUID_TEXT_SIZE - 1) {
        return ERR_INVALID;
    }
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-') {
            return ERR_INVALID;
        }
        int high = hex_value(text.p[at]);
        int low = hex_value(text.p[at + 1]);
        if (high < 0 || low < 0) {
            return ERR_INVALID;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *out = id;
    return ERR_OK;
}
