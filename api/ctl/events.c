/* events publish: events for trying things, as a frontend would publish them. */
#include <stdlib.h>
#include <string.h>

#include "ctl/definitions.h"
#include "ctl/display.h"
#include "model/account.h"
#include "model/event.h"
#include "model/partition.h"
#include "util/clock.h"
#include "util/mem.h"

#define PLACE "{n}" /* in the path: the number of the event */

struct args {
    const char *account, *event, *path, *username, *pool;
    int64_t size_bytes, count;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"account", OPT_TEXT, "A", "account of the events", AT(account), 0, 0, 0},
    {"event", OPT_TEXT, "NAME", "file.uploaded, dir.created, ...", AT(event), 0, 0, 0},
    {"path", OPT_TEXT, "P", "path the event is about; {n} in it becomes 1, 2, ... with --count", AT(path), 0, 0, 0},
    {"size", OPT_INT, "N", "size of the file in bytes", AT(size_bytes), 0, INT64_MAX, -1},
    {"username", OPT_TEXT, "U", "the FTP user; ftp_user.created needs it, and no path", AT(username), 0, 0, 0},
    {"count", OPT_INT, "N", "how many events, each with its own id (default 1)", AT(count), 1, 10000000, 1},
    {"pool", OPT_TEXT, "P", "publish to this pool (default: the account's); empty: the shared one", AT(pool), 0, 0, 0},
};

/* One run of the command. */
struct publishing {
    struct ctl *ctl;
    const struct args *args;
    enum event_type type;
    char topic[TOPIC_NAME_SIZE];
    int32_t partitions;
    struct uuid *ids;
    struct kafka_sync_ack *acks;
    struct buf path, key, value, scratch;
};

/* The pool that the account's record names. An account without a record is one that no worker knows; that can be wanted in a
 * test. */
static enum err find_pool(const struct ctl *ctl, const struct args *a, char **pool, struct errmsg *why)
{
    struct definitions d;
    struct account *account = NULL;
    if (a->pool) {
        *pool = mem_strdup(a->pool);
        return ERR_OK;
    }
    enum err err = definitions_read(&d, ctl, TOPIC_ACCOUNTS, why);
    const struct definition *found = err == ERR_OK ? definitions_find(&d, a->account) : NULL;
    if (found) {
        err = account_parse(slice_of(found->json, found->json_len), &account, why);
    } else if (err == ERR_OK) {
        ctl_warn("there is no account %.128s: its events will be of no interest to any webhook", a->account);
    }
    if (err == ERR_OK) {
        *pool = mem_strdup(account ? account->pool : "");
    }
    account_free(account);
    definitions_free(&d);
    return err;
}

static enum err find_topic(struct publishing *p, struct errmsg *why)
{
    struct kafka_sync_topic t;
    char *pool = NULL;
    enum err err = find_pool(p->ctl, p->args, &pool, why);
    if (err != ERR_OK) {
        return err;
    }
    if (*pool && !topic_pool_valid(pool)) {
        err = errmsg_set(why, ERR_INVALID, "--pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    } else {
        topic_name(TOPIC_EVENTS, p->ctl->settings.common.topic_prefix, pool, p->topic);
        err = kafka_sync_topic(p->ctl->kafka, p->topic, &t, why);
        p->partitions = t.partitions;
    }
    free(pool);
    return err;
}

static void put_path(struct buf *out, const char *text, int64_t number)
{
    const char *place = NULL;
    buf_reset(out);
    while ((place = strstr(text, PLACE))) {
        buf_put(out, text, (size_t)(place - text));
        buf_put_i64(out, number);
        text = place + strlen(PLACE);
    }
    buf_puts(out, text);
}

/* The event is read back as a worker would read it, so that what it would refuse is refused here. */
static enum err make_event(struct publishing *p, int64_t number, struct slice *routed, struct errmsg *why)
{
    const struct args *a = p->args;
    struct event parsed;
    bool user = p->type == EVENT_FTP_USER_CREATED;
    put_path(&p->path, user ? "" : a->path, number);
    struct event_fields f = {
        .id = p->ids[number - 1],
        .type = p->type,
        .time_wall_ms = clock_wall_ms(),
        .time_has_ms = true,
        .account_id = slice_str(a->account),
        .path = buf_slice(&p->path),
        .size_bytes = a->size_bytes,
        .username = slice_str(a->username),
    };
    buf_reset(&p->key);
    buf_reset(&p->value);
    event_key(&p->key, &f);
    event_write(&p->value, &f);
    if (p->path.err || p->key.err || p->value.err) {
        return errmsg_set(why, ERR_TOO_BIG, "the event is longer than %d bytes", EVENT_MAX_BYTES);
    }
    *routed = slice_of(p->key.p + strlen(a->account), p->key.len - strlen(a->account)); /* with its slash */
    if (!user) {
        *routed = buf_slice(&p->path);
    }
    return event_parse(buf_slice(&p->value), &p->scratch, &parsed, why);
}

static enum err publish_all(struct publishing *p, struct errmsg *why)
{
    enum err err = ERR_OK;
    for (int64_t i = 1; i <= p->args->count && err == ERR_OK; i++) {
        struct slice routed = {0};
        p->ids[i - 1] = uuid_v7(clock_wall_ms());
        err = make_event(p, i, &routed, why);
        if (err == ERR_OK) {
            int32_t partition = partition_of(slice_str(p->args->account), routed, p->partitions);
            err = kafka_sync_send(p->ctl->kafka, p->topic, partition, buf_slice(&p->key), buf_slice(&p->value), &p->acks[i - 1],
                                  why);
        }
    }
    struct errmsg unwritten;
    enum err flushed =
        kafka_sync_flush(p->ctl->kafka, err == ERR_OK ? why : &unwritten); /* also what a failure left on its way */
    return err == ERR_OK ? flushed : err;
}

static void print_all(const struct publishing *p)
{
    for (int64_t i = 0; i < p->args->count; i++) {
        char id[UUID_TEXT_SIZE];
        const struct kafka_sync_ack *ack = &p->acks[i];
        uuid_format(&p->ids[i], id);
        if (p->ctl->json) {
            json_t *said = json_pack("{s:s,s:s,s:i,s:I}", "event_id", id, "topic", p->topic, "partition", (int)ack->partition,
                                     "offset", (json_int_t)ack->offset);
            display_print_json(said, true);
            json_decref(said);
        } else {
            (void)printf("%s  %s  partition %d  offset %lld\n", id, p->topic, (int)ack->partition, (long long)ack->offset);
        }
    }
}

static enum err run(struct publishing *p, struct errmsg *why)
{
    size_t count = (size_t)p->args->count;
    p->ids = mem_array(NULL, count, sizeof *p->ids);
    p->acks = mem_array(NULL, count, sizeof *p->acks);
    buf_init(&p->path, EVENT_MAX_BYTES);
    buf_init(&p->key, EVENT_MAX_BYTES + 256);
    buf_init(&p->value, EVENT_MAX_BYTES);
    buf_init(&p->scratch, 4UL * EVENT_MAX_BYTES);
    enum err err = find_topic(p, why);
    if (err == ERR_OK) {
        err = publish_all(p, why);
    }
    if (err == ERR_OK) {
        print_all(p);
    }
    buf_done(&p->path);
    buf_done(&p->key);
    buf_done(&p->value);
    buf_done(&p->scratch);
    free(p->ids);
    free(p->acks);
    return err;
}

static int publish(struct ctl *ctl, const void *args)
{
    struct publishing p = {.ctl = ctl, .args = args};
    struct errmsg why;
    if (!p.args->account || !p.args->event) {
        return ctl_usage("--%s is missing (--help tells more)", p.args->account ? "event" : "account");
    }
    if (!account_id_valid(slice_str(p.args->account))) {
        return ctl_usage("--account: must be 1-128 of [A-Za-z0-9_.-]");
    }
    if (event_type_parse(slice_str(p.args->event), &p.type) != ERR_OK) {
        return ctl_usage("--event: there is no event \"%.64s\"", p.args->event);
    }
    bool user = p.type == EVENT_FTP_USER_CREATED;
    if (user ? !p.args->username || p.args->path : !p.args->path) {
        return ctl_usage(user ? "ftp_user.created needs --username, and no --path" : "--path is missing (--help tells more)");
    }
    enum err err = run(&p, &why);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

const struct command command_events_publish = {
    .group = "events",
    .name = "publish",
    .help = "Publishes events as a frontend would, for trying things; prints the id and place of each.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA | COMMAND_OUTPUT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = publish,
};
