/* Envelope encryption with AES-256-GCM (NIST SP 800-38D). A box is nonce (12 bytes, random), ciphertext, tag (16 bytes).
 * The data key's box is made with the key-encryption key, the secret's box with the data key; both carry the same additional
 * data. So changing the key-encryption key means wrapping 32 bytes anew, and one data key never sees two messages. Random
 * nonces are safe for 2^32 boxes of one key-encryption key. */
#include "model/sealed.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "model/base64.h"
#include "model/keyring.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16
#define BOX_EXTRA (NONCE_SIZE + TAG_SIZE)
#define WRAPPED_SIZE (KEY_SIZE + BOX_EXTRA)
#define AAD_MAX 1024

static struct slice bytes_slice(const unsigned char *p, size_t len)
{
    return slice_of((const char *)p, len);
}

/* account|webhook|version. An id with a '|' could pass for another pair of ids. */
static enum err additional_data(struct slice account_id, struct slice webhook_id, int64_t version, struct buf *out)
{
    if ((account_id.len > 0 && memchr(account_id.p, '|', account_id.len)) ||
        (webhook_id.len > 0 && memchr(webhook_id.p, '|', webhook_id.len)))
        return ERR_INVALID;
    buf_put_slice(out, account_id);
    buf_putc(out, '|');
    buf_put_slice(out, webhook_id);
    buf_putc(out, '|');
    buf_put_i64(out, version);
    return out->err;
}

static bool cipher_update(EVP_CIPHER_CTX *ctx, unsigned char *out, struct slice in)
{
    int len = 0;
    if (in.len == 0)
        return true; /* a NULL input would mean something else to OpenSSL */
    return EVP_CipherUpdate(ctx, out, &len, (const unsigned char *)in.p, (int)in.len) == 1;
}

/* Writes plain.len + BOX_EXTRA bytes to box. false: OpenSSL had no memory or no random numbers. */
static bool box_close(const unsigned char key[KEY_SIZE], struct slice aad, struct slice plain, unsigned char *box)
{
    unsigned char *text = box + NONCE_SIZE, *tag = text + plain.len;
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && RAND_bytes(box, NONCE_SIZE) == 1 && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key, box, 1, NULL) == 1 &&
              cipher_update(ctx, NULL, aad) && cipher_update(ctx, text, plain) && EVP_CipherFinal_ex(ctx, tag, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx); /* wipes the key schedule */
    if (!ok)
        ERR_clear_error();
    return ok;
}

/* Writes box.len - BOX_EXTRA bytes to plain, also when false is returned (does not authenticate): the caller wipes them. */
static bool box_open(const unsigned char key[KEY_SIZE], struct slice aad, struct slice box, unsigned char *plain)
{
    struct slice text = slice_of(box.p + NONCE_SIZE, box.len - BOX_EXTRA);
    unsigned char tag[TAG_SIZE], none[TAG_SIZE];
    int len = 0;
    memcpy(tag, text.p + text.len, TAG_SIZE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key, (const unsigned char *)box.p, 0, NULL) == 1 &&
              cipher_update(ctx, NULL, aad) && cipher_update(ctx, plain, text) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 && EVP_CipherFinal_ex(ctx, none, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        ERR_clear_error();
    return ok;
}

static void put_envelope(struct buf *out, const char *key_id, struct slice wrapped, struct slice box)
{
    buf_puts(out, "v1.");
    buf_puts(out, key_id);
    buf_putc(out, '.');
    base64_put(out, wrapped);
    buf_putc(out, '.');
    base64_put(out, box);
}

enum err sealed_seal(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                     struct slice secret, struct buf *out)
{
    unsigned char data_key[KEY_SIZE], wrapped[WRAPPED_SIZE], box[SEALED_SECRET_MAX + BOX_EXTRA];
    struct buf aad;
    size_t start = out->len;
    if (secret.len > SEALED_SECRET_MAX)
        return ERR_TOO_BIG;
    buf_init(&aad, AAD_MAX);
    enum err err = additional_data(account_id, webhook_id, version, &aad);
    if (err == ERR_OK && !(RAND_priv_bytes(data_key, sizeof(data_key)) == 1 &&
                           box_close(k->keys[0].bytes, buf_slice(&aad), bytes_slice(data_key, KEY_SIZE), wrapped) &&
                           box_close(data_key, buf_slice(&aad), secret, box)))
        err = ERR_NO_MEMORY;
    OPENSSL_cleanse(data_key, sizeof(data_key));
    buf_done(&aad);
    if (err != ERR_OK)
        return err;
    put_envelope(out, k->keys[0].id, bytes_slice(wrapped, sizeof(wrapped)), bytes_slice(box, secret.len + BOX_EXTRA));
    if (out->err != ERR_OK)
        buf_truncate(out, start);
    return out->err;
}

/* What an envelope's text says. */
struct envelope {
    struct slice key_id;
    struct slice wrapped, box; /* base64 */
};

/* Cuts *rest behind the next '.'; false where there is none. */
static bool take_part(struct slice *rest, struct slice *part)
{
    const char *dot = rest->len > 0 ? memchr(rest->p, '.', rest->len) : NULL;
    if (!dot)
        return false;
    *part = slice_of(rest->p, (size_t)(dot - rest->p));
    *rest = slice_of(dot + 1, rest->len - part->len - 1);
    return true;
}

static bool envelope_split(struct slice text, struct envelope *e)
{
    struct slice version;
    if (!take_part(&text, &version) || !slice_eq(version, SLICE("v1")))
        return false;
    if (!take_part(&text, &e->key_id) || !take_part(&text, &e->wrapped))
        return false;
    e->box = text;
    return key_id_valid(e->key_id);
}

/* An envelope that is being opened. */
struct opening {
    const struct key *key;
    struct buf aad, wrapped, box;
};

static void opening_done(struct opening *o)
{
    buf_done(&o->aad);
    buf_done(&o->wrapped);
    buf_done(&o->box);
}

/* Fills *o, which the caller ends with opening_done whatever is returned. */
static enum err opening_init(struct opening *o, const struct keyring *k, struct slice account_id, struct slice webhook_id,
                             int64_t version, struct slice envelope, struct errmsg *why)
{
    struct envelope e;
    buf_init(&o->aad, AAD_MAX);
    buf_init(&o->wrapped, WRAPPED_SIZE + 2);
    buf_init(&o->box, SEALED_SECRET_MAX + BOX_EXTRA + 2);
    if (!envelope_split(envelope, &e))
        return errmsg_set(why, ERR_INVALID, "not a sealed secret");
    o->key = keyring_find(k, e.key_id);
    if (!o->key)
        return errmsg_set(why, ERR_NOT_FOUND, "the secret is sealed with key %.*s, which is not in the key file",
                          (int)e.key_id.len, e.key_id.p);
    enum err err = additional_data(account_id, webhook_id, version, &o->aad);
    if (err == ERR_OK && (base64_decode(&o->wrapped, e.wrapped) != ERR_OK || base64_decode(&o->box, e.box) != ERR_OK))
        err = ERR_INVALID;
    if (err != ERR_OK)
        return errmsg_set(why, err, "not a sealed secret, or ids that cannot have one");
    if (o->wrapped.len != WRAPPED_SIZE || o->box.len < BOX_EXTRA || o->box.len > SEALED_SECRET_MAX + BOX_EXTRA)
        return errmsg_set(why, ERR_INVALID, "the sealed secret has a wrong length");
    return ERR_OK;
}

/* The data key and the secret, whose length is the box' without BOX_EXTRA. The caller wipes both, whatever is returned. */
static enum err open_boxes(const struct opening *o, unsigned char data_key[KEY_SIZE], unsigned char secret[SEALED_SECRET_MAX],
                           struct errmsg *why)
{
    struct slice aad = buf_slice(&o->aad);
    if (box_open(o->key->bytes, aad, buf_slice(&o->wrapped), data_key) && box_open(data_key, aad, buf_slice(&o->box), secret))
        return ERR_OK;
    return errmsg_set(why, ERR_REFUSED, "the sealed secret does not authenticate with key %s for this webhook", o->key->id);
}

enum err sealed_open(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                     struct slice envelope, struct buf *out, struct errmsg *why)
{
    unsigned char data_key[KEY_SIZE], secret[SEALED_SECRET_MAX];
    struct opening o;
    enum err err = opening_init(&o, k, account_id, webhook_id, version, envelope, why);
    if (err == ERR_OK) {
        err = open_boxes(&o, data_key, secret, why);
        if (err == ERR_OK) {
            buf_put(out, secret, o.box.len - BOX_EXTRA);
            err = out->err == ERR_OK ? ERR_OK : errmsg_set(why, out->err, "no room for the secret");
        }
        OPENSSL_cleanse(data_key, sizeof(data_key));
        OPENSSL_cleanse(secret, sizeof(secret));
    }
    opening_done(&o);
    return err;
}

/* -------- another key -------- */

bool sealed_by_writing(const struct keyring *k, struct slice envelope)
{
    struct envelope e;
    return envelope_split(envelope, &e) && slice_eq(e.key_id, slice_str(k->keys[0].id));
}

enum err sealed_rewrap(const struct keyring *k, struct slice account_id, struct slice webhook_id, int64_t version,
                       struct slice envelope, struct buf *out, struct errmsg *why)
{
    unsigned char data_key[KEY_SIZE], secret[SEALED_SECRET_MAX], wrapped[WRAPPED_SIZE];
    struct opening o;
    size_t start = out->len;
    enum err err = opening_init(&o, k, account_id, webhook_id, version, envelope, why);
    if (err == ERR_OK) {
        err = open_boxes(&o, data_key, secret, why);
        if (err == ERR_OK && !box_close(k->keys[0].bytes, buf_slice(&o.aad), bytes_slice(data_key, KEY_SIZE), wrapped))
            err = errmsg_set(why, ERR_NO_MEMORY, "OpenSSL had no memory or no random numbers");
        OPENSSL_cleanse(data_key, sizeof(data_key));
        OPENSSL_cleanse(secret, sizeof(secret));
    }
    if (err == ERR_OK)
        put_envelope(out, k->keys[0].id, bytes_slice(wrapped, sizeof(wrapped)), buf_slice(&o.box));
    if (err == ERR_OK && out->err != ERR_OK) {
        buf_truncate(out, start);
        err = errmsg_set(why, out->err, "no room for the envelope");
    }
    opening_done(&o);
    return err;
}
