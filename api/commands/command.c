#include "commands/command.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "model/json_members.h"
#include "model/partition.h"
#include "util/json.h"
#include "util/mem.h"

#define KEY_MAX (EVENT_MAX_BYTES + 256)

/* A command on its way: first its topic's partitions are asked for. */
struct sending {
    struct api *api;
    char topic[TOPIC_NAME_SIZE];
    char *account_id;
    struct buf key, value;
    writer_done_fn *fn;
    void *ctx;
};

static void write_target(struct buf *out, const struct command *cmd)
{
    static const char *const reasons[] = {
        [EVENT_REASON_TEST] = "test", [EVENT_REASON_REDELIVER] = "redeliver", [EVENT_REASON_PURGE] = "purge"};
    buf_puts(out, ",\"target\":{\"webhook_id\":");
    json_put_string(out, slice_str(cmd->webhook_id));
    json_put_member(out, "reason", reasons[cmd->reason]);
    json_put_member_int(out, "generation", cmd->generation);
    if (cmd->original_delivery_id)
        json_put_member(out, "original_delivery_id", cmd->original_delivery_id);
    buf_putc(out, '}');
}

static void write_value(struct buf *out, const struct command *cmd)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&cmd->event_id, id);
    buf_printf(out, "{\"event_id\":\"%s\",\"event\":\"%s\",\"timestamp\":", id, event_type_name(cmd->event));
    json_put_string(out, cmd->timestamp);
    json_put_member(out, "account_id", cmd->account_id);
    buf_puts(out, ",\"data\":");
    buf_put_slice(out, cmd->data);
    if (cmd->webhook_id)
        write_target(out, cmd);
    buf_putc(out, '}');
}

static void free_sending(struct sending *s)
{
    free(s->account_id);
    buf_done(&s->key);
    buf_done(&s->value);
    free(s);
}

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct sending *s = ctx;
    if (err != ERR_OK) {
        s->fn(s->ctx, err);
    } else {
        size_t account = strlen(s->account_id);
        struct slice path = slice_of(s->key.p + account, s->key.len - account);
        int32_t partition = partition_of(slice_str(s->account_id), path, count);
        writer_send(s->api->writer, s->topic, partition, buf_slice(&s->key), buf_slice(&s->value), false, s->fn, s->ctx);
    }
    free_sending(s);
}

void command_send(struct api *api, const struct command *cmd, writer_done_fn *fn, void *ctx)
{
    const struct account *a = definitions_account(api->definitions, cmd->account_id);
    struct sending *s = mem_zalloc(sizeof *s);
    s->api = api;
    s->account_id = mem_strdup(cmd->account_id);
    s->fn = fn;
    s->ctx = ctx;
    topic_name(TOPIC_EVENTS, api->settings.common.topic_prefix, a ? a->pool : "", s->topic);
    buf_init(&s->key, KEY_MAX);
    buf_init(&s->value, EVENT_MAX_BYTES);
    buf_puts(&s->key, cmd->account_id);
    buf_put_slice(&s->key, cmd->path);
    write_value(&s->value, cmd);
    check(s->key.err == ERR_OK && s->value.err == ERR_OK);
    kafka_admin_partitions(api->kafka_admin, s->topic, on_partitions, s);
}
