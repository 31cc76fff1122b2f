/* HMAC by a keyed EVP_MAC context that is initialised again for each signature: OpenSSL then copies the states made from the
 * key, 3-4 times cheaper than the one-shot HMAC(), which looks the algorithm up and derives them each time. The pieces of the
 * signed content are fed one after another, so that the body is never copied. */
#include "model/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "model/base64.h"
#include "util/mem.h"

#define MAC_SIZE 32
#define STANDARD_KEY_MAX 512
#define DECIMAL_SIZE 24 /* sign, 19 digits and a separator or two */
#define NEW_SECRET_BYTES 32

struct signer {
    EVP_MAC_CTX *ctx;
    bool standard;
};

/* OpenSSL has HMAC-SHA256 and does what it is asked for here, or it has no memory. Its error does not always say which. */
static void need(bool ok)
{
    static const char text[] = "OpenSSL: no memory for a signature, or no HMAC-SHA256\n";
    if (ok)
        return;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* nothing is left to be done about it */
    _exit(EX_OSERR);
}

static struct signer *signer_new(struct slice key, bool standard)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    need(hmac != NULL);
    struct signer *s = mem_zalloc(sizeof(*s));
    s->standard = standard;
    s->ctx = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the context holds a reference */
    need(s->ctx != NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    need(EVP_MAC_init(s->ctx, (const unsigned char *)key.p, key.len, params) == 1);
    return s;
}

struct signer *signer_new_trueftp(struct slice secret)
{
    return secret.len > 0 ? signer_new(secret, false) : NULL;
}

struct signer *signer_new_standard(struct slice secret)
{
    const struct slice prefix = SLICE("whsec_");
    if (secret.len >= prefix.len && memcmp(secret.p, prefix.p, prefix.len) == 0)
        secret = slice_of(secret.p + prefix.len, secret.len - prefix.len);
    struct buf key;
    struct signer *s = NULL;
    buf_init(&key, STANDARD_KEY_MAX + 4);
    /* All the room at once: growing would leave copies of the key behind. */
    (void)mem_reserve(&key, STANDARD_KEY_MAX + 4);
    if (base64_decode(&key, secret) == ERR_OK && key.len > 0 && key.len <= STANDARD_KEY_MAX)
        s = signer_new(buf_slice(&key), true);
    OPENSSL_cleanse(key.p, STANDARD_KEY_MAX + 4);
    buf_done(&key);
    return s;
}

void signer_free(struct signer *s)
{
    if (!s)
        return;
    EVP_MAC_CTX_free(s->ctx); /* wipes the key and the states */
    free(s);
}

/* "." before, the number, "." behind: both schemes sign the timestamp between dots, ours without the first one. */
static struct slice dotted_decimal(char text[DECIMAL_SIZE], int64_t value, bool leading_dot)
{
    size_t at = DECIMAL_SIZE;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    text[--at] = '.';
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    if (leading_dot)
        text[--at] = '.';
    return slice_of(text + at, DECIMAL_SIZE - at);
}

static void mac_update(struct signer *s, struct slice piece)
{
    if (piece.len > 0)
        need(EVP_MAC_update(s->ctx, (const unsigned char *)piece.p, piece.len) == 1);
}

static void mac_begin(struct signer *s)
{
    need(EVP_MAC_init(s->ctx, NULL, 0, NULL) == 1);
}

static void mac_end(struct signer *s, unsigned char mac[MAC_SIZE])
{
    size_t len = 0;
    need(EVP_MAC_final(s->ctx, mac, &len, MAC_SIZE) == 1);
    check(len == MAC_SIZE);
}

void sign_trueftp(struct signer *s, int64_t timestamp_s, struct slice body, char out[SIGNATURE_TRUEFTP_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char decimal[DECIMAL_SIZE];
    unsigned char mac[MAC_SIZE];
    check(!s->standard);
    mac_begin(s);
    mac_update(s, dotted_decimal(decimal, timestamp_s, false));
    mac_update(s, body);
    mac_end(s, mac);
    memcpy(out, "sha256=", 7);
    char *p = out + 7;
    for (size_t i = 0; i < MAC_SIZE; i++) {
        *p++ = digits[mac[i] >> 4];
        *p++ = digits[mac[i] & 15];
    }
    *p = '\0';
}

void sign_standard(struct signer *s, struct slice id, int64_t timestamp_s, struct slice body, char out[SIGNATURE_STANDARD_SIZE])
{
    char decimal[DECIMAL_SIZE];
    unsigned char mac[MAC_SIZE];
    check(s->standard);
    mac_begin(s);
    mac_update(s, id);
    mac_update(s, dotted_decimal(decimal, timestamp_s, true));
    mac_update(s, body);
    mac_end(s, mac);
    memcpy(out, "v1,", 3);
    EVP_EncodeBlock((unsigned char *)out + 3, mac, MAC_SIZE);
}

/* The length is no secret; a shorter text that begins alike must not pass. */
static bool equal_constant_time(struct slice given, const char *expected)
{
    size_t len = strlen(expected);
    return given.len == len && CRYPTO_memcmp(given.p, expected, len) == 0;
}

bool verify_trueftp(struct signer *s, int64_t timestamp_s, struct slice body, struct slice header)
{
    char expected[SIGNATURE_TRUEFTP_SIZE];
    sign_trueftp(s, timestamp_s, body, expected);
    return equal_constant_time(header, expected);
}

bool verify_standard(struct signer *s, struct slice id, int64_t timestamp_s, struct slice body, struct slice header)
{
    char expected[SIGNATURE_STANDARD_SIZE];
    bool matches = false;
    sign_standard(s, id, timestamp_s, body, expected);
    while (header.len > 0) {
        const char *space = memchr(header.p, ' ', header.len);
        size_t len = space ? (size_t)(space - header.p) : header.len;
        matches |= equal_constant_time(slice_of(header.p, len), expected);
        size_t used = space ? len + 1 : len;
        header = slice_of(header.p + used, header.len - used);
    }
    return matches;
}

void signature_new_secret(char out[SIGNATURE_SECRET_SIZE])
{
    unsigned char bytes[NEW_SECRET_BYTES];
    check(RAND_priv_bytes(bytes, sizeof(bytes)) == 1); /* a secret that can be guessed is worse than none */
    memcpy(out, "whsec_", 6);
    EVP_EncodeBlock((unsigned char *)out + 6, bytes, sizeof(bytes));
    OPENSSL_cleanse(bytes, sizeof(bytes));
}
