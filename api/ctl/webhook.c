/* webhook create, update, delete, rotate-secret. */
#include "model/webhook.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "ctl/secret.h"
#include "ctl/webhook_options.h"
#include "ctl/webhook_store.h"
#include "model/account.h"
#include "model/signature.h"
#include "model/uuid.h"
#include "util/clock.h"
#include "util/mem.h"

#define NEEDS (COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT)

/* -------- create -------- */

/* "wh_" and 32 hex digits. */
static char *new_id(void)
{
    static const char hex[] = "0123456789abcdef";
    struct uuid id = uuid_v4();
    char text[3 + 32 + 1] = "wh_";
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        text[3 + 2 * i] = hex[id.bytes[i] >> 4];
        text[4 + 2 * i] = hex[id.bytes[i] & 15];
    }
    return mem_strdup(text);
}

/* A webhook needs an account with a plan for it. */
static enum err check_account(const struct ctl *ctl, const char *id, int64_t *max_webhooks, struct errmsg *why)
{
    struct definitions accounts;
    struct account *a = NULL;
    enum err err = definitions_read(&accounts, ctl, TOPIC_ACCOUNTS, why);
    const struct definition *found = err == ERR_OK ? definitions_find(&accounts, id) : NULL;
    if (err == ERR_OK) {
        err = found ? account_parse(slice_of(found->json, found->json_len), &a, why)
                    : errmsg_set(why, ERR_NOT_FOUND, "there is no account %.128s (`account create` makes it)", id);
    }
    if (err == ERR_OK && a && !account_is_paid(a)) {
        err = errmsg_set(why, ERR_REFUSED, "account %.128s is on the free plan: webhooks need a paid one (`account set --plan`)",
                         id);
    }
    if (err == ERR_OK && a) {
        *max_webhooks = a->max_webhooks;
    }
    account_free(a);
    definitions_free(&accounts);
    return err;
}

static enum err check_room(const struct definitions *d, const char *account_id, int64_t max_webhooks, struct errmsg *why)
{
    int64_t count = 0;
    for (const struct definition *at = d->table; at; at = at->hh.next) {
        struct webhook *wh = NULL;
        if (at->json && webhook_parse(slice_of(at->json, at->json_len), &wh, why) == ERR_OK) {
            count += strcmp(wh->account_id, account_id) == 0;
            webhook_free(wh);
        }
    }
    return count < max_webhooks ? ERR_OK
                                : errmsg_set(why, ERR_REFUSED, "account %.128s has %lld webhooks, which is its limit", account_id,
                                             (long long)count);
}

static enum err choose_secret(const struct webhook_args *args, struct buf *out, struct errmsg *why)
{
    char random[SIGNATURE_SECRET_SIZE];
    if (args->secret || args->secret_file) {
        return secret_read(args->secret, args->secret_file, out, why);
    }
    signature_new_secret(random);
    enum err err = secret_read(random, NULL, out, why);
    OPENSSL_cleanse(random, sizeof random);
    return err;
}

static enum err create_webhook(const struct ctl *ctl, const struct webhook_args *args, struct definitions *d, struct webhook *wh,
                               struct buf *secret, struct errmsg *why)
{
    int64_t max_webhooks = 0;
    enum err err = choose_secret(args, secret, why);
    if (err == ERR_OK) {
        err = webhook_seal(ctl, wh, buf_slice(secret), 0, why);
    }
    if (err == ERR_OK) {
        err = check_account(ctl, args->account, &max_webhooks, why);
    }
    if (err == ERR_OK) {
        err = definitions_read(d, ctl, TOPIC_WEBHOOKS, why);
    }
    if (err == ERR_OK) {
        err = check_room(d, args->account, max_webhooks, why);
    }
    return err == ERR_OK ? webhook_store(ctl, d, wh, why) : err;
}

static int create(struct ctl *ctl, const void *args)
{
    const struct webhook_args *a = args;
    struct definitions d = {0};
    struct buf secret = {0};
    struct errmsg why;
    if (!a->account || !a->url) {
        return ctl_usage("--%s is missing (--help tells more)", a->account ? "url" : "account");
    }
    struct webhook *wh = webhook_new();
    free(wh->id);
    free(wh->account_id);
    wh->id = new_id();
    wh->account_id = mem_strdup(a->account);
    wh->all_events = true;
    wh->created_wall_ms = clock_wall_ms();
    enum err err = webhook_apply(wh, a, &why);
    int status = err == ERR_OK ? CTL_OK : ctl_usage("%s", why.text);
    if (err == ERR_OK) {
        err = create_webhook(ctl, a, &d, wh, &secret, &why);
        status = err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
    }
    if (err == ERR_OK) {
        webhook_print_written(wh, buf_cstr(&secret), ctl->json);
    }
    secret_done(&secret);
    definitions_free(&d);
    webhook_free(wh);
    return status;
}

/* -------- changing one -------- */

/* Reads the table and the webhook that the command names, lets change() work on it, writes it, and prints what was written. */
static int change_webhook(struct ctl *ctl, enum err (*change)(struct ctl *ctl, struct webhook *wh, void *ctx, struct errmsg *why),
                          void *ctx, const char *secret)
{
    struct definitions d;
    struct webhook *wh = NULL;
    struct errmsg why;
    enum err err = definitions_read(&d, ctl, TOPIC_WEBHOOKS, &why);
    if (err == ERR_OK) {
        err = webhook_find(&d, ctl->argument, &wh, &why);
    }
    if (err == ERR_OK) {
        err = change(ctl, wh, ctx, &why);
    }
    if (err == ERR_OK) {
        err = webhook_store(ctl, &d, wh, &why);
    }
    if (err == ERR_OK) {
        webhook_print_written(wh, secret, ctl->json);
    }
    webhook_free(wh);
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

static enum err apply(struct ctl *ctl, struct webhook *wh, void *ctx, struct errmsg *why)
{
    (void)ctl;
    return webhook_apply(wh, ctx, why);
}

static bool changes_nothing(const struct webhook_args *a)
{
    return !a->url && !a->events && !a->description && !a->signature && a->patterns.count == 0 && a->headers.count == 0 &&
           a->max_attempts < 0 && a->timeout_ms < 0 && a->max_concurrency < 0 && a->rate_limit < 0 && !a->enable && !a->disable &&
           !a->pause;
}

static int update(struct ctl *ctl, const void *args)
{
    struct webhook_args a = *(const struct webhook_args *)args;
    if (changes_nothing(&a)) {
        return ctl_usage("nothing to change is given (--help tells what can be)");
    }
    struct webhook *probe = webhook_new();
    struct errmsg why;
    enum err err = webhook_apply(probe, &a, &why); /* a mistake in an option is told before anything is asked */
    webhook_free(probe);
    return err == ERR_OK ? change_webhook(ctl, apply, &a, NULL) : ctl_usage("%s", why.text);
}

struct rotation {
    int64_t overlap_s;
    char secret[SIGNATURE_SECRET_SIZE];
};

static enum err rotate(struct ctl *ctl, struct webhook *wh, void *ctx, struct errmsg *why)
{
    struct rotation *r = ctx;
    return webhook_seal(ctl, wh, slice_str(r->secret), r->overlap_s * 1000, why);
}

static const struct opt rotate_options[] = {
    {"overlap-s", OPT_INT, "N", "seconds for which the old secret signs too (default 86400; 0: none)",
     offsetof(struct rotation, overlap_s), 0, 30 * 86400, 86400},
};

static int rotate_secret(struct ctl *ctl, const void *args)
{
    struct rotation r = *(const struct rotation *)args;
    signature_new_secret(r.secret);
    int status = change_webhook(ctl, rotate, &r, r.secret);
    OPENSSL_cleanse(r.secret, sizeof r.secret);
    return status;
}

/* -------- delete -------- */

static int delete (struct ctl *ctl, const void *args)
{
    struct definitions d;
    struct errmsg why;
    (void)args;
    enum err err = definitions_read(&d, ctl, TOPIC_WEBHOOKS, &why);
    if (err == ERR_OK && !definitions_find(&d, ctl->argument)) {
        err = errmsg_set(&why, ERR_NOT_FOUND, "there is no webhook %.64s", ctl->argument);
    }
    if (err == ERR_OK) {
        err = definitions_write(&d, ctl->argument, (struct slice){0}, &why);
    }
    if (err == ERR_OK && ctl->json) {
        json_t *said = json_pack("{s:s,s:b}", "id", ctl->argument, "deleted", 1);
        display_print_json(said, true);
        json_decref(said);
    } else if (err == ERR_OK) {
        (void)printf("webhook %s deleted\n", ctl->argument);
    }
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

const struct command command_webhook_create = {
    .group = "webhook",
    .name = "create",
    .help = "Creates a webhook and prints its id and secret.\n"
            "The secret is shown this once: it is kept sealed by the key file (TRUEFTP_SECRETS_KEY_FILE).",
    .needs = NEEDS,
    .options = webhook_create_options,
    .option_count = WEBHOOK_CREATE_OPTIONS,
    .args_size = sizeof(struct webhook_args),
    .run = create,
};

const struct command command_webhook_update = {
    .group = "webhook",
    .name = "update",
    .argument = "ID",
    .help = "Changes what is given of a webhook, and nothing else.",
    .needs = NEEDS,
    .options = webhook_update_options,
    .option_count = WEBHOOK_UPDATE_OPTIONS,
    .args_size = sizeof(struct webhook_args),
    .run = update,
};

const struct command command_webhook_rotate_secret = {
    .group = "webhook",
    .name = "rotate-secret",
    .argument = "ID",
    .help = "Gives a webhook a new secret and prints it, this once.\n"
            "The old one signs too until the overlap ends; one that was still overlapping ends now.",
    .needs = NEEDS,
    .options = rotate_options,
    .option_count = sizeof rotate_options / sizeof rotate_options[0],
    .args_size = sizeof(struct rotation),
    .run = rotate_secret,
};

const struct command command_webhook_delete = {
    .group = "webhook",
    .name = "delete",
    .argument = "ID",
    .help = "Deletes a webhook; what is open for it is not sent any more.",
    .needs = NEEDS,
    .run = delete,
};
