#include "ctl/webhook_store.h"

#include <stdlib.h>

#include "ctl/display.h"
#include "ctl/policy.h"
#include "ctl/secret.h"
#include "model/signature.h"
#include "util/clock.h"
#include "util/mem.h"

#define RECORD_MAX (1024UL * 1024)
#define SEALED_MAX (16UL * 1024)

enum err webhook_find(const struct definitions *d, const char *id, struct webhook **out, struct errmsg *why)
{
    const struct definition *found = definitions_find(d, id);
    return found ? webhook_parse(slice_of(found->json, found->json_len), out, why)
                 : errmsg_set(why, ERR_NOT_FOUND, "there is no webhook %.64s", id);
}

static enum err check_secret(const struct webhook *wh, struct slice secret, struct errmsg *why)
{
    struct signer *signer = signer_new_standard(secret);
    bool usable = signer != NULL;
    signer_free(signer);
    if (wh->signature != WEBHOOK_SIGN_TRUEFTP && !usable) {
        return errmsg_set(why, ERR_INVALID, "the secret must be whsec_ and base64 for Standard Webhooks");
    }
    return ERR_OK;
}

static void put_secret(struct webhook *wh, const char *sealed, int64_t overlap_ms)
{
    if (wh->secret_count > 1) {
        free(wh->secrets[1].sealed);
    }
    if (wh->secret_count > 0 && overlap_ms > 0) {
        wh->secrets[1] = wh->secrets[0];
        wh->secrets[1].expires_wall_ms = clock_wall_ms() + overlap_ms;
        wh->secret_count = 2;
    } else {
        if (wh->secret_count > 0) {
            free(wh->secrets[0].sealed);
        }
        wh->secret_count = 1;
    }
    wh->secrets[0] = (struct webhook_secret){.sealed = mem_strdup(sealed), .sealed_version = wh->version + 1};
}

enum err webhook_seal(const struct ctl *ctl, struct webhook *wh, struct slice secret, int64_t overlap_ms, struct errmsg *why)
{
    struct keyring *keys = NULL;
    struct buf sealed;
    enum err err = check_secret(wh, secret, why);
    if (err == ERR_OK) {
        err = secret_keyring(ctl, &keys, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    buf_init(&sealed, SEALED_MAX);
    err = sealed_seal(keys, slice_str(wh->account_id), slice_str(wh->id), wh->version + 1, secret, &sealed);
    if (err == ERR_OK) {
        put_secret(wh, buf_cstr(&sealed), overlap_ms);
    } else {
        err = errmsg_set(why, err, "the secret cannot be sealed: %s", err_name(err));
    }
    buf_done(&sealed);
    keyring_free(keys);
    return err;
}

static enum err check_url(const struct ctl *ctl, const char *url, struct errmsg *why)
{
    struct target_policy policy = {0};
    struct target target = {0};
    struct errmsg inner;
    enum err err = policy_read(ctl, &policy, why);
    if (err == ERR_OK && (err = target_parse(&policy, url, &target, &inner)) != ERR_OK) {
        err = errmsg_set(why, err, "--url: %.400s", inner.text);
    }
    target_done(&target);
    target_policy_done(&policy);
    return err;
}

/* A webhook's secret must be there and fit its signature, which an update may have changed: it is opened to see. */
static enum err check_signature(const struct ctl *ctl, const struct webhook *wh, struct errmsg *why)
{
    struct keyring *keys = NULL;
    struct buf secret;
    if (wh->signature == WEBHOOK_SIGN_TRUEFTP || wh->secret_count == 0) {
        return ERR_OK;
    }
    enum err err = secret_keyring(ctl, &keys, why);
    if (err != ERR_OK) {
        return err;
    }
    buf_init(&secret, SEALED_SECRET_MAX);
    err = sealed_open(keys, slice_str(wh->account_id), slice_str(wh->id), wh->secrets[0].sealed_version,
                      slice_str(wh->secrets[0].sealed), &secret, why);
    if (err == ERR_OK) {
        err = check_secret(wh, buf_slice(&secret), why);
    }
    secret_done(&secret);
    keyring_free(keys);
    return err;
}

enum err webhook_store(const struct ctl *ctl, struct definitions *d, struct webhook *wh, struct errmsg *why)
{
    struct buf record;
    enum err err = check_url(ctl, wh->url, why);
    if (err == ERR_OK) {
        err = check_signature(ctl, wh, why);
    }
    wh->version++;
    wh->updated_wall_ms = clock_wall_ms();
    if (err == ERR_OK) {
        err = webhook_validate(wh, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    buf_init(&record, RECORD_MAX);
    webhook_write(&record, wh);
    err = record.err ? errmsg_set(why, record.err, "the webhook is too big")
                     : definitions_write(d, wh->id, buf_slice(&record), why);
    buf_done(&record);
    return err;
}

void webhook_print_written(const struct webhook *wh, const char *secret, bool json)
{
    if (json) {
        json_t *said = json_pack("{s:s,s:s,s:s,s:I}", "id", wh->id, "account_id", wh->account_id, "url", wh->url, "version",
                                 (json_int_t)wh->version);
        if (secret) {
            (void)json_object_set_new(said, "secret", json_string(secret));
        }
        display_print_json(said, true);
        json_decref(said);
        return;
    }
    (void)printf("webhook %s\n", wh->id);
    if (secret) {
        (void)printf("secret  %s\n", secret);
    }
}
