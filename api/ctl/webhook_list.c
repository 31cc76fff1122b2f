/* webhook list, show. Sealed secrets are never printed, only that they are there. */
#include <string.h>

#include "ctl/display.h"
#include "ctl/webhook_store.h"
#include "model/json_members.h"

#define NEEDS (COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT)
#define LINE_MAX_BYTES (256UL * 1024)

struct args {
    const char *account;
};

static const struct opt list_options[] = {
    {"account", OPT_TEXT, "A", "only those of this account", offsetof(struct args, account), 0, 0, 0},
};

static enum err print_record(const struct definition *found, bool compact, struct errmsg *why)
{
    json_t *root = NULL, *secret = NULL;
    size_t i = 0;
    enum err err = json_members_load(slice_of(found->json, found->json_len), &root, why);
    if (err != ERR_OK) {
        return err;
    }
    json_array_foreach(json_object_get(root, "secrets"), i, secret)
    {
        (void)json_object_del(secret, "sealed");
    }
    display_print_json(root, compact);
    json_decref(root);
    return ERR_OK;
}

static void put_events(struct buf *line, const struct webhook *wh)
{
    const char *comma = "";
    if (wh->all_events) {
        buf_putc(line, '*');
        comma = ",";
    }
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (wh->events >> (unsigned)i & 1U) {
            buf_printf(line, "%s%s", comma, event_type_name((enum event_type)i));
            comma = ",";
        }
    }
}

static const char *state_name(const struct webhook *wh)
{
    if (wh->enabled) {
        return "enabled";
    }
    return *wh->disabled_reason ? "disabled: " : "paused";
}

static void print_line(const struct webhook *wh)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_printf(&line, "%s  %s  ", wh->id, wh->account_id);
    display_put(&line, slice_str(wh->url));
    buf_puts(&line, "  ");
    put_events(&line, wh);
    buf_printf(&line, "  version %lld  %s", (long long)wh->version, state_name(wh));
    display_put(&line, slice_str(wh->disabled_reason));
    (void)puts(buf_cstr(&line));
    buf_done(&line);
}

static enum err list_one(const struct definition *at, const char *account, bool json, struct errmsg *why)
{
    struct webhook *wh = NULL;
    struct errmsg bad;
    enum err err = ERR_OK;
    if (webhook_parse(slice_of(at->json, at->json_len), &wh, &bad) != ERR_OK) {
        ctl_warn("webhook %.64s: %.300s", at->key, bad.text);
        return ERR_OK;
    }
    if (account && strcmp(wh->account_id, account) != 0) {
        err = ERR_OK;
    } else if (json) {
        err = print_record(at, true, why);
    } else {
        print_line(wh);
    }
    webhook_free(wh);
    return err;
}

static int by_key(const struct definition *a, const struct definition *b)
{
    return strcmp(a->key, b->key);
}

static int list(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct definitions d;
    struct errmsg why;
    enum err err = definitions_read(&d, ctl, TOPIC_WEBHOOKS, &why);
    HASH_SORT(d.table, by_key);
    for (const struct definition *at = d.table; err == ERR_OK && at; at = at->hh.next) {
        if (at->json) {
            err = list_one(at, a->account, ctl->json, &why);
        }
    }
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

static int show(struct ctl *ctl, const void *args)
{
    struct definitions d;
    struct errmsg why;
    (void)args;
    enum err err = definitions_read(&d, ctl, TOPIC_WEBHOOKS, &why);
    const struct definition *found = err == ERR_OK ? definitions_find(&d, ctl->argument) : NULL;
    if (err == ERR_OK) {
        err = found ? print_record(found, ctl->json, &why)
                    : errmsg_set(&why, ERR_NOT_FOUND, "there is no webhook %.64s", ctl->argument);
    }
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

const struct command command_webhook_list = {
    .group = "webhook",
    .name = "list",
    .help = "Lists the webhooks, a line each.",
    .needs = NEEDS,
    .options = list_options,
    .option_count = sizeof list_options / sizeof list_options[0],
    .args_size = sizeof(struct args),
    .run = list,
};

const struct command command_webhook_show = {
    .group = "webhook",
    .name = "show",
    .argument = "ID",
    .help = "Prints a webhook's record; of its secrets only that they are there.",
    .needs = NEEDS,
    .run = show,
};
