/* Which topic and partition an account's events go to, from what is known of pools; and the accounts topic read into that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_fixture.h"
#include "model/partition.h"
#include "producer/pools.h"

static void assert_route(struct routes *r, const char *key, const char *topic, int32_t partitions)
{
    const char *found = NULL;
    int32_t partition = -1;
    size_t account = strcspn(key, "/");
    if (!topic) {
        assert_false(routes_find(r, slice_str(key), &found, &partition));
        return;
    }
    assert_true(routes_find(r, slice_str(key), &found, &partition));
    assert_string_equal(found, topic);
    assert_int_equal(partition, partition_of(slice_of(key, account), slice_str(key + account), partitions));
}

static void accounts_with_a_pool_have_their_own_topic(void **state)
{
    (void)state;
    struct routes *r = routes_new("t");
    assert_string_equal(routes_topic(r, 0), "t.events");
    assert_null(routes_topic(r, 1));
    assert_route(r, "acc_1/a", NULL, 0);
    routes_set_partitions(r, "t.events", 24);
    routes_set_partitions(r, "t.other", 7);
    assert_route(r, "acc_1/a", "t.events", 24);

    assert_true(routes_set_pool(r, SLICE("acc_1"), "big"));
    assert_false(routes_set_pool(r, SLICE("acc_2"), "big"));
    assert_string_equal(routes_topic(r, 1), "t.events.big");
    assert_false(routes_answered(r, 1));
    assert_route(r, "acc_1/a", NULL, 0); /* not known yet: it waits */
    assert_route(r, "acc_3/a", "t.events", 24);
    routes_set_partitions(r, "t.events.big", 6);
    assert_route(r, "acc_1/a", "t.events.big", 6);
    assert_route(r, "acc_2/b/c", "t.events.big", 6);
    assert_route(r, "acc_1/user", "t.events.big", 6);

    assert_false(routes_set_pool(r, SLICE("acc_1"), "")); /* it moved back */
    assert_route(r, "acc_1/a", "t.events", 24);
    assert_route(r, "acc_2/a", "t.events.big", 6);
    routes_set_partitions(r, "t.events.big", 12); /* more of them */
    assert_route(r, "acc_2/b/c", "t.events.big", 12);
    routes_free(r);
}

static void a_pool_without_a_topic_uses_the_shared_one(void **state)
{
    (void)state;
    struct routes *r = routes_new("t");
    routes_set_partitions(r, "t.events", 4);
    (void)routes_set_pool(r, SLICE("acc_1"), "gone");
    routes_set_partitions(r, "t.events.gone", 0);
    assert_true(routes_answered(r, 1));
    assert_route(r, "acc_1/a", "t.events", 4);
    routes_set_partitions(r, "t.events.gone", 2); /* somebody made it */
    assert_route(r, "acc_1/a", "t.events.gone", 2);
    routes_free(r);
    routes_free(NULL);
}

static void many_accounts_do_not_grow_it(void **state)
{
    (void)state;
    struct routes *r = routes_new("t");
    char key[32];
    routes_set_partitions(r, "t.events", 4);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "acc_%d/a", i);
        assert_route(r, key, "t.events", 4);
    }
    routes_free(r);
}

/* -------- the accounts topic -------- */

struct world {
    struct fixture *f;
    struct kafka_admin *admin;
    struct routes *routes;
    struct pools *pools;
    int changes;
    const char *account; /* waited for */
    const char *topic;
};

static void on_changed(void *ctx)
{
    struct world *w = ctx;
    w->changes++;
}

static bool is_ready(void *ctx)
{
    const struct world *w = ctx;
    return pools_ready(w->pools);
}

static bool is_routed(void *ctx)
{
    const struct world *w = ctx;
    const char *topic = NULL;
    int32_t partition;
    char key[64];
    snprintf(key, sizeof key, "%s/a", w->account);
    for (size_t i = 0; routes_topic(w->routes, i); i++)
        routes_set_partitions(w->routes, routes_topic(w->routes, i), 4);
    return routes_find(w->routes, slice_str(key), &topic, &partition) && strcmp(topic, w->topic) == 0;
}

static void on_ack(void *ctx, void *opaque, enum err err, int32_t partition, int64_t offset)
{
    (void)opaque;
    (void)partition;
    (void)offset;
    assert_int_equal(err, ERR_OK);
    *(bool *)ctx = true;
}

static bool is_true(void *ctx)
{
    return *(bool *)ctx;
}

static void put_account(struct world *w, int32_t partition, const char *key, const char *value)
{
    bool done = false;
    struct kafka_producer_options o = {.on_ack = on_ack, .ctx = &done};
    struct kafka_producer *p;
    struct errmsg why;
    assert_int_equal(kafka_producer_new(&w->f->options, &o, &p, &why), ERR_OK);
    assert_int_equal(
        kafka_produce(p, "t.accounts", partition, slice_str(key), value ? slice_str(value) : slice_of(NULL, 0), NULL, 0, NULL),
        ERR_OK);
    fixture_run(w->f, is_true, &done, 20000);
    kafka_producer_free(p);
}

static void expect_route(struct world *w, const char *account, const char *topic)
{
    w->account = account;
    w->topic = topic;
    fixture_run(w->f, is_routed, w, 20000);
}

static void begin(struct world *w, bool with_topic)
{
    struct errmsg why;
    *w = (struct world){.f = fixture_new(1), .routes = routes_new("t")};
    if (!w->f->mock) {
        fixture_free(w->f);
        routes_free(w->routes);
        skip();
    }
    if (with_topic)
        assert_int_equal(rd_kafka_mock_topic_create(w->f->mock, "t.accounts", 3, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    else
        rd_kafka_mock_topic_set_error(w->f->mock, "t.accounts", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(kafka_admin_new(&w->f->options, &w->admin, &why), ERR_OK);
}

static void start_pools(struct world *w)
{
    struct pools_options o = {
        .kafka = &w->f->options, .admin = w->admin, .topic_prefix = "t", .routes = w->routes, .changed = on_changed, .ctx = w};
    w->pools = pools_new(&o);
    assert_false(pools_ready(w->pools));
}

static void end(struct world *w)
{
    kafka_admin_free(w->admin);
    pools_free(w->pools);
    routes_free(w->routes);
    fixture_free(w->f);
}

static void pools_come_from_the_accounts_topic(void **state)
{
    (void)state;
    struct world w;
    begin(&w, true);
    put_account(&w, 0, "acc_1", "{\"id\":\"acc_1\",\"plan\":\"pro\",\"pool\":\"old\"}");
    put_account(&w, 0, "acc_1", "{\"id\":\"acc_1\",\"plan\":\"pro\",\"pool\":\"big\"}");
    put_account(&w, 2, "acc_2", "{\"id\":\"acc_2\",\"plan\":\"pro\"}");
    put_account(&w, 2, "acc_3", "no account");
    start_pools(&w);
    fixture_run(w.f, is_ready, &w, 20000);
    assert_int_equal(w.changes, 1);
    expect_route(&w, "acc_1", "t.events.big");
    expect_route(&w, "acc_2", "t.events");
    expect_route(&w, "acc_3", "t.events");

    put_account(&w, 2, "acc_2", "{\"id\":\"acc_2\",\"plan\":\"pro\",\"pool\":\"new\"}");
    expect_route(&w, "acc_2", "t.events.new");
    assert_int_equal(w.changes, 2);                                  /* a topic to ask for */
    put_account(&w, 2, "acc_2", "{\"id\":\"acc_2\",\"plan\":\"\"}"); /* malformed: what was known stays */
    put_account(&w, 0, "acc_1", NULL);
    expect_route(&w, "acc_1", "t.events");
    expect_route(&w, "acc_2", "t.events.new");
    end(&w);
}

static void without_the_topic_all_is_shared(void **state)
{
    (void)state;
    struct world w;
    begin(&w, false);
    start_pools(&w);
    fixture_run(w.f, is_ready, &w, 20000);
    assert_int_equal(w.changes, 1);
    expect_route(&w, "acc_1", "t.events");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_with_a_pool_have_their_own_topic),
        cmocka_unit_test(a_pool_without_a_topic_uses_the_shared_one),
        cmocka_unit_test(many_accounts_do_not_grow_it),
        cmocka_unit_test(pools_come_from_the_accounts_topic),
        cmocka_unit_test(without_the_topic_all_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
