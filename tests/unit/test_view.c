/* The whole view: topics on librdkafka's mock cluster, read, asked, killed and made anew. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "kafka_fixture.h"
#include "model/topics.h"
#include "util/clock.h"
#include "util/mem.h"
#include "view_fixture.h"

#define PARTITIONS 2
#define WAIT_MS 60000

struct world {
    struct fixture *kafka;
    struct kafka_producer *producer;
    struct view *view;
    struct metrics *metrics; /* the view's */
    char folder[64];
    char prefix[32];
    int acks, sent;
    int64_t now_wall_ms;
};

/* -------- topics -------- */

static void topic(struct world *w, const char *kind, char out[TOPIC_NAME_SIZE])
{
    (void)snprintf(out, TOPIC_NAME_SIZE, "%s.%s", w->prefix, kind);
}

static void make_topic(struct world *w, const char *kind)
{
    char name[TOPIC_NAME_SIZE];
    topic(w, kind, name);
    assert_int_equal(rd_kafka_mock_topic_create(w->kafka->mock, name, PARTITIONS, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    struct world *w = ctx;
    (void)opaque;
    (void)partition;
    (void)offset;
    assert_int_equal(err, ERR_OK);
    w->acks++;
}

static bool all_acked(void *ctx)
{
    const struct world *w = ctx;
    return w->acks == w->sent;
}

static void flush(struct world *w)
{
    fixture_run(w->kafka, all_acked, w, WAIT_MS);
}

/* value.p NULL: a tombstone. */
static void write_to(struct world *w, const char *kind, int32_t partition, const char *key, struct slice value)
{
    char name[TOPIC_NAME_SIZE];
    topic(w, kind, name);
    assert_int_equal(kafka_produce(w->producer, name, partition, slice_str(key), value, NULL, 0, NULL), ERR_OK);
    w->sent++;
}

static void send_delivery(struct world *w, const char *kind, const struct delivery *dl)
{
    char key[UUID_TEXT_SIZE];
    struct buf value;
    buf_init(&value, 100000);
    delivery_write(&value, dl);
    uuid_format(&dl->id, key);
    write_to(w, kind, dl->event_partition, key, buf_slice(&value));
    buf_done(&value);
}

static void send_event(struct world *w, const char *kind, int number, const char *path)
{
    struct buf value;
    struct event_fields f = {.id = view_fixture_event_id(number),
                             .type = EVENT_FILE_UPLOADED,
                             .time_wall_ms = w->now_wall_ms + number,
                             .time_has_ms = true,
                             .account_id = SLICE("acc_1"),
                             .path = slice_str(path),
                             .size_bytes = 7};
    buf_init(&value, 100000);
    event_write(&value, &f);
    write_to(w, kind, number % PARTITIONS, "k", buf_slice(&value));
    buf_done(&value);
}

static struct delivery delivery_of(struct world *w, int number, enum delivery_status status)
{
    struct delivery dl = view_fixture_delivery(number, status);
    dl.created_wall_ms = dl.updated_wall_ms = w->now_wall_ms + number;
    dl.event_wall_ms = w->now_wall_ms + number;
    dl.event_partition = number % PARTITIONS;
    return dl;
}

static rd_kafka_t *plain_client(struct world *w, rd_kafka_type_t type, const char *group)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", w->kafka->options.brokers, text, sizeof text);
    if (group) {
        (void)rd_kafka_conf_set(conf, "group.id", group, text, sizeof text);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    assert_non_null(rk);
    return rk;
}

/* A record that was logged a day ago. */
static void send_old(struct world *w, rd_kafka_t *rk, const char *kind, const char *key, const char *value)
{
    char name[TOPIC_NAME_SIZE];
    topic(w, kind, name);
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key, strlen(key)),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(w->now_wall_ms - DAY_MS),
                                       RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void send_definitions(struct world *w)
{
    rd_kafka_t *rk = plain_client(w, RD_KAFKA_PRODUCER, NULL);
    send_old(w, rk, "webhooks", "wh_1",
             "{\"id\":\"wh_1\",\"account_id\":\"acc_1\",\"url\":\"https://a.example/\",\"events\":[\"*\"],\"enabled\":true,"
             "\"secrets\":[{\"sealed\":\"s\"}],\"version\":1,\"created_at\":\"2026-01-01T00:00:00Z\"}");
    assert_int_equal(rd_kafka_flush(rk, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(rk);
}

/* -------- the view -------- */

static void open_view(struct world *w)
{
    struct view_options o = {.kafka = w->kafka->options,
                             .topic_prefix = w->prefix,
                             .folder = w->folder,
                             .limits = {30 * DAY_MS, 30 * DAY_MS, 1000000, 366 * DAY_MS},
                             .metrics = metrics_new()};
    struct errmsg why;
    metrics_free(w->metrics); /* of the view before */
    w->metrics = o.kafka.metrics = o.metrics;
    if (view_open(&o, &w->view, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static bool is_complete(void *ctx)
{
    const struct world *w = ctx;
    return view_complete(w->view);
}

static void read_all(struct world *w)
{
    fixture_run(w->kafka, is_complete, w, WAIT_MS);
}

static uint64_t counter(struct world *w, const char *name, const char *labels)
{
    return *metrics_counter(w->metrics, name, "", labels);
}

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    struct errmsg why;
    w->kafka = fixture_new(1);
    w->now_wall_ms = clock_wall_ms() - 3600000;
    struct kafka_producer_options options = {.linger_ms = 1, .on_ack = on_ack, .ctx = w};
    (void)snprintf(w->prefix, sizeof w->prefix, "v");
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/test_view_XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(kafka_producer_new(&w->kafka->options, &options, &w->producer, &why), ERR_OK);
    static const char *const kinds[] = {"events", "deliveries", "webhooks", "audit"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        make_topic(w, kinds[i]);
    }
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    view_free(w->view);
    metrics_free(w->metrics);
    kafka_producer_free(w->producer);
    view_fixture_remove(w->folder);
    fixture_free(w->kafka);
    free(w);
    return 0;
}

/* -------- asking -------- */

/* Everything that can be seen of wh_1 and acc_1, as text. */
static void see_delivery(void *ctx, const struct delivery *dl)
{
    delivery_write(ctx, dl);
    buf_putc(ctx, '\n');
}

static void see_event(void *ctx, const struct event *ev)
{
    buf_put_slice(ctx, ev->path);
    buf_put_slice(ctx, ev->data);
    buf_putc(ctx, '\n');
}

static void see_span(void *ctx, const struct view_attempts *a)
{
    buf_printf(ctx, "%lld +%lld -%lld p50 %d\n", (long long)a->start_wall_ms, (long long)a->succeeded, (long long)a->failed,
               view_latency_ms(a, 50));
}

static void see_entry(void *ctx, struct slice entry)
{
    buf_put_slice(ctx, entry);
    buf_putc(ctx, '\n');
}

static void dump_trail(struct world *w, struct buf *out)
{
    struct view_audit_query q = {.account_id = SLICE("acc_1"), .limit = 3};
    char next[VIEW_CURSOR_SIZE], at[VIEW_CURSOR_SIZE] = "";
    struct errmsg why;
    do {
        q.cursor = slice_str(at);
        assert_int_equal(view_audit(w->view, &q, see_entry, out, next, &why), ERR_OK);
        memcpy(at, next, sizeof at);
    } while (*at);
}

/* How many failures came in a row is of the order of arrival (health.h). */
static void dump_health(struct world *w, struct buf *out)
{
    struct view_health h;
    struct errmsg why;
    assert_int_equal(view_health(w->view, SLICE("wh_1"), w->now_wall_ms, &h, &why), ERR_OK);
    buf_printf(out, "%s %lld %lld\n", view_state_name(h.state), (long long)h.last_success_wall_ms,
               (long long)h.last_failure_wall_ms);
}

static void dump(struct world *w, struct buf *out)
{
    struct view_delivery_query q = {.webhook_id = SLICE("wh_1"), .status = VIEW_ANY, .event = VIEW_ANY, .limit = 7};
    struct view_event_query e = {.account_id = SLICE("acc_1"), .type = VIEW_ANY, .until_wall_ms = INT64_MAX, .limit = 7};
    char next[VIEW_CURSOR_SIZE] = "";
    int64_t counts[VIEW_STATUSES];
    struct errmsg why;
    q.until_wall_ms = INT64_MAX;
    buf_init(out, 10000000);
    do {
        char at[VIEW_CURSOR_SIZE];
        memcpy(at, next, sizeof at);
        q.cursor = slice_str(at);
        assert_int_equal(view_deliveries(w->view, &q, see_delivery, out, next, &why), ERR_OK);
    } while (*next);
    do {
        char at[VIEW_CURSOR_SIZE];
        memcpy(at, next, sizeof at);
        e.cursor = slice_str(at);
        assert_int_equal(view_events(w->view, &e, see_event, out, next, &why), ERR_OK);
    } while (*next);
    view_counts(w->view, SLICE("wh_1"), counts);
    for (int i = 0; i < VIEW_STATUSES; i++) {
        buf_printf(out, "%d: %lld\n", i, (long long)counts[i]);
    }
    assert_int_equal(view_series(w->view, SLICE("wh_1"), VIEW_HOUR_MS, 0, INT64_MAX, see_span, out, &why), ERR_OK);
    dump_health(w, out);
    dump_trail(w, out);
}

static void count_lines(void *ctx, const struct delivery *dl)
{
    (void)dl;
    ++*(int *)ctx;
}

static int count_all(struct world *w, int status)
{
    struct view_delivery_query q = {
        .webhook_id = SLICE("wh_1"), .status = status, .event = VIEW_ANY, .until_wall_ms = INT64_MAX, .limit = VIEW_PAGE_MAX};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    int count = 0;
    assert_int_equal(view_deliveries(w->view, &q, count_lines, &count, next, &why), ERR_OK);
    return count;
}

struct wanted {
    struct world *world;
    int status, count;
};

static bool has_rows(void *ctx)
{
    const struct wanted *wanted = ctx;
    return count_all(wanted->world, wanted->status) == wanted->count;
}

static void wait_rows(struct world *w, int status, int count)
{
    struct wanted wanted = {w, status, count};
    fixture_run(w->kafka, has_rows, &wanted, WAIT_MS);
}

/* -------- the tests -------- */

static void fill(struct world *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct delivery dl = delivery_of(w, i, DELIVERY_RETRYING);
        char path[32];
        (void)snprintf(path, sizeof path, "/in/%d", i);
        send_event(w, "events", i, path);
        view_fixture_attempt(&dl, w->now_wall_ms + i, 503, 30);
        send_delivery(w, "deliveries", &dl);
        if (i % 3 == 0) {
            dl.status = DELIVERY_DELIVERED;
            dl.next_attempt_wall_ms = 0;
            dl.revision = 2;
            view_fixture_attempt(&dl, w->now_wall_ms + i, 200, 5);
            send_delivery(w, "deliveries", &dl);
        }
    }
    flush(w);
}

static void send_entries(struct world *w, int count)
{
    for (int i = 0; i < count; i++) {
        char entry[160];
        (void)snprintf(entry, sizeof entry, "{\"account_id\":\"acc_1\",\"time\":\"2026-06-08T11:00:%02dZ\",\"action\":\"%d\"}",
                       i / 2, i);
        write_to(w, "audit", 0, "acc_1", slice_str(entry));
    }
}

static void test_what_the_topics_hold_can_be_asked(void **state)
{
    struct world *w = *state;
    fill(w, 0, 60);
    open_view(w);
    read_all(w);
    assert_int_equal(count_all(w, VIEW_ANY), 60);
    assert_int_equal(count_all(w, DELIVERY_DELIVERED), 20);
    fill(w, 60, 90); /* while it runs */
    wait_rows(w, VIEW_ANY, 90);
    wait_rows(w, DELIVERY_DELIVERED, 30);
}

static void test_bad_records_are_counted_and_passed_over(void **state)
{
    struct world *w = *state;
    write_to(w, "deliveries", 0, "k", SLICE("{\"schema\":"));
    write_to(w, "deliveries", 0, "!claim", SLICE("{\"schema\":\"trueftp.claim/1\"}"));
    write_to(w, "events", 0, "k", SLICE("\xff\xfe"));
    write_to(w, "webhooks", 0, "wh_1", SLICE("[]"));
    flush(w);
    fill(w, 0, 4);
    open_view(w);
    read_all(w);
    assert_int_equal(count_all(w, VIEW_ANY), 4);
    static const char *const kinds[] = {"topic=\"deliveries\"", "topic=\"events\"", "topic=\"webhooks\""};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(counter(w, "trueftp_api_view_unusable_records_total", kinds[i]), 1);
    }
}

static bool in_the_midst(void *ctx)
{
    struct world *w = ctx;
    return w->view && counter(w, "trueftp_api_view_records_total", "topic=\"deliveries\"") > 0;
}

static void test_a_view_killed_in_the_midst_goes_on_and_equals_a_new_one(void **state)
{
    struct world *w = *state;
    struct buf gone_on, anew;
    send_definitions(w);
    send_entries(w, 10);
    fill(w, 0, 300);
    open_view(w);
    fixture_run(w->kafka, in_the_midst, w, WAIT_MS);
    view_free(w->view); /* what is not committed is lost, as with a kill */
    w->view = NULL;
    open_view(w);
    read_all(w);
    dump(w, &gone_on);
    view_free(w->view);
    w->view = NULL;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/view.db", w->folder);
    assert_int_equal(remove(path), 0);
    open_view(w);
    read_all(w);
    dump(w, &anew);
    assert_string_equal(buf_cstr(&gone_on), buf_cstr(&anew));
    assert_int_equal(count_all(w, VIEW_ANY), 300);
    buf_done(&gone_on);
    buf_done(&anew);
}

static void test_pools_are_found_by_name_also_while_running(void **state)
{
    struct world *w = *state;
    make_topic(w, "events.one");
    make_topic(w, "deliveries.one");
    struct delivery dl = delivery_of(w, 1, DELIVERY_DELIVERED);
    send_delivery(w, "deliveries.one", &dl);
    flush(w);
    open_view(w);
    read_all(w);
    assert_int_equal(count_all(w, VIEW_ANY), 1);
    make_topic(w, "deliveries.two");
    make_topic(w, "deliveries.Not.A.Pool");
    make_topic(w, "events.dlq");
    dl = delivery_of(w, 2, DELIVERY_DELIVERED);
    send_delivery(w, "deliveries.two", &dl);
    write_to(w, "events.dlq", 0, "k", SLICE("what nobody understood"));
    flush(w);
    wait_rows(w, VIEW_ANY, 2);
    assert_int_equal(counter(w, "trueftp_api_view_unusable_records_total", "topic=\"events\""), 0);
}

static void test_a_page_is_stable_while_rows_arrive(void **state)
{
    struct world *w = *state;
    struct view_delivery_query q = {
        .webhook_id = SLICE("wh_1"), .status = VIEW_ANY, .event = VIEW_ANY, .until_wall_ms = INT64_MAX, .limit = 10};
    char next[VIEW_CURSOR_SIZE], at[VIEW_CURSOR_SIZE];
    struct errmsg why;
    int count = 0;
    fill(w, 0, 30);
    open_view(w);
    read_all(w);
    assert_int_equal(view_deliveries(w->view, &q, count_lines, &count, next, &why), ERR_OK);
    fill(w, 30, 45); /* newer ones, and one of the first page changes */
    wait_rows(w, VIEW_ANY, 45);
    for (int page = 2; *next; page++) {
        memcpy(at, next, sizeof at);
        q.cursor = slice_str(at);
        assert_int_equal(view_deliveries(w->view, &q, count_lines, &count, next, &why), ERR_OK);
        assert_in_range(page, 2, 4);
    }
    assert_int_equal(count, 30);
    q.status = DELIVERY_DELIVERED; /* another list */
    assert_int_equal(view_deliveries(w->view, &q, count_lines, &count, next, &why), ERR_INVALID);
    q.cursor = SLICE("00");
    assert_int_equal(view_deliveries(w->view, &q, count_lines, &count, next, &why), ERR_INVALID);
}

static void see_ids(void *ctx, const struct delivery *dl)
{
    buf_printf(ctx, "%d,", (int)(dl->generation));
}

static void test_generations_are_one_history_and_bodies_come_from_the_event(void **state)
{
    struct world *w = *state;
    struct errmsg why;
    struct buf seen, body;
    struct delivery first = delivery_of(w, 1, DELIVERY_DELIVERED);
    send_event(w, "events", 1, "/in/\xc3\xbc.csv");
    send_delivery(w, "deliveries", &first);
    for (int n = 2; n > 0; n--) {
        struct delivery again = first;
        char original[UUID_TEXT_SIZE];
        uuid_format(&first.id, original);
        again.generation = n;
        again.created_wall_ms += n;
        again.original_delivery_id = slice_str(original);
        again.id = delivery_id(&again.event_id, again.webhook_id, n);
        send_delivery(w, "deliveries", &again);
    }
    flush(w);
    open_view(w);
    read_all(w);
    buf_init(&seen, 1000);
    buf_init(&body, 10000);
    struct uuid second = delivery_id(&first.event_id, SLICE("wh_1"), 2);
    assert_int_equal(view_history(w->view, SLICE("wh_1"), &second, see_ids, &seen, &why), ERR_OK);
    assert_string_equal(buf_cstr(&seen), "0,1,2,");
    assert_int_equal(view_history(w->view, SLICE("wh_2"), &second, see_ids, &seen, &why), ERR_NOT_FOUND);
    assert_int_equal(view_body(w->view, &first, &body, &why), ERR_OK);
    assert_non_null(strstr(buf_cstr(&body), "\"path\":\"/in/\xc3\xbc.csv\""));
    first.event_id = view_fixture_event_id(99);
    assert_int_equal(view_body(w->view, &first, &body, &why), ERR_NOT_FOUND);
    buf_done(&seen);
    buf_done(&body);
}

static void count_events(void *ctx, const struct event *ev)
{
    (void)ev;
    ++*(int *)ctx;
}

static void test_events_by_path_prefix(void **state)
{
    struct world *w = *state;
    struct view_event_query q = {
        .account_id = SLICE("acc_1"), .type = VIEW_ANY, .path_prefix = SLICE("/in/1"), .until_wall_ms = INT64_MAX, .limit = 100};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    int count = 0;
    fill(w, 0, 30);
    open_view(w);
    read_all(w);
    assert_int_equal(view_events(w->view, &q, count_events, &count, next, &why), ERR_OK);
    assert_int_equal(count, 11); /* 1, 10 to 19 */
    assert_string_equal(next, "");
    count = 0;
    q.account_id = SLICE("acc_2");
    assert_int_equal(view_events(w->view, &q, count_events, &count, next, &why), ERR_OK);
    assert_int_equal(count, 0);
    q.account_id = SLICE("acc_1");
    q.type = EVENT_DIR_CREATED;
    assert_int_equal(view_events(w->view, &q, count_events, &count, next, &why), ERR_OK);
    assert_int_equal(count, 0);
}

/* -------- reconciliation -------- */

struct listed {
    int missing, open, absent;
};

static void list_owed(void *ctx, const struct view_owed *o)
{
    struct listed *l = ctx;
    *(o->missing ? &l->missing : o->dl ? &l->open : &l->absent) += 1;
}

static struct view_balance reconcile(struct world *w, struct listed *listed)
{
    struct view_reconcile_query q = {.account_id = SLICE("acc_1"), .until_wall_ms = INT64_MAX, .limit = 1000};
    struct view_reconciliation *r = NULL;
    struct errmsg why;
    bool done = false;
    *listed = (struct listed){0};
    assert_int_equal(view_reconcile_new(w->view, &q, list_owed, listed, &r, &why), ERR_OK);
    while (!done) {
        assert_int_equal(view_reconcile_step(r, 1, &done, &why), ERR_OK);
    }
    struct view_balance balance = *view_reconcile_balance(r);
    view_reconcile_free(r);
    return balance;
}

/* The workers' group says how far it has settled each partition. */
static void commit(struct world *w, const int64_t offsets[PARTITIONS])
{
    char name[TOPIC_NAME_SIZE], group[TOPIC_NAME_SIZE];
    topic(w, "events", name);
    topic_worker_group(w->prefix, NULL, group);
    rd_kafka_t *rk = plain_client(w, RD_KAFKA_CONSUMER, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(list, name, i)->offset = offsets[i];
    }
    assert_int_equal(rd_kafka_commit(rk, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static bool finds_missing(void *ctx)
{
    struct listed listed;
    return reconcile(ctx, &listed).missing > 0;
}

static void test_missing_is_what_the_workers_settled_without_a_record(void **state)
{
    struct world *w = *state;
    struct listed listed;
    send_definitions(w);
    fill(w, 0, 10);
    send_event(w, "events", 10, "/lost");
    send_event(w, "events", 11, "/in backlog");
    flush(w);
    open_view(w);
    read_all(w);
    struct view_balance b = reconcile(w, &listed);
    assert_int_equal(b.events, 12);
    assert_int_equal(b.owed, 12);
    assert_int_equal(b.delivered, 4);
    assert_int_equal(b.missing, 0); /* nobody has said that they were settled */
    assert_int_equal(b.pending, 6 + 2);
    assert_int_equal(b.unproven, 0);
    assert_int_equal(listed.absent, 2);
    /* Each partition has 6 events; the last of partition 1 is still the workers' to settle. */
    commit(w, (const int64_t[PARTITIONS]){6, 5});
    fixture_run(w->kafka, finds_missing, w, WAIT_MS);
    b = reconcile(w, &listed);
    assert_int_equal(b.missing, 1);
    assert_int_equal(listed.missing, 1);
    assert_int_equal(listed.absent, 1);
    assert_int_equal(listed.open, 6);
    assert_int_equal(b.owed, b.delivered + b.pending + b.failed + b.cancelled + b.purged + b.missing);
}

static void test_what_was_sent_again_with_success_is_delivered(void **state)
{
    struct world *w = *state;
    struct listed listed;
    static const enum delivery_status outcomes[][3] = {
        {DELIVERY_FAILED, DELIVERY_DELIVERED, DELIVERY_FAILED}, /* any generation */
        {DELIVERY_FAILED, DELIVERY_FAILED, DELIVERY_DELIVERED},
        {DELIVERY_FAILED, DELIVERY_RETRYING, DELIVERY_FAILED},  /* pending while one is open */
        {DELIVERY_FAILED, DELIVERY_FAILED, DELIVERY_CANCELLED}, /* the last one */
        {DELIVERY_DELIVERED, DELIVERY_FAILED, DELIVERY_FAILED},
    };
    send_definitions(w);
    for (int i = 0; i < 5; i++) {
        send_event(w, "events", i, "/in");
        for (int n = 0; n < 3; n++) {
            struct delivery dl = delivery_of(w, i, outcomes[i][n]);
            dl.generation = n;
            dl.created_wall_ms += n;
            dl.id = delivery_id(&dl.event_id, dl.webhook_id, n);
            send_delivery(w, "deliveries", &dl);
        }
    }
    flush(w);
    open_view(w);
    read_all(w);
    struct view_balance b = reconcile(w, &listed);
    assert_int_equal(b.owed, 5);
    assert_int_equal(b.delivered, 3);
    assert_int_equal(b.redelivered, 2);
    assert_int_equal(b.pending, 1);
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.cancelled, 1);
    assert_int_equal(listed.open, 2);
}

/* -------- the horizon -------- */

struct reaching {
    struct world *world;
    int64_t wall_ms;
};

static bool reaches(void *ctx)
{
    const struct reaching *r = ctx;
    return view_events_until(r->world->view) >= r->wall_ms && view_until(r->world->view) >= r->wall_ms;
}

static void wait_horizon(struct world *w, int64_t wall_ms)
{
    struct reaching r = {w, wall_ms};
    fixture_run(w->kafka, reaches, &r, WAIT_MS);
}

/* Somebody else writes to the file: the ingest fails until that is over. */
static sqlite3 *lock_file(struct world *w)
{
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/view.db", w->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, WAIT_MS), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static bool has_failed_twice(void *ctx)
{
    return counter(ctx, "trueftp_api_view_store_errors_total", NULL) >= 2;
}

static void test_the_horizon_waits_for_a_view_that_lags(void **state)
{
    struct world *w = *state;
    send_event(w, "events", 1, "/in/1");
    flush(w);
    open_view(w);
    read_all(w);
    assert_true(view_events_until(w->view) <= clock_wall_ms());
    wait_horizon(w, clock_wall_ms());
    sqlite3 *db = lock_file(w);
    send_event(w, "events", 2, "/in/2");
    flush(w);
    int64_t sent_wall_ms = clock_wall_ms();
    fixture_run(w->kafka, has_failed_twice, w, WAIT_MS);
    assert_true(view_complete(w->view)); /* what it has is shown */
    assert_true(view_events_until(w->view) > 0 && view_events_until(w->view) < sent_wall_ms);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    wait_horizon(w, sent_wall_ms);
    struct view_event_query q = {.account_id = SLICE("acc_1"), .type = VIEW_ANY, .until_wall_ms = INT64_MAX, .limit = 10};
    char next[VIEW_CURSOR_SIZE];
    struct errmsg why;
    int count = 0;
    assert_int_equal(view_events(w->view, &q, count_events, &count, next, &why), ERR_OK);
    assert_int_equal(count, 2);
}

static void set_brokers(struct world *w, bool up)
{
    for (int32_t id = 1; id <= 3; id++) {
        (void)(up ? rd_kafka_mock_broker_set_up(w->kafka->mock, id) : rd_kafka_mock_broker_set_down(w->kafka->mock, id));
    }
}

static void test_the_horizon_stands_still_while_nobody_tells_the_ends(void **state)
{
    struct world *w = *state;
    if (!w->kafka->mock) {
        skip();
    }
    fill(w, 0, 3);
    open_view(w);
    read_all(w);
    wait_horizon(w, clock_wall_ms());
    set_brokers(w, false);
    int64_t down_wall_ms = clock_wall_ms();
    fixture_pass(w->kafka, 5000);
    assert_true(view_events_until(w->view) <= down_wall_ms);
    set_brokers(w, true);
    wait_horizon(w, down_wall_ms + 5000);
}

/* -------- failures of the file -------- */

static void test_a_full_disk_stops_nothing_but_the_reading(void **state)
{
    struct world *w = *state;
    struct rlimit before, small;
    fill(w, 0, 30);
    open_view(w);
    read_all(w);
    wait_rows(w, VIEW_ANY, 30);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096; /* no file may be written beyond this */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill(w, 30, 60);
    fixture_run(w->kafka, has_failed_twice, w, WAIT_MS);
    assert_true(view_complete(w->view));
    assert_int_equal(count_all(w, VIEW_ANY), 30);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    wait_rows(w, VIEW_ANY, 60);
    wait_rows(w, DELIVERY_DELIVERED, 20);
    assert_int_equal(counter(w, "trueftp_api_view_rebuilds_total", NULL), 0);
}

/* Destroys the page of the definitions, which nobody reads who only reads on. */
static void destroy_definitions(struct world *w)
{
    static const char junk[4096] = {'j', 'u', 'n', 'k'};
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    (void)snprintf(path, sizeof path, "%s/view.db", w->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'definitions'", -1, &st, NULL),
                     SQLITE_OK);
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    while (sqlite3_step(st) == SQLITE_ROW) {
        assert_int_equal(fseek(file, (sqlite3_column_int(st, 0) - 1) * (long)sizeof junk, SEEK_SET), 0);
        assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
    }
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(fclose(file), 0);
}

static bool is_made_anew(void *ctx)
{
    struct world *w = ctx;
    return counter(w, "trueftp_api_view_rebuilds_total", NULL) == 1 && view_complete(w->view);
}

static void test_damage_that_a_query_finds_is_mended(void **state)
{
    struct world *w = *state;
    struct view_health h;
    struct errmsg why;
    send_definitions(w);
    fill(w, 0, 30);
    open_view(w);
    read_all(w);
    wait_horizon(w, clock_wall_ms());
    view_free(w->view); /* which puts everything into the file */
    w->view = NULL;
    destroy_definitions(w);
    open_view(w);
    read_all(w); /* nothing more is to be read: nobody has noticed */
    fixture_pass(w->kafka, 1500);
    assert_int_equal(counter(w, "trueftp_api_view_rebuilds_total", NULL), 0);
    assert_int_equal(view_health(w->view, SLICE("wh_1"), w->now_wall_ms, &h, &why), ERR_FATAL);
    assert_int_equal(counter(w, "trueftp_api_view_read_errors_total", NULL), 1);
    fixture_run(w->kafka, is_made_anew, w, WAIT_MS);
    assert_int_equal(view_health(w->view, SLICE("wh_1"), w->now_wall_ms, &h, &why), ERR_OK);
    assert_int_equal(count_all(w, VIEW_ANY), 30);
    assert_int_equal(count_all(w, DELIVERY_DELIVERED), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_the_topics_hold_can_be_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_records_are_counted_and_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_view_killed_in_the_midst_goes_on_and_equals_a_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pools_are_found_by_name_also_while_running, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_page_is_stable_while_rows_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_generations_are_one_history_and_bodies_come_from_the_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_by_path_prefix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_is_what_the_workers_settled_without_a_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_sent_again_with_success_is_delivered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_horizon_waits_for_a_view_that_lags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_horizon_stands_still_while_nobody_tells_the_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_stops_nothing_but_the_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_that_a_query_finds_is_mended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
