/* account create, list, show, set. */
#include "model/account.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/definitions.h"
#include "ctl/display.h"
#include "model/json_members.h"
#include "util/clock.h"
#include "util/mem.h"

#define RECORD_MAX (1024UL * 1024)

struct args {
    const char *name, *plan, *pool;
};

#define OPTION_NAME                                                                                                              \
    {                                                                                                                            \
        "name", OPT_TEXT, "N", "name for people", offsetof(struct args, name), 0, 0, 0                                           \
    }
#define OPTION_POOL                                                                                                              \
    {                                                                                                                            \
        "pool", OPT_TEXT, "P", "pool that its new events go to; empty: the shared one", offsetof(struct args, pool), 0, 0, 0     \
    }

static const struct opt create_options[] = {
    OPTION_NAME,
    {"plan", OPT_TEXT, "PLAN", "plan (default pro); webhooks need one that is not free", offsetof(struct args, plan), 0, 0, 0},
    OPTION_POOL,
};
static const struct opt set_options[] = {
    OPTION_NAME,
    {"plan", OPT_TEXT, "PLAN", "plan; free pauses its webhooks without losing them", offsetof(struct args, plan), 0, 0, 0},
    OPTION_POOL,
};

static void replace(char **field, const char *text)
{
    if (text) {
        free(*field);
        *field = mem_strdup(text);
    }
}

/* A record that cannot be read back must not be written. */
static enum err check_record(const struct buf *record, struct errmsg *why)
{
    struct account *a = NULL;
    enum err err =
        record->err ? errmsg_set(why, record->err, "the account is too big") : account_parse(buf_slice(record), &a, why);
    account_free(a);
    return err;
}

static void print_written(const struct account *a, bool json)
{
    if (json) {
        json_t *said = json_pack("{s:s,s:s,s:I}", "id", a->id, "plan", a->plan, "version", (json_int_t)a->version);
        display_print_json(said, true);
        json_decref(said);
    } else {
        (void)printf("account %s: plan %s, version %lld\n", a->id, a->plan, (long long)a->version);
    }
}

/* Fills in what was given and the version, writes the record and prints what it is now. */
static enum err store(struct definitions *d, struct account *a, const struct args *args, bool json, struct errmsg *why)
{
    struct buf record;
    replace(&a->name, args->name);
    replace(&a->plan, args->plan);
    replace(&a->pool, args->pool);
    a->version++;
    a->updated_wall_ms = clock_wall_ms();
    buf_init(&record, RECORD_MAX);
    account_write(&record, a);
    enum err err = check_record(&record, why);
    if (err == ERR_OK) {
        err = definitions_write(d, a->id, buf_slice(&record), why);
    }
    if (err == ERR_OK) {
        print_written(a, json);
    }
    buf_done(&record);
    return err;
}

static enum err create_account(struct ctl *ctl, const struct args *args, struct errmsg *why)
{
    struct definitions d;
    struct account *a = account_new();
    enum err err = definitions_read(&d, ctl, TOPIC_ACCOUNTS, why);
    if (err == ERR_OK && definitions_find(&d, ctl->argument)) {
        err = errmsg_set(why, ERR_EXISTS, "account %s is there already (`account set` changes it)", ctl->argument);
    }
    if (err == ERR_OK) {
        replace(&a->id, ctl->argument);
        replace(&a->plan, "pro");
        a->created_wall_ms = clock_wall_ms();
        err = store(&d, a, args, ctl->json, why);
    }
    account_free(a);
    definitions_free(&d);
    return err;
}

static enum err find_account(const struct definitions *d, const char *id, struct account **out, struct errmsg *why)
{
    const struct definition *found = definitions_find(d, id);
    return found ? account_parse(slice_of(found->json, found->json_len), out, why)
                 : errmsg_set(why, ERR_NOT_FOUND, "there is no account %.128s", id);
}

static enum err change_account(struct ctl *ctl, const struct args *args, struct errmsg *why)
{
    struct definitions d;
    struct account *a = NULL;
    enum err err = definitions_read(&d, ctl, TOPIC_ACCOUNTS, why);
    if (err == ERR_OK) {
        err = find_account(&d, ctl->argument, &a, why);
    }
    if (err == ERR_OK && a) {
        err = store(&d, a, args, ctl->json, why);
    }
    account_free(a);
    definitions_free(&d);
    return err;
}

static int create(struct ctl *ctl, const void *args)
{
    struct errmsg why;
    if (!account_id_valid(slice_str(ctl->argument))) {
        return ctl_usage("ACCOUNT must be 1-128 of [A-Za-z0-9_.-]");
    }
    enum err err = create_account(ctl, args, &why);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

static int set(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct errmsg why;
    if (!a->name && !a->plan && !a->pool) {
        return ctl_usage("nothing to change is given (--help tells what can be)");
    }
    enum err err = change_account(ctl, a, &why);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

/* The hashes of API keys stay out of sight. */
static enum err print_record(const struct definition *found, bool compact, struct errmsg *why)
{
    json_t *root = NULL, *key = NULL;
    size_t i = 0;
    enum err err = json_members_load(slice_of(found->json, found->json_len), &root, why);
    if (err != ERR_OK) {
        return err;
    }
    json_array_foreach(json_object_get(root, "keys"), i, key)
    {
        (void)json_object_del(key, "sha256");
    }
    display_print_json(root, compact);
    json_decref(root);
    return ERR_OK;
}

static int show(struct ctl *ctl, const void *args)
{
    struct definitions d;
    struct errmsg why;
    (void)args;
    enum err err = definitions_read(&d, ctl, TOPIC_ACCOUNTS, &why);
    const struct definition *found = err == ERR_OK ? definitions_find(&d, ctl->argument) : NULL;
    if (err == ERR_OK) {
        err = found ? print_record(found, ctl->json, &why)
                    : errmsg_set(&why, ERR_NOT_FOUND, "there is no account %.128s", ctl->argument);
    }
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

static void print_line(const struct definition *found)
{
    struct account *a = NULL;
    struct errmsg why;
    struct buf line;
    if (account_parse(slice_of(found->json, found->json_len), &a, &why) != ERR_OK) {
        ctl_warn("account %s: %.300s", found->key, why.text);
        return;
    }
    buf_init(&line, RECORD_MAX);
    buf_printf(&line, "%-24s  ", a->id);
    display_put(&line, slice_str(a->plan));
    buf_printf(&line, "  pool %s  version %lld  ", *a->pool ? a->pool : "(shared)", (long long)a->version);
    display_put(&line, slice_str(a->name));
    (void)puts(buf_cstr(&line));
    buf_done(&line);
    account_free(a);
}

static int by_key(const struct definition *a, const struct definition *b)
{
    return strcmp(a->key, b->key);
}

static int list(struct ctl *ctl, const void *args)
{
    struct definitions d;
    struct errmsg why;
    (void)args;
    enum err err = definitions_read(&d, ctl, TOPIC_ACCOUNTS, &why);
    HASH_SORT(d.table, by_key);
    for (const struct definition *at = d.table; err == ERR_OK && at; at = at->hh.next) {
        if (at->json && ctl->json) {
            err = print_record(at, true, &why);
        } else if (at->json) {
            print_line(at);
        }
    }
    definitions_free(&d);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

#define NEEDS (COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT)

const struct command command_account_create = {
    .group = "account",
    .name = "create",
    .argument = "ACCOUNT",
    .help = "Creates an account with this id.",
    .needs = NEEDS,
    .options = create_options,
    .option_count = sizeof create_options / sizeof create_options[0],
    .args_size = sizeof(struct args),
    .run = create,
};

const struct command command_account_set = {
    .group = "account",
    .name = "set",
    .argument = "ID",
    .help = "Changes what is given of an account.",
    .needs = NEEDS,
    .options = set_options,
    .option_count = sizeof set_options / sizeof set_options[0],
    .args_size = sizeof(struct args),
    .run = set,
};

const struct command command_account_list = {
    .group = "account", .name = "list", .help = "Lists the accounts, a line each.", .needs = NEEDS, .run = list};

const struct command command_account_show = {
    .group = "account", .name = "show", .argument = "ID", .help = "Prints an account's record.", .needs = NEEDS, .run = show};
