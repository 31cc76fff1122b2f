#include "producer/emit_kafka.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "producer/lib/event_form.h"
#include "producer/outlet.h"
#include "util/log.h"

struct sending {
    struct loop *loop;
    struct loop_turn *turn;
    struct loop_timer *deadline;
    struct outlet *outlet;
    const struct spool_event *event;
    struct track track;
    bool sent, late;
    enum err refused;
};

/* Standard output is for the id. */
static void log_line(void *ctx, struct slice line)
{
    (void)ctx;
    fprintf(stderr, "%.*s\n", (int)line.len, line.p);
}

static void on_refused(void *ctx, enum err err, struct slice key)
{
    struct sending *s = ctx;
    (void)key;
    s->refused = err;
}

static void on_late(void *ctx)
{
    struct sending *s = ctx;
    s->late = true;
    loop_stop(s->loop);
}

static bool work(void *ctx)
{
    struct sending *s = ctx;
    struct publisher *p = outlet_publisher(s->outlet);
    struct event_fields fields;
    if (!s->sent && publisher_has_credit(p)) {
        event_form_fields(s->event, &fields);
        publisher_send(p, &fields, s->event->fields[SPOOL_TRACEPARENT], &s->track, 0);
        s->sent = true;
    }
    publisher_flush(p);
    if (s->sent && publisher_outstanding(p) == 0)
        loop_stop(s->loop);
    return false;
}

static int result(const struct sending *s, const struct settings *settings)
{
    char id[UUID_TEXT_SIZE];
    const char *missing = outlet_not_ready(s->outlet);
    if (s->late) {
        if (s->sent)
            fprintf(stderr, "trueftp-producer: %s did not acknowledge in time; the event may still be written\n",
                    settings->kafka_brokers);
        else
            fprintf(stderr, "trueftp-producer: %s: %s; the event was not sent\n", settings->kafka_brokers,
                    missing ? missing : "not reached in time");
        return EX_TEMPFAIL;
    }
    if (s->refused != ERR_OK) {
        fprintf(stderr, "trueftp-producer: Kafka will not take this event: %s\n", err_name(s->refused));
        return EX_UNAVAILABLE;
    }
    uuid_format(&s->event->id, id);
    puts(id);
    return 0;
}

static int send_and_wait(struct sending *s, const struct settings *settings, int wait_seconds)
{
    s->turn = loop_turn_new(s->loop, LOOP_ORDER_WORK, work, s);
    s->deadline = loop_timer_new(s->loop, on_late, s);
    loop_timer_arm(s->deadline, (int64_t)wait_seconds * 1000);
    loop_run(s->loop);
    loop_timer_free(s->deadline);
    loop_turn_free(s->turn);
    return result(s, settings);
}

int emit_kafka(const struct settings *settings, const struct trueftp_event *event, int wait_seconds)
{
    struct spool_event ev;
    struct errmsg why;
    bool has_id;
    if (event_form_check(event, &ev, &has_id) || !event_form_complete(&ev, has_id)) {
        fprintf(stderr, "trueftp-producer: %s\n", strerror(errno));
        return EX_OSERR;
    }
    struct sending s = {.loop = loop_new(), .event = &ev};
    struct metrics *metrics = metrics_new();
    struct outlet_options o = {.loop = s.loop, .settings = settings, .metrics = metrics, .refused = on_refused, .ctx = &s};
    track_init(&s.track);
    log_init("trueftp-producer", LOG_ERROR);
    log_set_sink(log_line, NULL);
    int status = EX_USAGE;
    if (outlet_new(&o, &s.outlet, &why) == ERR_OK)
        status = send_and_wait(&s, settings, wait_seconds);
    else
        fprintf(stderr, "trueftp-producer: %s\n", why.text);
    outlet_free(s.outlet);
    metrics_free(metrics);
    loop_free(s.loop);
    return status;
}
