#include "producer/publish.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/mem.h"

#define RETRY_MS 100    /* between tries of what the queue did not take or the client gave back */
#define KEPT_BYTES 1024 /* events up to this size are used again, since one is made and one ends for each record */

/* One event on its way. Key, value and trace context stand behind the struct. */
struct outgoing {
    struct track_mark mark;
    struct track *track;
    const char *topic; /* where it was sent last */
    int32_t partition;
    uint64_t number; /* in the order of publisher_send */
    uint32_t key_len, value_len, trace_len;
    TAILQ_ENTRY(outgoing) link; /* in `waiting` or `flying` */
    char bytes[];
};

TAILQ_HEAD(outgoing_list, outgoing);

struct publisher {
    struct kafka_producer *producer;
    struct loop *loop;
    struct loop_timer *retry_timer;
    void (*refused)(void *ctx, enum err err, struct slice key);
    void *ctx;
    struct routes *routes;
    bool held;
    struct outgoing_list fresh;   /* of this turn: publisher_flush gives them to Kafka */
    struct outgoing_list waiting; /* Kafka does not have it: tried again by publisher_flush; by number */
    struct outgoing_list flying;  /* Kafka has it: kafka_ack ends it or puts it back */
    struct outgoing_list unused;  /* with room for KEPT_BYTES each; as many as were ever outstanding */
    int outstanding;              /* in these three */
    size_t outstanding_bytes;     /* likewise */
    uint64_t sent;                /* the last number */
    bool retry_due;
    struct buf key, value;
    uint64_t *published, *acknowledged, *retried;
};

static struct slice key_of(const struct outgoing *ev)
{
    return slice_of(ev->bytes, ev->key_len);
}

static size_t size_of(const struct outgoing *ev)
{
    return sizeof(*ev) + ev->key_len + ev->value_len + ev->trace_len;
}

static void finish(struct publisher *p, struct outgoing *ev)
{
    track_end(ev->track, &ev->mark);
    p->outstanding--;
    p->outstanding_bytes -= size_of(ev);
    if (size_of(ev) <= KEPT_BYTES)
        TAILQ_INSERT_HEAD(&p->unused, ev, link);
    else
        free(ev);
}

/* What comes back is older than what has not been tried yet: events of one path keep their order. */
static void put_back(struct publisher *p, struct outgoing *ev)
{
    struct outgoing *before = TAILQ_LAST(&p->waiting, outgoing_list);
    while (before && before->number > ev->number)
        before = TAILQ_PREV(before, outgoing_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&p->waiting, before, ev, link);
    else
        TAILQ_INSERT_HEAD(&p->waiting, ev, link);
    if (!loop_timer_armed(p->retry_timer))
        loop_timer_arm(p->retry_timer, RETRY_MS);
}

static void give_up(struct publisher *p, struct outgoing *ev, enum err err)
{
    p->refused(p->ctx, err, key_of(ev));
    finish(p, ev);
}

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    struct publisher *p = ctx;
    struct outgoing *ev = opaque;
    (void)partition;
    (void)offset;
    TAILQ_REMOVE(&p->flying, ev, link);
    if (err == ERR_OK) {
        ++*p->acknowledged;
        finish(p, ev);
    } else if (err == ERR_TOO_BIG || err == ERR_INVALID) {
        give_up(p, ev, err);
    } else {
        ++*p->retried;
        if (err != ERR_AGAIN) /* no such topic, no right to write: an operator can mend that */
            log_warn("event_not_written", LOG_STR("topic", ev->topic), LOG_INT("partition", ev->partition),
                     LOG_STR("error", err_name(err)));
        put_back(p, ev);
    }
}

/* Routed anew with each try: what was known of pools and partitions may have changed. False: the queue is full, or the topic is
 * not known well enough; ev is untouched. */
static bool produce(struct publisher *p, struct outgoing *ev)
{
    if (!routes_find(p->routes, key_of(ev), &ev->topic, &ev->partition))
        return false;
    struct slice value = slice_of(ev->bytes + ev->key_len, ev->value_len);
    struct kafka_header trace = {SLICE("traceparent"), slice_of(value.p + value.len, ev->trace_len)};
    enum err err = kafka_produce(p->producer, ev->topic, ev->partition, key_of(ev), value, &trace, ev->trace_len > 0 ? 1 : 0, ev);
    if (err == ERR_OK)
        TAILQ_INSERT_TAIL(&p->flying, ev, link);
    else if (err == ERR_TOO_BIG || err == ERR_INVALID)
        give_up(p, ev, err);
    else
        return false;
    return true;
}

static void on_retry(void *ctx)
{
    struct publisher *p = ctx;
    p->retry_due = true; /* publisher_flush does it at the end of this turn */
}

static void retry(struct publisher *p)
{
    struct outgoing *ev;
    p->retry_due = false;
    while ((ev = TAILQ_FIRST(&p->waiting))) {
        TAILQ_REMOVE(&p->waiting, ev, link);
        if (produce(p, ev))
            continue;
        TAILQ_INSERT_HEAD(&p->waiting, ev, link);
        loop_timer_arm(p->retry_timer, RETRY_MS);
        break;
    }
}

/* Not past what waits: that would only fill the queue again. */
void publisher_flush(struct publisher *p)
{
    struct outgoing *ev;
    if (p->retry_due)
        retry(p);
    while ((ev = TAILQ_FIRST(&p->fresh))) {
        TAILQ_REMOVE(&p->fresh, ev, link);
        if (!TAILQ_EMPTY(&p->waiting) || !produce(p, ev))
            put_back(p, ev);
    }
}

static struct outgoing *take_room(struct publisher *p, size_t size)
{
    struct outgoing *ev = TAILQ_FIRST(&p->unused);
    if (size > KEPT_BYTES || !ev)
        return mem_alloc(size > KEPT_BYTES ? size : KEPT_BYTES);
    TAILQ_REMOVE(&p->unused, ev, link);
    return ev;
}

static struct outgoing *encode(struct publisher *p, const struct event_fields *f, struct slice trace)
{
    buf_reset(&p->key);
    buf_reset(&p->value);
    event_key(&p->key, f);
    event_write(&p->value, f);
    check(p->key.err == ERR_OK && p->value.err == ERR_OK);
    struct outgoing *ev = take_room(p, sizeof(*ev) + p->key.len + p->value.len + trace.len);
    ev->key_len = (uint32_t)p->key.len;
    ev->value_len = (uint32_t)p->value.len;
    ev->trace_len = (uint32_t)trace.len;
    memcpy(ev->bytes, p->key.p, p->key.len);
    memcpy(ev->bytes + p->key.len, p->value.p, p->value.len);
    if (trace.len > 0)
        memcpy(ev->bytes + p->key.len + p->value.len, trace.p, trace.len);
    return ev;
}

void publisher_send(struct publisher *p, const struct event_fields *f, struct slice traceparent, struct track *track,
                    int64_t offset)
{
    struct outgoing *ev = encode(p, f, traceparent);
    ev->track = track;
    ev->number = ++p->sent;
    track_begin(track, &ev->mark, offset, loop_now(p->loop));
    p->outstanding++;
    p->outstanding_bytes += size_of(ev);
    ++*p->published;
    TAILQ_INSERT_TAIL(&p->fresh, ev, link);
}

enum err publisher_new(const struct publish_options *o, struct publisher **out, struct errmsg *why)
{
    struct publisher *p = mem_zalloc(sizeof(*p));
    struct kafka_producer_options options = {.linger_ms = o->linger_ms, .values_kept = true, .on_ack = on_ack, .ctx = p};
    struct metrics *m = o->kafka->metrics;
    enum err err = kafka_producer_new(o->kafka, &options, &p->producer, why);
    if (err != ERR_OK) {
        free(p);
        return err;
    }
    p->loop = o->kafka->loop;
    p->retry_timer = loop_timer_new(p->loop, on_retry, p);
    p->refused = o->refused;
    p->ctx = o->ctx;
    p->routes = routes_new(o->topic_prefix);
    TAILQ_INIT(&p->fresh);
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->flying);
    TAILQ_INIT(&p->unused);
    buf_init(&p->key, EVENT_MAX_BYTES);
    buf_init(&p->value, EVENT_MAX_BYTES);
    p->published =
        metrics_counter(m, "trueftp_producer_events_published_total", "Events handed to Kafka's client, once each.", NULL);
    p->acknowledged =
        metrics_counter(m, "trueftp_producer_events_acknowledged_total", "Events that Kafka has acknowledged.", NULL);
    p->retried = metrics_counter(m, "trueftp_producer_events_retried_total", "Events that had to be produced again.", NULL);
    *out = p;
    return ERR_OK;
}

static void free_list(struct outgoing_list *list)
{
    struct outgoing *ev;
    while ((ev = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, ev, link);
        free(ev);
    }
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    kafka_producer_free(p->producer);
    loop_timer_free(p->retry_timer);
    free_list(&p->fresh);
    free_list(&p->waiting);
    free_list(&p->flying);
    free_list(&p->unused);
    routes_free(p->routes);
    buf_done(&p->key);
    buf_done(&p->value);
    free(p);
}

struct routes *publisher_routes(struct publisher *p)
{
    return p->routes;
}

void publisher_hold(struct publisher *p, bool hold)
{
    p->held = hold;
}

bool publisher_has_credit(const struct publisher *p)
{
    return !p->held && routes_partitions(p->routes, 0) > 0 && p->outstanding < PUBLISH_MAX_OUTSTANDING &&
           p->outstanding_bytes < PUBLISH_MAX_BYTES && TAILQ_EMPTY(&p->waiting);
}

int publisher_outstanding(const struct publisher *p)
{
    return p->outstanding;
}
