/* Configuration, producer, reader and questions. Against the mock cluster, or a real one with TRUEFTP_TEST_BROKERS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kafka_fixture.h"

#include "util/mem.h"

/* -------- configuration -------- */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void ignore_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    (void)ctx, (void)opaque, (void)err, (void)partition, (void)offset;
}

static void test_properties_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why; /* NULL: accepted */
    } cases[] = {
        {"", NULL},
        {"# a comment\n\n  \t\ncompression.type = lz4 \r\nlinger.ms=7", NULL},
        {"sasl.password=a=b # c\nsasl.username=x\n", NULL},
        {"compression.type=lz4\nacks=1\n", ":2: acks is set by the program"},
        {"request.required.acks = 0\n", ":1: request.required.acks is set"},
        {"\n\n enable.idempotence=false", ":3: enable.idempotence is set"},
        {"enable.auto.commit=true", "enable.auto.commit is set"},
        {"auto.commit.enable=true", "auto.commit.enable is set"},
        {"enable.auto.offset.store=true", "enable.auto.offset.store is set"},
        {"partition.assignment.strategy=cooperative-sticky", "partition.assignment.strategy is set"},
        {"isolation.level=read_uncommitted", "isolation.level is set"},
        {"message.timeout.ms=5", "message.timeout.ms is set"},
        {"delivery.timeout.ms=5", "delivery.timeout.ms is set"},
        {"group.instance.id=x", "group.instance.id is set"},
        {"no.such.property=1", ":1: no such librdkafka property: no.such.property"},
        {"linger.ms=soon", ":1: the value of linger.ms is not accepted"},
        {"linger.ms", ":1: not of the form name=value"},
    };
    struct fixture *f = fixture_new(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(f->config_file, cases[i].text);
        struct kafka_producer_options options = {.on_ack = ignore_ack};
        struct kafka_producer *p = NULL;
        struct errmsg why = {""};
        enum err err = kafka_producer_new(&f->options, &options, &p, &why);
        if (cases[i].why) {
            assert_int_equal(err, ERR_INVALID);
            assert_non_null(strstr(why.text, cases[i].why));
            assert_null(strstr(why.text, "soon"));
        } else if (err != ERR_OK) {
            fail_msg("case %zu: %s", i, why.text);
        }
        kafka_producer_free(p);
    }
    fixture_free(f);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    struct errmsg why;
    struct kafka_admin *admin;
    struct kafka_options options = f->options;
    options.config_file = "/nonexistent/kafka.properties";
    assert_int_equal(kafka_admin_new(&options, &admin, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "/nonexistent/kafka.properties"));
    options = f->options;
    options.brokers = "";
    assert_int_equal(kafka_admin_new(&options, &admin, &why), ERR_INVALID);
    fixture_free(f);
}

/* -------- a reader and what it was given -------- */

#define MAX_SEEN 5000

struct seen {
    int64_t next;  /* expected; -1: whatever comes */
    int64_t first; /* offset of the first record since the start */
    int64_t end;   /* as told by on_end; -1: not yet */
    int records, ends;
    bool stopped; /* nothing may come */
    void (*look)(const struct kafka_record *rec);
};

static struct seen seen_from(int64_t offset)
{
    return (struct seen){.next = offset, .first = -1, .end = -1};
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct seen *seen = ctx;
    assert_false(seen->stopped);
    if (seen->next >= 0)
        assert_int_equal(rec->offset, seen->next);
    if (seen->first < 0)
        seen->first = rec->offset;
    seen->next = rec->offset + 1;
    seen->records++;
    if (seen->look)
        seen->look(rec);
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    (void)topic, (void)partition;
    struct seen *seen = ctx;
    assert_false(seen->stopped);
    seen->end = end;
    seen->ends++;
}

static bool at_end(void *ctx)
{
    const struct seen *seen = ctx;
    return seen->end >= 0;
}

static struct kafka_reader *reader_new(struct fixture *f, struct seen *seen)
{
    struct kafka_reader_options options = {
        .on_record = on_record, .on_end = on_end, .ctx = seen, .fetch_wait_ms = 20, .poll_bound = 64};
    struct kafka_reader *r;
    struct errmsg why;
    assert_int_equal(kafka_reader_new(&f->options, &options, &r, &why), ERR_OK);
    return r;
}

/* -------- producing -------- */

struct acks {
    int ok, again, too_big, not_found, other, wanted;
    int64_t next_offset;
    bool in_order;
};

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    (void)partition;
    struct acks *acks = ctx;
    acks->ok += err == ERR_OK;
    acks->again += err == ERR_AGAIN;
    acks->too_big += err == ERR_TOO_BIG;
    acks->not_found += err == ERR_NOT_FOUND;
    acks->other += err == ERR_INVALID || err == ERR_REFUSED;
    if (err == ERR_OK && acks->in_order) {
        assert_int_equal((intptr_t)opaque, offset);
        assert_int_equal(offset, acks->next_offset++);
    }
}

static bool all_acked(void *ctx)
{
    const struct acks *acks = ctx;
    return acks->ok + acks->again + acks->too_big + acks->not_found + acks->other == acks->wanted;
}

static struct kafka_producer *producer_new(struct fixture *f, struct acks *acks)
{
    struct kafka_producer_options options = {.linger_ms = 2, .on_ack = on_ack, .ctx = acks};
    struct kafka_producer *p;
    struct errmsg why;
    assert_int_equal(kafka_producer_new(&f->options, &options, &p, &why), ERR_OK);
    return p;
}

static enum err put(struct kafka_producer *p, const char *topic, int32_t partition, intptr_t n)
{
    char value[16];
    snprintf(value, sizeof value, "%ld", (long)n);
    return kafka_produce(p, topic, partition, SLICE("key"), slice_str(value), NULL, 0, (void *)n);
}

static void look_at_kinds(const struct kafka_record *rec)
{
    struct kafka_header headers[4];
    int count = kafka_record_headers(rec, headers, 4);
    assert_true(rec->timestamp_wall_ms > 1600000000000);
    switch (rec->offset) {
    case 0: /* everything */
        assert_true(slice_eq(rec->key, SLICE("id-1")));
        assert_true(slice_eq(rec->value, slice_of("va\0lue", 6)));
        assert_false(rec->tombstone);
        assert_int_equal(count, 2);
        assert_true(slice_eq(headers[0].name, SLICE("traceparent")));
        assert_true(slice_eq(headers[0].value, SLICE("00-ab")));
        assert_true(slice_eq(headers[1].value, SLICE("")));
        assert_int_equal(kafka_record_headers(rec, headers, 1), 1);
        break;
    case 1: /* a tombstone */
        assert_true(slice_eq(rec->key, SLICE("id-1")));
        assert_true(rec->tombstone);
        assert_int_equal(rec->value.len, 0);
        assert_int_equal(count, 0);
        break;
    case 2: /* an empty value, no key */
        assert_false(rec->tombstone);
        assert_int_equal(rec->value.len, 0);
        assert_int_equal(rec->key.len, 0);
        break;
    default: /* a tombstone with a header */
        assert_true(rec->tombstone);
        assert_int_equal(count, 1);
        break;
    }
}

static void test_kinds_of_records(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    struct acks acks = {.wanted = 4};
    struct kafka_producer *p = producer_new(f, &acks);
    const struct kafka_header headers[] = {{SLICE("traceparent"), SLICE("00-ab")}, {SLICE("empty"), SLICE("")}};
    const struct slice none = {NULL, 0}, key = SLICE("id-1");
    assert_int_equal(kafka_produce(p, f->topic, 1, key, slice_of("va\0lue", 6), headers, 2, NULL), ERR_OK);
    assert_int_equal(kafka_produce(p, f->topic, 1, key, none, NULL, 0, NULL), ERR_OK);
    assert_int_equal(kafka_produce(p, f->topic, 1, none, SLICE(""), NULL, 0, NULL), ERR_OK);
    assert_int_equal(kafka_produce(p, f->topic, 1, key, none, headers, 1, NULL), ERR_OK);
    assert_int_equal(kafka_producer_outstanding(p), 4);
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, 4);
    assert_int_equal(kafka_producer_outstanding(p), 0);
    kafka_producer_free(p);

    struct seen seen = seen_from(0);
    seen.look = look_at_kinds;
    struct kafka_reader *r = reader_new(f, &seen);
    kafka_reader_start(r, f->topic, 1, 0);
    fixture_run(f, at_end, &seen, 20000);
    assert_int_equal(seen.records, 4);
    assert_int_equal(seen.end, 4);
    kafka_reader_free(r);
    fixture_free(f);
}

static void test_what_is_never_written(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    struct acks acks = {.wanted = 1};
    struct kafka_producer *p = producer_new(f, &acks);
    assert_int_equal(put(p, f->topic, 0, 0), ERR_OK);
    fixture_run(f, all_acked, &acks, 20000);
    char *big = mem_zalloc(2200000);
    assert_int_equal(kafka_produce(p, f->topic, 0, SLICE("k"), slice_of(big, 2200000), NULL, 0, NULL), ERR_TOO_BIG);
    free(big);
    assert_int_equal(put(p, f->topic, 77, 0), ERR_NOT_FOUND); /* the partitions are known by now */
    assert_int_equal(kafka_producer_outstanding(p), 0);
    kafka_producer_free(p);
    fixture_free(f);
}

static void test_acknowledgements_in_order(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    struct acks acks = {.wanted = 3000, .in_order = true};
    struct kafka_producer *p = producer_new(f, &acks);
    for (intptr_t i = 0; i < 3000; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_run(f, all_acked, &acks, 30000);
    assert_int_equal(acks.ok, 3000);
    kafka_producer_free(p);
    fixture_free(f);
}

static void test_full_queue(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    write_text(f->config_file, "queue.buffering.max.messages=10\n");
    struct acks acks = {.wanted = 10};
    struct kafka_producer *p = producer_new(f, &acks);
    for (intptr_t i = 0; i < 10; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    assert_int_equal(put(p, f->topic, 0, 10), ERR_AGAIN);
    fixture_run(f, all_acked, &acks, 20000);
    acks.wanted++;
    assert_int_equal(put(p, f->topic, 0, 10), ERR_OK);
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, 11);
    kafka_producer_free(p);
    fixture_free(f);
}

static void test_brokers_away(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    struct acks acks = {.wanted = 1};
    struct kafka_producer *p = producer_new(f, &acks);
    put(p, f->topic, 0, 0);
    fixture_run(f, all_acked, &acks, 20000);
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(f->mock, broker);
    acks.wanted = 101;
    for (intptr_t i = 1; i <= 100; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_pass(f, 1500);
    assert_int_equal(acks.ok, 1);
    assert_int_equal(kafka_producer_outstanding(p), 100);
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_up(f->mock, broker);
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, 101);

    rd_kafka_mock_push_request_errors(f->mock, API_PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
    acks.wanted = 151;
    for (intptr_t i = 101; i <= 150; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, 151);
    kafka_producer_free(p);
    fixture_free(f);
}

static void set_round_trip(struct fixture *f, int ms)
{
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(f->mock, broker, ms);
}

/* An unwritten producer cannot get its id: fatal to librdkafka. All it had comes back, and the next handle writes it. */
static void test_fatal_error(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    rd_kafka_mock_push_request_errors(f->mock, API_INIT_PRODUCER_ID, 1, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    set_round_trip(f, 300); /* the answer comes when there is something to lose */
    struct acks acks = {0};
    struct kafka_producer *p = producer_new(f, &acks);
    int given = 0; /* the handle may be found dead while they are given */
    for (intptr_t i = 0; i < 50 && put(p, f->topic, 0, i) == ERR_OK; i++)
        given++;
    assert_true(given > 0);
    set_round_trip(f, 0);
    acks.wanted = given;
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.again, given);
    assert_int_equal(acks.ok, 0);
    assert_int_equal(put(p, f->topic, 0, 0), ERR_AGAIN); /* between two handles */
    fixture_pass(f, 500);
    acks.wanted = given + 50;
    for (intptr_t i = 0; i < 50; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, 50);

    /* A sequence that the broker does not know any more, with requests in flight. */
    rd_kafka_mock_push_request_errors(f->mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    acks.wanted = given + 100;
    for (intptr_t i = 0; i < 50; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_run(f, all_acked, &acks, 20000);
    print_message("out of order: %d written, %d to be produced again\n", acks.ok - 50, acks.again - given);
    fixture_pass(f, 800);
    acks.wanted = given + 101;
    assert_int_equal(put(p, f->topic, 0, 0), ERR_OK);
    int ok = acks.ok;
    fixture_run(f, all_acked, &acks, 20000);
    assert_int_equal(acks.ok, ok + 1);
    kafka_producer_free(p);

    struct buf text;
    buf_init(&text, 65536);
    metrics_write(f->metrics, &text);
    assert_non_null(strstr(buf_cstr(&text), "trueftp_test_kafka_errors_total{handle=\"producer\",class=\"fatal\"}"));
    assert_null(strstr(buf_cstr(&text), "handle=\"producer\",class=\"fatal\"} 0\n"));
    buf_done(&text);
    fixture_free(f);
}

static void test_freed_with_records_outstanding(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    f->options.brokers = "127.0.0.1:1"; /* nobody */
    struct acks acks = {.wanted = 20};
    struct kafka_producer *p = producer_new(f, &acks);
    for (intptr_t i = 0; i < 20; i++)
        assert_int_equal(put(p, f->topic, 0, i), ERR_OK);
    fixture_pass(f, 200);
    kafka_producer_free(p);
    assert_int_equal(acks.ok + acks.again, 0);
    fixture_free(f);
}

/* -------- reading -------- */

static void test_reader_follows(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    struct seen seen = seen_from(0);
    struct kafka_reader *r = reader_new(f, &seen);
    assert_int_equal(kafka_reader_known_end(r, f->topic, 0), -1);
    kafka_reader_start(r, f->topic, 0, 0);
    fixture_run(f, at_end, &seen, 20000); /* an empty partition ends at 0 */
    assert_int_equal(seen.end, 0);
    for (int round = 0; round < 3; round++) {
        seen.end = -1;
        fixture_fill(f, 0, round * 100, 100);
        fixture_run(f, at_end, &seen, 20000);
        assert_true(seen.end <= (round + 1) * 100);
    }
    assert_int_equal(seen.end, 300);
    assert_int_equal(seen.records, 300);
    assert_int_equal(kafka_reader_known_end(r, f->topic, 0), 300);
    seen = seen_from(300);
    kafka_reader_start(r, f->topic, 0, 300); /* at the end: told again */
    fixture_run(f, at_end, &seen, 20000);
    assert_int_equal(seen.end, 300);
    kafka_reader_stop(r, f->topic, 0);
    seen.stopped = true;
    fixture_fill(f, 0, 300, 10);
    fixture_pass(f, 200);
    kafka_reader_stop(r, f->topic, 0); /* twice is harmless */
    kafka_reader_free(r);
    fixture_free(f);
}

struct restarts {
    struct fixture *f;
    struct kafka_reader *r;
    struct seen *seen;
    uint64_t seed;
    int left;
};

/* Starts over at random while records stream in; each must be the one that follows. */
static bool restarted_enough(void *ctx)
{
    struct restarts *s = ctx;
    if (s->left == 0)
        return s->seen->end >= 0;
    s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
    unsigned draw = (unsigned)(s->seed >> 33);
    if (draw % 4 != 0 || (s->seen->records == 0 && draw % 32 != 0))
        return false;
    int64_t offset = (int64_t)(draw / 64 % 2000);
    *s->seen = seen_from(offset);
    kafka_reader_start(s->r, s->f->topic, 0, offset);
    s->left--;
    return false;
}

static bool keep_turning(void *ctx)
{
    const struct restarts *s = ctx;
    return s->left > 0;
}

static void test_reader_starts_over_exactly(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    fixture_fill(f, 0, 0, 2000);
    struct seen seen = seen_from(0);
    struct kafka_reader *r = reader_new(f, &seen);
    kafka_reader_start(r, f->topic, 0, 0);
    struct restarts s = {.f = f, .r = r, .seen = &seen, .seed = 42, .left = 200};
    struct loop_turn *turn = loop_turn_new(f->loop, 0, keep_turning, &s);
    fixture_run(f, restarted_enough, &s, 60000);
    loop_turn_free(turn);
    assert_int_equal(seen.end, 2000);
    assert_int_equal(seen.records, 2000 - seen.first);
    kafka_reader_free(r);
    fixture_free(f);
}

static void test_reader_out_of_range(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    fixture_fill(f, 0, 0, 30);
    struct seen seen = seen_from(-1);
    struct kafka_reader *r = reader_new(f, &seen);
    kafka_reader_start(r, f->topic, 0, 500);
    fixture_run(f, at_end, &seen, 20000);
    assert_int_equal(seen.first, 0);
    assert_int_equal(seen.records, 30);
    if (!f->mock) {
        fixture_delete_below(f, 0, 12);
        seen = seen_from(-1);
        kafka_reader_start(r, f->topic, 0, 0);
        fixture_run(f, at_end, &seen, 20000);
        assert_int_equal(seen.first, 12);
        assert_int_equal(seen.records, 18);
        fixture_delete_below(f, 0, 30); /* all: no record tells the end */
        seen = seen_from(-1);
        kafka_reader_start(r, f->topic, 0, 14);
        fixture_run(f, at_end, &seen, 20000);
        assert_int_equal(seen.end, 30);
    }
    kafka_reader_free(r);
    fixture_free(f);
}

/* -------- questions -------- */

struct answer {
    int calls;
    enum err err;
    int32_t count;
};

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct answer *answer = ctx;
    *answer = (struct answer){answer->calls + 1, err, count};
}

static bool is_answered(void *ctx)
{
    const struct answer *answer = ctx;
    return answer->calls > 0;
}

static void test_partition_counts(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(5);
    struct kafka_admin *admin;
    struct errmsg why;
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    struct answer answer = {0};
    kafka_admin_partitions(admin, f->topic, on_partitions, &answer);
    fixture_run(f, is_answered, &answer, 20000);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.count, 5);
    if (!f->mock) { /* which makes any topic it is asked for */
        char name[64];
        fixture_name(name, "absent");
        for (int i = 0; i < 2; i++) { /* asking does not make it */
            answer = (struct answer){0};
            kafka_admin_partitions(admin, name, on_partitions, &answer);
            fixture_run(f, is_answered, &answer, 20000);
            assert_int_equal(answer.err, ERR_NOT_FOUND);
        }
    }
    kafka_admin_free(admin);
    fixture_free(f);
}

struct ends_answer {
    int calls, count;
    enum err err;
    int64_t sum;
};

static void on_ends(void *ctx, enum err err, const struct kafka_end *ends, int count)
{
    struct ends_answer *a = ctx;
    a->calls++;
    a->err = err;
    a->count = count;
    for (int i = 0; i < count; i++) {
        a->sum += ends[i].offset;
    }
}

static bool ends_are_answered(void *ctx)
{
    return ((struct ends_answer *)ctx)->calls > 0;
}

static void test_ends_of_partitions(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(5);
    struct kafka_admin *admin;
    struct errmsg why;
    struct kafka_topic_name topic = {f->topic, 5};
    struct ends_answer answer = {0};
    fixture_fill(f, 0, 0, 10);
    fixture_fill(f, 3, 0, 7);
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    kafka_admin_ends(admin, &topic, 1, on_ends, &answer);
    fixture_run(f, ends_are_answered, &answer, 20000);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.count, 5);
    assert_int_equal(answer.sum, 17);
    if (f->mock) { /* nobody answers: no end is made up */
        for (int32_t id = 1; id <= 3; id++) {
            (void)rd_kafka_mock_broker_set_down(f->mock, id);
        }
        answer = (struct ends_answer){0};
        kafka_admin_ends(admin, &topic, 1, on_ends, &answer);
        fixture_run(f, ends_are_answered, &answer, 20000);
        assert_int_equal(answer.err, ERR_AGAIN);
        assert_int_equal(answer.count, 0);
    }
    kafka_admin_ends(admin, &topic, 1, on_ends, &answer);
    kafka_admin_free(admin); /* with a question open */
    assert_int_equal(answer.calls, 1);
    fixture_free(f);
}

struct topic_answer {
    int calls;
    enum err err;
    int32_t partitions;
    int replication_factor;
    bool described;
    char cleanup_policy[32];
};

static void on_topic(void *ctx, enum err err, const struct kafka_topic *topic)
{
    struct topic_answer *answer = ctx;
    *answer = (struct topic_answer){.calls = answer->calls + 1, .err = err};
    if (err != ERR_OK) {
        assert_null(topic);
        return;
    }
    answer->partitions = topic->partitions;
    answer->replication_factor = topic->replication_factor;
    answer->described = !topic->undescribed;
    for (int i = 0; i < topic->setting_count; i++)
        if (strcmp(topic->settings[i].name, "cleanup.policy") == 0)
            snprintf(answer->cleanup_policy, sizeof answer->cleanup_policy, "%s", topic->settings[i].value);
}

static bool is_described(void *ctx)
{
    const struct topic_answer *answer = ctx;
    return answer->calls > 0;
}

/* The mock cluster tells no settings: then the answer says so, and has the rest. */
static void test_topic_settings(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(5);
    struct kafka_admin *admin;
    struct errmsg why;
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    struct topic_answer answer = {0};
    kafka_admin_topic(admin, f->topic, on_topic, &answer);
    fixture_run(f, is_described, &answer, 20000);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.partitions, 5);
    assert_int_equal(answer.replication_factor, f->mock ? 3 : 1);
    assert_int_equal(answer.described, !f->mock);
    assert_string_equal(answer.cleanup_policy, f->mock ? "" : "delete");
    if (!f->mock) {
        char name[64];
        fixture_name(name, "absent");
        answer = (struct topic_answer){0};
        kafka_admin_topic(admin, name, on_topic, &answer);
        fixture_run(f, is_described, &answer, 20000);
        assert_int_equal(answer.err, ERR_NOT_FOUND);
    }
    answer = (struct topic_answer){0};
    kafka_admin_topic(admin, f->topic, on_topic, &answer);
    fixture_pass(f, 50);
    kafka_admin_free(admin); /* with a question open */
    fixture_free(f);
}

static void test_nobody_to_ask(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    f->options.brokers = "127.0.0.1:1";
    struct kafka_admin *admin;
    struct errmsg why;
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    struct answer answer = {0};
    loop_take_longest_turn_ms(f->loop);
    kafka_admin_partitions(admin, f->topic, on_partitions, &answer);
    fixture_run(f, is_answered, &answer, 20000);
    assert_int_equal(answer.err, ERR_AGAIN);
    assert_in_range(loop_take_longest_turn_ms(f->loop), 0, 200); /* the loop did not wait */
    answer = (struct answer){0};
    kafka_admin_partitions(admin, f->topic, on_partitions, &answer);
    fixture_pass(f, 100);
    kafka_admin_free(admin); /* with a question open */
    assert_int_equal(answer.calls, 0);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties_file),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_kinds_of_records),
        cmocka_unit_test(test_what_is_never_written),
        cmocka_unit_test(test_acknowledgements_in_order),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_brokers_away),
        cmocka_unit_test(test_fatal_error),
        cmocka_unit_test(test_freed_with_records_outstanding),
        cmocka_unit_test(test_reader_follows),
        cmocka_unit_test(test_reader_starts_over_exactly),
        cmocka_unit_test(test_reader_out_of_range),
        cmocka_unit_test(test_partition_counts),
        cmocka_unit_test(test_ends_of_partitions),
        cmocka_unit_test(test_topic_settings),
        cmocka_unit_test(test_nobody_to_ask),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
