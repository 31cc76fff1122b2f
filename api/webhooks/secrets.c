#include "webhooks/secrets.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/mem.h"

#define SEALED_MAX (16UL * 1024)

static void put(struct webhook *wh, const char *sealed, int64_t overlap_until_wall_ms)
{
    bool keep = wh->secret_count > 0 && overlap_until_wall_ms > 0;
    for (size_t i = keep ? 1 : 0; i < wh->secret_count; i++)
        free(wh->secrets[i].sealed);
    if (keep) {
        wh->secrets[1] = wh->secrets[0];
        wh->secrets[1].expires_wall_ms = overlap_until_wall_ms;
    }
    wh->secrets[0] = (struct webhook_secret){.sealed = mem_strdup(sealed), .sealed_version = wh->version};
    wh->secret_count = keep ? 2 : 1;
}

enum err webhook_new_secret(const struct keyring *keys, struct webhook *wh, int64_t overlap_until_wall_ms,
                            char secret[SIGNATURE_SECRET_SIZE])
{
    struct buf sealed;
    signature_new_secret(secret);
    buf_init(&sealed, SEALED_MAX);
    enum err err = sealed_seal(keys, slice_str(wh->account_id), slice_str(wh->id), wh->version, slice_str(secret), &sealed);
    if (err == ERR_OK)
        put(wh, buf_cstr(&sealed), overlap_until_wall_ms);
    else
        OPENSSL_cleanse(secret, SIGNATURE_SECRET_SIZE);
    buf_done(&sealed);
    return err;
}

const char *webhook_secret_misfit(const struct keyring *keys, const struct webhook *wh)
{
    struct buf secret;
    struct errmsg why;
    if (wh->signature == WEBHOOK_SIGN_TRUEFTP || wh->secret_count == 0)
        return NULL;
    buf_init(&secret, SEALED_SECRET_MAX);
    enum err err = sealed_open(keys, slice_str(wh->account_id), slice_str(wh->id), wh->secrets[0].sealed_version,
                               slice_str(wh->secrets[0].sealed), &secret, &why);
    struct signer *signer = err == ERR_OK ? signer_new_standard(buf_slice(&secret)) : NULL;
    if (secret.p)
        OPENSSL_cleanse(secret.p, secret.len);
    buf_done(&secret);
    signer_free(signer);
    if (err == ERR_OK)
        return signer ? NULL : "the secret is none of Standard Webhooks: rotate it first";
    log_error("secret_unreadable", LOG_STR("webhook_id", wh->id), LOG_STR("error", why.text));
    return "the secret cannot be opened at present: rotate it first";
}
