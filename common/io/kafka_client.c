/* One librdkafka handle on the loop; see kafka_internal.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/kafka_internal.h"
#include "util/log.h"
#include "util/mem.h"

/* Before the programs' own work of the turn, which sends what the records handed over here caused. */
#define TURN_ORDER (-100)

#define ALL_EVENTS 0x7fffffff

static const uint64_t one = 1;

static uint64_t *error_counter(const struct kafka_options *k, const char *kind, const char *class)
{
    static uint64_t unused;
    if (!k->metrics)
        return &unused;
    struct buf name, labels;
    buf_init(&name, 256);
    buf_init(&labels, 256);
    buf_printf(&name, "%s_kafka_errors_total", k->metrics_prefix);
    buf_printf(&labels, "handle=\"%s\",class=\"%s\"", kind, class);
    uint64_t *cell = metrics_counter(k->metrics, buf_cstr(&name), "Errors that librdkafka reported.", buf_cstr(&labels));
    buf_done(&name);
    buf_done(&labels);
    return cell;
}

static void on_wake(void *ctx, int events)
{
    (void)events;
    struct kafka_client *c = ctx;
    uint64_t count;
    if (read(c->wake_fd, &count, sizeof count) == sizeof count)
        c->pending = true;
}

static bool end_of_turn(void *ctx)
{
    struct kafka_client *c = ctx;
    if (c->idle_drain && c->idle_drain(c->ctx))
        c->pending = true;
    if (!c->pending)
        return false;
    c->pending = false;
    c->pending = c->drain(c->ctx);
    return c->pending;
}

static enum err make_handle(struct kafka_client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, struct errmsg *why)
{
    char text[512];
    rd_kafka_conf_set_events(conf, ALL_EVENTS);
    check(rd_kafka_conf_set(conf, "log.queue", "true", text, sizeof text) == RD_KAFKA_CONF_OK);
    c->rk = rd_kafka_new(type, conf, text, sizeof text);
    if (!c->rk) {
        rd_kafka_conf_destroy(conf);
        return errmsg_set(why, ERR_INVALID, "kafka %s: %s", c->kind, text);
    }
    /* A consumer without a group has no queue but the main one. */
    if (type == RD_KAFKA_CONSUMER && rd_kafka_poll_set_consumer(c->rk) == RD_KAFKA_RESP_ERR_NO_ERROR)
        c->queue = rd_kafka_queue_get_consumer(c->rk);
    else
        c->queue = rd_kafka_queue_get_main(c->rk);
    return ERR_OK;
}

enum err kafka_client_init(struct kafka_client *c, const struct kafka_options *k, rd_kafka_type_t type, const char *kind,
                           rd_kafka_conf_t *conf, bool (*drain)(void *ctx), void *ctx, struct errmsg *why)
{
    *c = (struct kafka_client){.kind = kind, .loop = k->loop, .drain = drain, .ctx = ctx, .wake_fd = -1};
    enum err err = make_handle(c, type, conf, why);
    if (err != ERR_OK)
        return err;
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->wake_fd < 0) {
        err = errmsg_set(why, ERR_IO, "kafka %s: eventfd: %m", kind);
        rd_kafka_queue_destroy(c->queue);
        rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return err;
    }
    c->transport_errors = error_counter(k, kind, "transport");
    c->fatal_errors = error_counter(k, kind, "fatal");
    c->other_errors = error_counter(k, kind, "other");
    c->io = loop_io_new(c->loop, c->wake_fd, LOOP_READ, on_wake, c);
    c->turn = loop_turn_new(c->loop, TURN_ORDER, end_of_turn, c);
    kafka_client_watch(c, c->queue);
    rd_kafka_set_log_queue(c->rk, c->queue);
    return ERR_OK;
}

rd_kafka_t *kafka_client_take(struct kafka_client *c)
{
    kafka_client_unwatch(c->queue);
    loop_turn_free(c->turn);
    loop_io_free(c->io);
    close(c->wake_fd);
    return c->rk;
}

void kafka_client_watch(struct kafka_client *c, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, c->wake_fd, &one, sizeof one);
    kafka_client_kick(c); /* what is queued already signals nothing */
}

void kafka_client_unwatch(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    rd_kafka_queue_destroy(queue);
}

void kafka_client_kick(struct kafka_client *c)
{
    ssize_t n = write(c->wake_fd, &one, sizeof one);
    check(n == sizeof one || errno == EAGAIN); /* EAGAIN: the counter is at its greatest, so a signal stands already */
}

static void log_event(struct kafka_client *c, rd_kafka_event_t *ev)
{
    const char *facility, *text;
    int level; /* of syslog */
    if (rd_kafka_event_log(ev, &facility, &text, &level) != 0)
        return;
    enum log_level ours = level <= 2 ? LOG_ERROR : level <= 4 ? LOG_WARN : level <= 6 ? LOG_INFO : LOG_DEBUG;
    LOG_AT(ours, "kafka_log", LOG_STR("handle", c->kind), LOG_STR("facility", facility), LOG_STR("message", text));
}

void kafka_client_count_error(struct kafka_client *c, rd_kafka_resp_err_t err, bool fatal)
{
    if (fatal)
        ++*c->fatal_errors;
    else if (err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
             err == RD_KAFKA_RESP_ERR__RESOLVE || err == RD_KAFKA_RESP_ERR__TIMED_OUT)
        ++*c->transport_errors;
    else
        ++*c->other_errors;
}

bool kafka_client_common_event(struct kafka_client *c, rd_kafka_event_t *ev)
{
    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_LOG:
        log_event(c, ev);
        return true;
    case RD_KAFKA_EVENT_ERROR: {
        /* Transport errors come as log lines as well. */
        bool fatal = rd_kafka_event_error_is_fatal(ev);
        rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
        kafka_client_count_error(c, err, fatal);
        if (fatal)
            log_error("kafka_fatal", LOG_STR("handle", c->kind), LOG_STR("error", rd_kafka_err2name(err)),
                      LOG_STR("message", rd_kafka_event_error_string(ev)));
        else
            log_debug("kafka_error", LOG_STR("handle", c->kind), LOG_STR("error", rd_kafka_err2name(err)),
                      LOG_STR("message", rd_kafka_event_error_string(ev)));
        return true;
    }
    default:
        check(rd_kafka_event_type(ev) != RD_KAFKA_EVENT_FETCH);
        return false;
    }
}

int kafka_record_headers(const struct kafka_record *rec, struct kafka_header *out, int max)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(rec->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    int count = 0;
    const char *name;
    const void *value;
    size_t size;
    while (count < max && rd_kafka_header_get_all(headers, (size_t)count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
        out[count++] = (struct kafka_header){slice_str(name), slice_of(value, size)};
    return count;
}
