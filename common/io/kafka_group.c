/* A member of a consumer group on one topic.
 *
 * Rebalances come as events, so they are handled on the loop. In the turn of an assignment all its partitions are assigned
 * from offset 0 and paused; kafka_group_start seeks and resumes, the only resume a partition gets in an assignment
 * (resuming one that is not paused rewinds it, before librdkafka 2.4.0). Should the seek be lost, reading begins below the
 * offset wanted, never above it, and kafka_part drops what is below. Holding a partition back later is not reading its queue.
 *
 * auto.offset.reset is `earliest`: with `error`, librdkafka ends the partition's fetching in a way that only a new assignment
 * of all partitions undoes. A position out of range is seen from what arrives next.
 *
 * A revocation is answered (rd_kafka_assign of nothing) when the caller says so; until then the group waits and librdkafka's
 * heartbeats go on. Closing waits for that answer too: closing the handle leaves the group at once, also in the midst of a
 * revocation, and the commits that end it would be refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/kafka_group.h"
#include "util/log.h"
#include "util/mem.h"

#define RECORDS_A_VISIT 64 /* of one partition before the next one's turn */
#define EVENTS_A_TURN 64
#define POLL_EVERY_MS 1000 /* tells librdkafka that we are alive (max.poll.interval.ms) */

/* -------- the membership -------- */

/* librdkafka tells generation and member only in this form, which its header calls opaque: "CGMDv2:", the generation as four
 * bytes in the machine's order, then group and member, each ending with NUL (rd_kafka_consumer_group_metadata_write, the same
 * from 2.0 to 2.15). NULL when another version is linked that writes it otherwise. The caller frees *member with free. */
static int32_t membership(const struct kafka_group *g, char **member)
{
    static const char magic[] = "CGMDv2:";
    const size_t head = sizeof magic - 1;
    if (member)
        *member = NULL;
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(g->client.rk);
    if (!metadata)
        return -1;
    void *bytes = NULL;
    size_t size = 0;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    check(!error && size > head + 4 && memcmp(bytes, magic, head) == 0);
    int32_t generation;
    memcpy(&generation, (char *)bytes + head, sizeof generation);
    const char *group = (char *)bytes + head + 4, *end = (char *)bytes + size;
    const char *id = memchr(group, '\0', (size_t)(end - group));
    if (member && id && memchr(id + 1, '\0', (size_t)(end - id - 1)))
        *member = mem_strdup(id + 1);
    rd_kafka_mem_free(g->client.rk, bytes);
    return generation;
}

int32_t kafka_group_generation(const struct kafka_group *g)
{
    return g->closed ? -1 : membership(g, NULL);
}

static rd_kafka_topic_partition_list_t *list_of_one(const struct kafka_part *part, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = offset;
    return list;
}

static void forget_assignment(struct kafka_group *g)
{
    for (int i = 0; i < g->part_count; i++)
        kafka_part_done(&g->parts[i]);
    free(g->parts);
    g->parts = NULL;
    g->part_count = 0;
    g->visit = 0;
    g->joined = false;
}

/* Queues first: a partition that is assigned before its queue is its own would send records to the handle's. */
static void open_parts(struct kafka_group *g, rd_kafka_topic_partition_list_t *list)
{
    g->part_count = list->cnt;
    g->parts = list->cnt ? mem_array(NULL, (size_t)list->cnt, sizeof *g->parts) : NULL;
    for (int i = 0; i < list->cnt; i++) {
        kafka_part_init(&g->parts[i], list->elems[i].topic, list->elems[i].partition);
        kafka_part_open(&g->parts[i], &g->client);
        list->elems[i].offset = 0;
    }
}

static void tell_assigned(struct kafka_group *g)
{
    int32_t *partitions = mem_array(NULL, (size_t)g->part_count + 1, sizeof *partitions);
    for (int i = 0; i < g->part_count; i++)
        partitions[i] = g->parts[i].partition;
    char *member;
    int32_t generation = membership(g, &member);
    g->options.on_assign(g->options.ctx, partitions, g->part_count, generation, member ? member : "");
    free(member);
    free(partitions);
}

static void on_assigned(struct kafka_group *g, rd_kafka_topic_partition_list_t *list)
{
    forget_assignment(g);
    open_parts(g, list);
    rd_kafka_resp_err_t err = rd_kafka_assign(g->client.rk, list);
    if (err) {
        /* The handle is closing or has failed; a revocation or the fatal error follows. */
        log_warn("kafka_assign_failed", LOG_STR("error", rd_kafka_err2name(err)));
        forget_assignment(g);
        return;
    }
    if (list->cnt > 0)
        rd_kafka_pause_partitions(g->client.rk, list);
    g->joined = true;
    g->contact_ms = loop_now(g->client.loop);
    tell_assigned(g);
}

static void on_revoked(struct kafka_group *g)
{
    bool lost = rd_kafka_assignment_lost(g->client.rk) != 0;
    int32_t *partitions = mem_array(NULL, (size_t)g->part_count + 1, sizeof *partitions);
    for (int i = 0; i < g->part_count; i++) {
        g->parts[i].reading = g->parts[i].started = false;
        partitions[i] = g->parts[i].partition;
    }
    g->revoking = true;
    if (g->part_count > 0)
        g->options.on_revoke(g->options.ctx, partitions, g->part_count, lost);
    else
        kafka_group_revoke_done(g);
    free(partitions);
}

static void leave(struct kafka_group *g)
{
    if (g->leaving)
        return;
    g->leaving = true;
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(g->client.rk, g->answers);
    if (error) { /* after a fatal error there is no membership to leave */
        rd_kafka_error_destroy(error);
        g->closed = true;
    }
    kafka_client_kick(&g->client);
}

void kafka_group_revoke_done(struct kafka_group *g)
{
    if (!g->revoking)
        return;
    g->revoking = false;
    rd_kafka_resp_err_t err = rd_kafka_assign(g->client.rk, NULL);
    if (err)
        log_warn("kafka_assign_failed", LOG_STR("error", rd_kafka_err2name(err)));
    forget_assignment(g);
    if (g->closing)
        leave(g);
}

static void on_rebalance(struct kafka_group *g, rd_kafka_event_t *ev)
{
    switch (rd_kafka_event_error(ev)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        on_assigned(g, rd_kafka_event_topic_partition_list(ev));
        break;
    default: /* revoked, or an error that asks for the same answer */
        if (!g->revoking)
            on_revoked(g);
        break;
    }
}

/* -------- events and records -------- */

static void note_fatal(struct kafka_group *g, rd_kafka_event_t *ev)
{
    if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR && rd_kafka_event_error_is_fatal(ev) && !*g->fatal)
        snprintf(g->fatal, sizeof g->fatal, "%s: %s", rd_kafka_err2name(rd_kafka_event_error(ev)),
                 rd_kafka_event_error_string(ev));
}

static void handle_event(struct kafka_group *g, rd_kafka_event_t *ev)
{
    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_REBALANCE:
        on_rebalance(g, ev);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        kafka_group_committed(g, ev);
        break;
    default:
        note_fatal(g, ev);
        kafka_client_common_event(&g->client, ev);
        break;
    }
}

static bool drain_events(struct kafka_group *g, rd_kafka_queue_t *queue)
{
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, 0);
        if (!ev)
            return false;
        handle_event(g, ev);
        rd_kafka_event_destroy(ev);
    }
    return true;
}

static void hand_over(struct kafka_group *g, const struct kafka_part *part, const struct kafka_part_item *item)
{
    const struct kafka_group_options *o = &g->options;
    if (item->reset)
        o->on_position(o->ctx, part->partition, item->reset_from, ERR_NOT_FOUND);
    if (item->what == KAFKA_PART_RECORD && part->started)
        o->on_record(o->ctx, &item->rec);
    else if (item->what == KAFKA_PART_END && part->started)
        o->on_position(o->ctx, part->partition, item->offset, ERR_OK);
}

/* Returns how much was taken off; less than the bound: the queue is empty or held back, or on_record yielded. Callbacks may hold
 * this partition back. */
static int read_part(struct kafka_group *g, struct kafka_part *part, int bound)
{
    int taken = 0;
    while (taken < bound && part->reading && !g->yielded) {
        struct kafka_part_item item;
        kafka_part_poll(part, &g->client, &item);
        if (item.what == KAFKA_PART_EMPTY)
            break;
        hand_over(g, part, &item);
        rd_kafka_event_destroy(item.event);
        taken++;
    }
    return taken;
}

/* Partitions take turns, so that a full one does not hold up the others. The assignment does not change meanwhile unless a
 * callback ends a revocation, and then nothing is being read. */
static bool drain_records(struct kafka_group *g)
{
    int left = (int)g->options.poll_bound;
    int quiet = 0; /* partitions in a row that had nothing left */
    g->yielded = false;
    while (left > 0 && quiet < g->part_count && !g->yielded) {
        g->visit = (g->visit + 1) % g->part_count;
        int bound = left < RECORDS_A_VISIT ? left : RECORDS_A_VISIT;
        int taken = read_part(g, &g->parts[g->visit], bound);
        quiet = taken < bound ? quiet + 1 : 0;
        left -= taken;
    }
    return left <= 0 || g->yielded;
}

static bool drain(void *ctx)
{
    struct kafka_group *g = ctx;
    g->polled_ms = loop_now(g->client.loop);
    kafka_group_answer_refusals(g);
    bool more = drain_events(g, g->client.queue);
    more |= drain_events(g, g->answers);
    more |= drain_records(g);
    if (g->leaving && rd_kafka_consumer_closed(g->client.rk))
        g->closed = true;
    return more;
}

static bool each_turn(void *ctx)
{
    const struct kafka_group *g = ctx;
    return loop_now(g->client.loop) - g->polled_ms >= POLL_EVERY_MS;
}

/* -------- positions -------- */

static struct kafka_part *find_part(struct kafka_group *g, int32_t partition)
{
    for (int i = 0; i < g->part_count; i++)
        if (g->parts[i].partition == partition)
            return &g->parts[i];
    return NULL;
}

void kafka_group_yield(struct kafka_group *g)
{
    g->yielded = true;
}

void kafka_group_start(struct kafka_group *g, int32_t partition, int64_t offset)
{
    struct kafka_part *part = find_part(g, partition);
    if (!part || g->revoking)
        return;
    part->next = offset < 0 ? 0 : offset;
    part->from_earliest = offset < 0;
    /* No timeout: it would wait for the answer. An earliest offset above 0 is found by being out of range. */
    rd_kafka_topic_partition_list_t *list = list_of_one(part, part->next);
    rd_kafka_error_t *error = rd_kafka_seek_partitions(g->client.rk, list, 0);
    check(!error);
    if (!part->started)
        rd_kafka_resume_partitions(g->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    part->started = true;
    part->reading = true;
    kafka_client_kick(&g->client);
}

int64_t kafka_group_unread(const struct kafka_group *g)
{
    int64_t unread = 0;
    for (int i = 0; i < g->part_count; i++) {
        const struct kafka_part *part = &g->parts[i];
        int64_t low, high;
        if (part->started &&
            rd_kafka_get_watermark_offsets(g->client.rk, part->topic, part->partition, &low, &high) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            high > part->next)
            unread += high - part->next;
    }
    return unread;
}

void kafka_group_pause(struct kafka_group *g, int32_t partition)
{
    struct kafka_part *part = find_part(g, partition);
    if (part)
        part->reading = false;
}

void kafka_group_resume(struct kafka_group *g, int32_t partition)
{
    struct kafka_part *part = find_part(g, partition);
    if (!part || !part->started || part->reading)
        return;
    part->reading = true;
    kafka_client_kick(&g->client);
}

/* -------- the whole -------- */

static const struct kafka_property tunable[] = {
    {"session.timeout.ms", "10000"},        {"heartbeat.interval.ms", "3000"},     {"max.poll.interval.ms", "300000"},
    {"fetch.wait.max.ms", "100"}, /* a partition that starts waits for the fetch under way */
    {"fetch.error.backoff.ms", "200"},      {"queued.min.messages", "20000"}, /* both are per partition, since each has its own
                                                                                 queue */
    {"queued.max.messages.kbytes", "2048"}, {"allow.auto.create.topics", "false"}, {NULL, NULL},
};

static const struct kafka_property pinned[] = {
    {"partition.assignment.strategy", "range"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "earliest"},
    {"isolation.level", "read_committed"},
    {NULL, NULL},
};

static int64_t conf_int(const rd_kafka_conf_t *conf, const char *name)
{
    char text[32];
    size_t size = sizeof text;
    check(rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK);
    return strtoll(text, NULL, 10);
}

static enum err subscribe(struct kafka_group *g, struct errmsg *why)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, g->options.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(g->client.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return err ? errmsg_set(why, ERR_INVALID, "kafka group: subscribe to %s: %s", g->options.topic, rd_kafka_err2str(err))
               : ERR_OK;
}

static enum err start_handle(struct kafka_group *g, const struct kafka_options *k, struct errmsg *why)
{
    rd_kafka_conf_t *conf;
    enum err err = kafka_conf_new(k, tunable, pinned, &conf, why);
    if (err != ERR_OK)
        return err;
    char text[256];
    if (rd_kafka_conf_set(conf, "group.id", g->options.group_id, text, sizeof text) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return errmsg_set(why, ERR_INVALID, "kafka group: %s", text);
    }
    g->session_timeout_ms = conf_int(conf, "session.timeout.ms");
    err = kafka_client_init(&g->client, k, RD_KAFKA_CONSUMER, "group", conf, drain, g, why);
    if (err != ERR_OK)
        return err;
    g->client.idle_drain = each_turn;
    g->answers = rd_kafka_queue_new(g->client.rk);
    kafka_client_watch(&g->client, g->answers);
    g->contact_ms = g->polled_ms = loop_now(k->loop);
    return ERR_OK;
}

enum err kafka_group_new(const struct kafka_options *k, const struct kafka_group_options *o, struct kafka_group **out,
                         struct errmsg *why)
{
    struct kafka_group *g = mem_zalloc(sizeof *g);
    kafka_group_commits_init(g);
    g->options = *o;
    g->options.group_id = mem_strdup(o->group_id);
    g->options.topic = mem_strdup(o->topic);
    if (g->options.poll_bound <= 0 || g->options.poll_bound > 1000000)
        g->options.poll_bound = 512;
    enum err err = start_handle(g, k, why);
    if (err == ERR_OK) {
        err = subscribe(g, why);
        if (err == ERR_OK) {
            *out = g;
            return ERR_OK;
        }
        kafka_group_free(g);
        return err;
    }
    free((char *)(uintptr_t)g->options.group_id);
    free((char *)(uintptr_t)g->options.topic);
    free(g);
    return err;
}

bool kafka_group_joined(const struct kafka_group *g)
{
    return g->joined;
}

int64_t kafka_group_last_contact(const struct kafka_group *g)
{
    return g->contact_ms;
}

int64_t kafka_group_session_timeout_ms(const struct kafka_group *g)
{
    return g->session_timeout_ms;
}

const char *kafka_group_fatal(const struct kafka_group *g)
{
    return g->fatal;
}

void kafka_group_close(struct kafka_group *g)
{
    g->closing = true;
    if (!g->revoking)
        leave(g);
}

bool kafka_group_closed(const struct kafka_group *g)
{
    return g->closed;
}

void kafka_group_free(struct kafka_group *g)
{
    if (!g)
        return;
    forget_assignment(g);
    kafka_client_unwatch(g->answers);
    rd_kafka_destroy_flags(kafka_client_take(&g->client), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kafka_group_commits_done(g);
    free((char *)(uintptr_t)g->options.group_id);
    free((char *)(uintptr_t)g->options.topic);
    free(g);
}
