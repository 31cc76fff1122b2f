/* libtrueftp-producer in Kafka mode, against librdkafka's mock cluster or no broker at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kafka_fixture.h"
#include "model/event.h"
#include "model/partition.h"
#include "producer/include/trueftp_producer.h"

#define NO_BROKER "127.0.0.1:1"
enum { PARTITIONS = 24 };

/* -------- allocations that fail -------- */

static int fail_at, allocations;

void *__real_malloc(size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails(void)
{
    return fail_at > 0 && ++allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

/* -------- the caller -------- */

static struct {
    int acks;
    int errors[16]; /* by -error */
    char last_id[TRUEFTP_ID_SIZE];
    void *last_opaque;
    int lines;
} seen;

static void on_acknowledged(void *ctx, void *opaque, const char *event_id, int error)
{
    assert_ptr_equal(ctx, &seen);
    seen.acks++;
    seen.errors[-error]++;
    seen.last_opaque = opaque;
    snprintf(seen.last_id, sizeof seen.last_id, "%s", event_id);
}

static void on_log(void *ctx, int level, const char *line)
{
    assert_ptr_equal(ctx, &seen);
    assert_in_range(level, 0, 7);
    assert_non_null(line);
    __atomic_add_fetch(&seen.lines, 1, __ATOMIC_RELAXED);
}

static struct trueftp_config kafka_config(const char *brokers)
{
    struct trueftp_config c = TRUEFTP_CONFIG_INIT;
    memset(&seen, 0, sizeof seen);
    c.brokers = brokers;
    c.topic_prefix = "lib";
    c.acknowledged = on_acknowledged;
    c.log = on_log;
    c.ctx = &seen;
    return c;
}

static struct trueftp *open_config(const struct trueftp_config *c)
{
    struct trueftp *h;
    char why[256];
    if (trueftp_open(c, &h, why, sizeof why) != TRUEFTP_OK)
        fail_msg("%s", why);
    return h;
}

static int publish_path(struct trueftp *h, const char *path, char id[TRUEFTP_ID_SIZE])
{
    struct trueftp_event ev = TRUEFTP_EVENT_INIT;
    ev.type = TRUEFTP_FILE_UPLOADED;
    ev.account_id = "acc_1";
    ev.path = path;
    ev.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    return trueftp_publish(h, &ev, &seen, id);
}

static struct fixture *mock_broker(void)
{
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "lib.events", PARTITIONS, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "lib.events.big", 3, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    return f;
}

/* -------- what Kafka has -------- */

struct found {
    int records, wanted;
    int32_t partitions;
    char last_id[UUID_TEXT_SIZE];
};

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct found *found = ctx;
    struct event ev;
    struct buf scratch;
    struct errmsg why;
    struct kafka_header headers[2];
    buf_init(&scratch, EVENT_MAX_BYTES);
    assert_int_equal(event_parse(rec->value, &scratch, &ev, &why), ERR_OK);
    assert_int_equal(rec->partition, partition_of(ev.account_id, ev.path, found->partitions));
    assert_int_equal(rec->key.len, ev.account_id.len + ev.path.len);
    assert_int_equal(kafka_record_headers(rec, headers, 2), 1);
    assert_true(slice_eq(headers[0].name, SLICE("traceparent")));
    uuid_format(&ev.id, found->last_id);
    buf_done(&scratch);
    found->records++;
}

static bool all_found(void *ctx)
{
    const struct found *found = ctx;
    return found->records == found->wanted;
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    (void)ctx;
    (void)topic;
    (void)partition;
    (void)end;
}

static void find_records(struct fixture *f, const char *topic, struct found *found)
{
    struct kafka_reader_options o = {
        .on_record = on_record, .on_end = on_end, .ctx = found, .fetch_wait_ms = 10, .poll_bound = 100};
    struct kafka_reader *reader;
    struct errmsg why;
    assert_int_equal(kafka_reader_new(&f->options, &o, &reader, &why), ERR_OK);
    for (int32_t i = 0; i < found->partitions; i++)
        kafka_reader_start(reader, topic, i, 0);
    fixture_run(f, all_found, found, 20000);
    kafka_reader_free(reader);
}

/* -------- stories -------- */

static void what_is_acknowledged_is_in_its_partition(void **state)
{
    (void)state;
    struct fixture *f = mock_broker();
    struct trueftp_config c = kafka_config(f->options.brokers);
    struct trueftp *h = open_config(&c);
    struct found found = {.wanted = 50, .partitions = PARTITIONS};
    char path[32], id[TRUEFTP_ID_SIZE];
    for (int i = 0; i < 50; i++) {
        snprintf(path, sizeof path, "/in/%d", i);
        assert_int_equal(publish_path(h, path, id), TRUEFTP_OK);
    }
    assert_int_equal(trueftp_flush(h, 20000), TRUEFTP_OK);
    assert_int_equal(seen.acks, 50);
    assert_int_equal(seen.errors[-TRUEFTP_OK], 50);
    assert_ptr_equal(seen.last_opaque, &seen);
    assert_int_equal(trueftp_outstanding(h), 0);
    trueftp_close(h);
    find_records(f, "lib.events", &found);
    fixture_free(f);
}

static void poll_counts_what_it_hands_over(void **state)
{
    (void)state;
    struct fixture *f = mock_broker();
    struct trueftp_config c = kafka_config(f->options.brokers);
    static const char *const properties[] = {"linger.ms", "0", NULL};
    struct trueftp *h;
    struct found found = {.wanted = 1, .partitions = 3};
    char id[TRUEFTP_ID_SIZE];
    int polled = 0;
    c.pool = "big";
    c.kafka_properties = properties;
    h = open_config(&c);
    assert_int_equal(publish_path(h, "/a", id), TRUEFTP_OK);
    assert_int_equal(trueftp_outstanding(h), 1);
    for (int i = 0; i < 200 && polled == 0; i++)
        polled += trueftp_poll(h, 100);
    assert_int_equal(polled, 1);
    assert_string_equal(seen.last_id, id);
    trueftp_close(h);
    find_records(f, "lib.events.big", &found);
    assert_string_equal(found.last_id, id);
    fixture_free(f);
}

static void without_a_broker_it_is_bounded_and_gives_up_when_told(void **state)
{
    (void)state;
    struct trueftp_config c = kafka_config(NO_BROKER);
    c.max_outstanding = 10;
    struct trueftp *h = open_config(&c);
    for (int i = 0; i < 10; i++)
        assert_int_equal(publish_path(h, "/a", NULL), TRUEFTP_OK);
    assert_int_equal(publish_path(h, "/a", NULL), TRUEFTP_ERR_FULL);
    assert_int_equal(trueftp_outstanding(h), 10);
    assert_int_equal(trueftp_poll(h, 0), 0);
    assert_int_equal(trueftp_flush(h, 200), TRUEFTP_ERR_TIMEOUT);
    assert_int_equal(seen.acks, 0);
    trueftp_close(h);
    assert_int_equal(seen.acks, 10);
    assert_int_equal(seen.errors[-TRUEFTP_ERR_CLOSED], 10);
    assert_true(seen.lines > 0); /* librdkafka's, about the broker that is away */
}

/* What the parent waits for is the parent's; the child has a client of its own. The parent's threads rest when it forks: a lock
 * of AddressSanitizer's allocator that one of them held would be held in the child for ever. */
static void a_child_has_its_own_client(void **state)
{
    (void)state;
    struct fixture *f = mock_broker();
    struct trueftp_config c = kafka_config(f->options.brokers);
    struct trueftp *h = open_config(&c);
    struct found found = {.wanted = 3, .partitions = PARTITIONS};
    int status;
    assert_int_equal(publish_path(h, "/before", NULL), TRUEFTP_OK);
    assert_int_equal(trueftp_flush(h, 20000), TRUEFTP_OK);
    assert_int_equal(publish_path(h, "/parent", NULL), TRUEFTP_OK);
    fixture_pass(f, 300);
    assert_int_equal(trueftp_outstanding(h), 1);
    pid_t pid = fork();
    if (pid == 0) {
        int bad = trueftp_outstanding(h) != 0;
        bad |= (publish_path(h, "/child", NULL) != TRUEFTP_OK) << 1;
        bad |= (trueftp_flush(h, 20000) != TRUEFTP_OK) << 2;
        bad |= (seen.acks != 2 || seen.errors[0] != 2) << 3;
        trueftp_close(h);
        _exit(bad);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(trueftp_flush(h, 20000), TRUEFTP_OK);
    assert_int_equal(seen.acks, 2);
    trueftp_close(h);
    find_records(f, "lib.events", &found);
    fixture_free(f);
}

static void a_child_may_close_what_it_never_used(void **state)
{
    (void)state;
    struct trueftp_config c = kafka_config(NO_BROKER);
    struct trueftp *h = open_config(&c);
    int status;
    assert_int_equal(publish_path(h, "/a", NULL), TRUEFTP_OK);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        trueftp_close(h);
        _exit(seen.acks);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    trueftp_close(h);
    assert_int_equal(seen.acks, 1);
}

static void properties_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *properties[4];
        const char *prefix, *pool;
        int max_outstanding;
        const char *why;
    } cases[] = {
        {{"acks", "1"}, NULL, NULL, 0, "set by the library"},
        {{"enable.idempotence", "false"}, NULL, NULL, 0, "set by the library"},
        {{"no.such.thing", "1"}, NULL, NULL, 0, "no.such.thing"},
        {{"linger.ms", "often"}, NULL, NULL, 0, "linger.ms"},
        {{"linger.ms"}, NULL, NULL, 0, "no value"},
        {{NULL}, ".bad", NULL, 0, "topic_prefix"},
        {{NULL}, NULL, "dlq", 0, "pool"},
        {{NULL}, NULL, NULL, -1, "max_outstanding"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trueftp_config c = kafka_config(NO_BROKER);
        struct trueftp *h;
        char why[200] = "";
        c.kafka_properties = cases[i].properties;
        c.topic_prefix = cases[i].prefix;
        c.pool = cases[i].pool;
        c.max_outstanding = cases[i].max_outstanding;
        assert_int_equal(trueftp_open(&c, &h, why, sizeof why), TRUEFTP_ERR_INVALID);
        assert_non_null(strstr(why, cases[i].why));
    }
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct trueftp_config c = kafka_config(NO_BROKER);
    struct trueftp *h = open_config(&c);
    int failed = 0;
    for (int i = 1;; i++) {
        fail_at = i;
        allocations = 0;
        int error = publish_path(h, "/a", NULL);
        bool reached = allocations >= fail_at;
        fail_at = 0;
        assert_int_equal(error, reached ? TRUEFTP_ERR_NO_MEMORY : TRUEFTP_OK);
        if (!reached)
            break;
        failed++;
    }
    assert_true(failed >= 3);
    assert_int_equal(trueftp_outstanding(h), 1);
    trueftp_close(h);
    assert_int_equal(seen.acks, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acknowledged_is_in_its_partition),
        cmocka_unit_test(poll_counts_what_it_hands_over),
        cmocka_unit_test(without_a_broker_it_is_bounded_and_gives_up_when_told),
        cmocka_unit_test(a_child_has_its_own_client),
        cmocka_unit_test(a_child_may_close_what_it_never_used),
        cmocka_unit_test(properties_are_checked),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
