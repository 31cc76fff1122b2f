/* The publisher against a Kafka client that says what the test wants: acknowledgements in any order, a full queue, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/kafka.h"
#include "model/partition.h"
#include "producer/publish.h"
#include "util/mem.h"

#define MAX_SENT 128

/* -------- the client -------- */

struct kafka_producer {
    struct kafka_producer_options options;
};

struct sent {
    void *opaque;
    char topic[64];
    int32_t partition;
    char key[256], value[1024], trace[128];
};

static struct kafka_producer client;
static struct sent sent[MAX_SENT];
static int sent_count;
static enum err answer; /* of kafka_produce */

enum err kafka_producer_new(const struct kafka_options *k, const struct kafka_producer_options *o, struct kafka_producer **out,
                            struct errmsg *why)
{
    (void)k;
    (void)why;
    client.options = *o;
    *out = &client;
    return ERR_OK;
}

static void copy(char *out, size_t size, struct slice s)
{
    snprintf(out, size, "%.*s", (int)s.len, s.len > 0 ? s.p : "");
}

enum err kafka_produce(struct kafka_producer *p, const char *topic, int32_t partition, struct slice key, struct slice value,
                       const struct kafka_header *headers, int header_count, void *opaque)
{
    assert_ptr_equal(&client, p);
    assert_true(sent_count < MAX_SENT);
    if (answer != ERR_OK)
        return answer;
    struct sent *s = &sent[sent_count++];
    *s = (struct sent){.opaque = opaque, .partition = partition};
    copy(s->topic, sizeof(s->topic), slice_str(topic));
    copy(s->key, sizeof(s->key), key);
    copy(s->value, sizeof(s->value), value);
    if (header_count > 0) {
        assert_true(slice_eq(headers[0].name, SLICE("traceparent")));
        copy(s->trace, sizeof(s->trace), headers[0].value);
    }
    return ERR_OK;
}

void kafka_producer_free(struct kafka_producer *p)
{
    assert_ptr_equal(&client, p);
}

static void ack(int which, enum err err)
{
    client.options.on_ack(client.options.ctx, sent[which].opaque, err, sent[which].partition, err == ERR_OK ? 7 : -1);
}

/* -------- the world -------- */

struct world {
    struct loop *loop;
    struct loop_timer *wake;
    struct metrics *metrics;
    struct publisher *publisher;
    struct track track;
    int refused;
    enum err refused_err;
    char refused_key[256];
};

static void on_refused(void *ctx, enum err err, struct slice key)
{
    struct world *w = ctx;
    w->refused++;
    w->refused_err = err;
    copy(w->refused_key, sizeof(w->refused_key), key);
}

static void on_wake(void *ctx)
{
    struct world *w = ctx;
    loop_stop(w->loop);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    struct errmsg why;
    w->loop = loop_new();
    w->wake = loop_timer_new(w->loop, on_wake, w);
    w->metrics = metrics_new();
    track_init(&w->track);
    struct kafka_options kafka = {.loop = w->loop, .metrics = w->metrics};
    struct publish_options o = {.kafka = &kafka, .topic_prefix = "trueftp", .refused = on_refused, .ctx = w};
    assert_int_equal(ERR_OK, publisher_new(&o, &w->publisher, &why));
    sent_count = 0;
    answer = ERR_OK;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    publisher_free(w->publisher);
    metrics_free(w->metrics);
    loop_timer_free(w->wake);
    loop_free(w->loop);
    free(w);
    return 0;
}

static void send_event(struct world *w, int64_t offset, const char *account, const char *path)
{
    struct event_fields f = {.type = EVENT_FILE_UPLOADED,
                             .time_wall_ms = 1795467671422,
                             .account_id = slice_str(account),
                             .path = slice_str(path),
                             .size_bytes = 5,
                             .username = SLICE("user")};
    publisher_send(w->publisher, &f, slice_of(NULL, 0), &w->track, offset);
    publisher_flush(w->publisher);
}

/* Lets the retry timer come. */
static void run_for(struct world *w, int64_t ms)
{
    loop_timer_arm(w->wake, ms);
    loop_run(w->loop);
    publisher_flush(w->publisher);
}

/* -------- stories -------- */

static void no_credit_before_the_partitions_are_known(void **state)
{
    struct world *w = *state;
    assert_false(publisher_has_credit(w->publisher));
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    assert_true(publisher_has_credit(w->publisher));
    assert_string_equal("trueftp.events", routes_topic(publisher_routes(w->publisher), 0));
    publisher_hold(w->publisher, true);
    assert_false(publisher_has_credit(w->publisher));
    publisher_hold(w->publisher, false);
    assert_true(publisher_has_credit(w->publisher));
}

static void an_event_goes_to_its_partition(void **state)
{
    struct world *w = *state;
    static const struct {
        int32_t partitions;
        const char *account, *path;
    } cases[] = {{24, "acc_1", "/a"}, {24, "acc_1", "/b"}, {24, "acc_2", "/a"},
                 {1, "acc_1", "/a"},  {3, "acc_1", "/a"},  {24, "acc_1", "/a"}};
    for (int i = 0; i < (int)(sizeof(cases) / sizeof(cases[0])); i++) {
        char key[256];
        routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", cases[i].partitions);
        send_event(w, i, cases[i].account, cases[i].path);
        snprintf(key, sizeof(key), "%s%s", cases[i].account, cases[i].path);
        assert_string_equal("trueftp.events", sent[i].topic);
        assert_string_equal(key, sent[i].key);
        assert_int_equal(partition_of(slice_str(cases[i].account), slice_str(cases[i].path), cases[i].partitions),
                         sent[i].partition);
        assert_non_null(strstr(sent[i].value, "\"event\":\"file.uploaded\""));
        ack(i, ERR_OK);
    }
}

static void a_user_goes_by_its_name(void **state)
{
    struct world *w = *state;
    struct event_fields f = {
        .type = EVENT_FTP_USER_CREATED, .account_id = SLICE("acc_1"), .size_bytes = -1, .username = SLICE("user")};
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    publisher_send(w->publisher, &f, SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), &w->track, 0);
    assert_int_equal(0, sent_count); /* with the others of its turn */
    publisher_flush(w->publisher);
    assert_int_equal(partition_of(SLICE("acc_1"), SLICE("/user"), 24), sent[0].partition);
    assert_string_equal("acc_1/user", sent[0].key);
    assert_string_equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", sent[0].trace);
    ack(0, ERR_OK);
}

static void acknowledgements_come_in_any_order(void **state)
{
    struct world *w = *state;
    static const struct {
        int which;
        int64_t lowest;
    } steps[] = {{2, 100}, {0, 200}, {3, 200}, {1, INT64_MAX}};
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    for (int i = 0; i < 4; i++)
        send_event(w, (i + 1) * 100, "acc_1", "/a");
    assert_int_equal(4, publisher_outstanding(w->publisher));
    for (size_t i = 0; i < 4; i++) {
        ack(steps[i].which, ERR_OK);
        assert_int_equal(steps[i].lowest, track_lowest(&w->track));
    }
    assert_int_equal(0, publisher_outstanding(w->publisher));
}

static void what_was_not_written_is_produced_again(void **state)
{
    struct world *w = *state;
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    send_event(w, 100, "acc_1", "/a");
    send_event(w, 200, "acc_1", "/b");
    ack(0, ERR_AGAIN);
    assert_int_equal(100, track_lowest(&w->track));
    assert_int_equal(2, sent_count);
    assert_false(publisher_has_credit(w->publisher)); /* nothing more while something waits */
    run_for(w, 300);
    assert_int_equal(3, sent_count);
    assert_string_equal(sent[0].value, sent[2].value);
    assert_string_equal(sent[0].key, sent[2].key);
    assert_int_equal(sent[0].partition, sent[2].partition);
    assert_true(publisher_has_credit(w->publisher));
    ack(2, ERR_OK);
    ack(1, ERR_OK);
    assert_int_equal(INT64_MAX, track_lowest(&w->track));
}

/* A client that dies gives back what it has, piece by piece, while newer events wait already. */
static void what_comes_back_keeps_its_order(void **state)
{
    struct world *w = *state;
    static const char *const paths[] = {"/a", "/b", "/c", "/d"};
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    for (int i = 0; i < 3; i++)
        send_event(w, (i + 1) * 100, "acc_1", paths[i]);
    ack(1, ERR_AGAIN);
    send_event(w, 400, "acc_1", paths[3]);
    ack(0, ERR_AGAIN);
    ack(2, ERR_AGAIN);
    run_for(w, 300);
    assert_int_equal(7, sent_count);
    for (int i = 0; i < 4; i++) {
        char key[32];
        snprintf(key, sizeof(key), "acc_1%s", paths[i]);
        assert_string_equal(key, sent[3 + i].key);
        ack(3 + i, ERR_OK);
    }
    assert_int_equal(INT64_MAX, track_lowest(&w->track));
}

static void large_events_use_up_the_credit(void **state)
{
    struct world *w = *state;
    static char path[200 * 1024];
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    int count = 0;
    while (publisher_has_credit(w->publisher))
        send_event(w, count++, "acc_1", path);
    assert_in_range(count, PUBLISH_MAX_BYTES / (2 * EVENT_MAX_BYTES), PUBLISH_MAX_BYTES / (2 * sizeof(path)) + 1);
    ack(0, ERR_OK);
    assert_true(publisher_has_credit(w->publisher));
    while (count-- > 1)
        ack(count, ERR_OK);
}

static void a_full_queue_is_tried_again(void **state)
{
    struct world *w = *state;
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    answer = ERR_AGAIN;
    send_event(w, 100, "acc_1", "/a");
    answer = ERR_OK;
    send_event(w, 200, "acc_1", "/b"); /* not past the one that waits */
    assert_int_equal(0, sent_count);
    assert_int_equal(2, publisher_outstanding(w->publisher));
    answer = ERR_AGAIN;
    run_for(w, 200);
    assert_int_equal(0, sent_count);
    answer = ERR_OK;
    run_for(w, 200);
    assert_int_equal(2, sent_count);
    assert_string_equal("acc_1/a", sent[0].key);
    assert_string_equal("acc_1/b", sent[1].key);
    ack(0, ERR_OK);
    ack(1, ERR_OK);
    assert_int_equal(0, publisher_outstanding(w->publisher));
}

static void what_will_never_be_taken_is_told_and_done(void **state)
{
    struct world *w = *state;
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    answer = ERR_TOO_BIG;
    send_event(w, 100, "acc_1", "/a");
    assert_int_equal(1, w->refused);
    assert_int_equal(ERR_TOO_BIG, w->refused_err);
    assert_string_equal("acc_1/a", w->refused_key);
    assert_int_equal(INT64_MAX, track_lowest(&w->track));
    answer = ERR_OK;
    send_event(w, 200, "acc_1", "/b");
    ack(0, ERR_INVALID);
    assert_int_equal(2, w->refused);
    assert_int_equal(INT64_MAX, track_lowest(&w->track));
    assert_int_equal(0, publisher_outstanding(w->publisher));
}

/* An operator can mend these: no event is given up for them. */
static void a_missing_topic_is_waited_for(void **state)
{
    struct world *w = *state;
    static const enum err errors[] = {ERR_NOT_FOUND, ERR_REFUSED};
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    for (size_t i = 0; i < 2; i++) {
        sent_count = 0;
        send_event(w, 100, "acc_1", "/a");
        ack(0, errors[i]);
        assert_int_equal(0, w->refused);
        assert_int_equal(100, track_lowest(&w->track));
        run_for(w, 300);
        assert_int_equal(2, sent_count);
        ack(1, ERR_OK);
    }
}

static void what_is_outstanding_is_freed_at_the_end(void **state)
{
    struct world *w = *state;
    routes_set_partitions(publisher_routes(w->publisher), "trueftp.events", 24);
    send_event(w, 100, "acc_1", "/a");
    answer = ERR_AGAIN;
    send_event(w, 200, "acc_1", "/b");
    assert_int_equal(2, publisher_outstanding(w->publisher));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(no_credit_before_the_partitions_are_known),
        STORY(an_event_goes_to_its_partition),
        STORY(a_user_goes_by_its_name),
        STORY(acknowledgements_come_in_any_order),
        STORY(what_was_not_written_is_produced_again),
        STORY(what_comes_back_keeps_its_order),
        STORY(large_events_use_up_the_credit),
        STORY(a_full_queue_is_tried_again),
        STORY(what_will_never_be_taken_is_told_and_done),
        STORY(a_missing_topic_is_waited_for),
        STORY(what_is_outstanding_is_freed_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
