#include "kafka_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

static void discard(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

void fixture_name(char out[64], const char *what)
{
    static int number;
    snprintf(out, 64, "test.%s.%ld.%lld.%d", what, (long)getpid(), (long long)clock_wall_ms() % 100000000, ++number);
}

/* -------- the real broker's admin calls; these may block, the loop does not run -------- */

static void wait_admin(rd_kafka_queue_t *queue, rd_kafka_event_type_t type)
{
    rd_kafka_event_t *ev;
    do {
        ev = rd_kafka_queue_poll(queue, 20000);
        assert_non_null(ev);
        if (rd_kafka_event_type(ev) == type)
            break;
        rd_kafka_event_destroy(ev);
    } while (true);
    if (rd_kafka_event_error(ev))
        fail_msg("admin call: %s", rd_kafka_event_error_string(ev));
    rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(queue);
}

static void create_topic(struct fixture *f, int partitions)
{
    char text[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(f->topic, partitions, 1, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(f->host);
    rd_kafka_CreateTopics(f->host, &topic, 1, NULL, queue);
    wait_admin(queue, RD_KAFKA_EVENT_CREATETOPICS_RESULT);
    rd_kafka_NewTopic_destroy(topic);
}

void fixture_delete_below(struct fixture *f, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, f->topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(f->host);
    rd_kafka_DeleteRecords(f->host, &request, 1, NULL, queue);
    wait_admin(queue, RD_KAFKA_EVENT_DELETERECORDS_RESULT);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

/* -------- set up -------- */

static rd_kafka_t *make_host(const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (brokers)
        assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text), RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(rk);
    return rk;
}

static void write_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/test_kafka_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

struct fixture *fixture_new(int partitions)
{
    if (!getenv("TRUEFTP_TEST_LOG"))
        log_set_sink(discard, NULL);
    struct fixture *f = mem_zalloc(sizeof *f);
    const char *brokers = getenv("TRUEFTP_TEST_BROKERS");
    f->loop = loop_new();
    f->metrics = metrics_new();
    f->host = make_host(brokers);
    fixture_name(f->topic, "topic");
    fixture_name(f->group, "group");
    if (brokers) {
        create_topic(f, partitions);
    } else {
        f->mock = rd_kafka_mock_cluster_new(f->host, 3);
        assert_int_equal(rd_kafka_mock_topic_create(f->mock, f->topic, partitions, 3), RD_KAFKA_RESP_ERR_NO_ERROR);
        brokers = rd_kafka_mock_cluster_bootstraps(f->mock);
    }
    /* Short sessions: the mock coordinator waits nearly that long for members to join again (but 3 s for the first). */
    write_file(f->config_file, "session.timeout.ms=4000\nheartbeat.interval.ms = 400\n");
    f->options = (struct kafka_options){
        .loop = f->loop,
        .brokers = brokers,
        .config_file = f->config_file,
        .client_id = "test",
        .metrics = f->metrics,
        .metrics_prefix = "trueftp_test",
    };
    return f;
}

void fixture_free(struct fixture *f)
{
    if (f->mock)
        rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->host);
    loop_free(f->loop);
    metrics_free(f->metrics);
    unlink(f->config_file);
    free(f);
}

/* -------- running -------- */

struct run {
    struct fixture *f;
    bool (*done)(void *ctx);
    void *ctx;
    bool late;
};

static bool look(void *ctx)
{
    struct run *run = ctx;
    if (run->done && run->done(run->ctx))
        loop_stop(run->f->loop);
    return false;
}

static void too_late(void *ctx)
{
    struct run *run = ctx;
    run->late = true;
    loop_stop(run->f->loop);
}

static bool run_until(struct fixture *f, bool (*done)(void *ctx), void *ctx, int within_ms)
{
    struct run run = {f, done, ctx, false};
    struct loop_turn *turn = loop_turn_new(f->loop, 1000, look, &run);
    struct loop_timer *timer = loop_timer_new(f->loop, too_late, &run);
    loop_timer_arm(timer, within_ms);
    loop_run(f->loop);
    loop_timer_free(timer);
    loop_turn_free(turn);
    return !run.late;
}

void fixture_run(struct fixture *f, bool (*done)(void *ctx), void *ctx, int within_ms)
{
    if (!run_until(f, done, ctx, within_ms))
        fail_msg("not there within %d ms", within_ms);
}

void fixture_pass(struct fixture *f, int ms)
{
    run_until(f, NULL, NULL, ms);
}

/* -------- records -------- */

static void count_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    (void)opaque;
    (void)partition;
    (void)offset;
    assert_int_equal(err, ERR_OK);
    ++*(int *)ctx;
}

struct filling {
    int acks, wanted;
};

static bool filled(void *ctx)
{
    const struct filling *filling = ctx;
    return filling->acks == filling->wanted;
}

void fixture_fill(struct fixture *f, int32_t partition, int first, int count)
{
    struct filling filling = {0, count};
    struct kafka_producer_options options = {.linger_ms = 5, .on_ack = count_ack, .ctx = &filling.acks};
    struct kafka_producer *p;
    struct errmsg why;
    assert_int_equal(kafka_producer_new(&f->options, &options, &p, &why), ERR_OK);
    for (int i = 0; i < count; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", first + i);
        assert_int_equal(kafka_produce(p, f->topic, partition, SLICE("k"), slice_str(value), NULL, 0, NULL), ERR_OK);
    }
    fixture_run(f, filled, &filling, 30000);
    kafka_producer_free(p);
}
