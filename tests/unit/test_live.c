/* Deliveries told to those who watch: what a client that comes back gets, and how much is kept and open at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/response.h"
#include "http/stream.h"
#include "live/live.h"
#include "util/mem.h"

/* -------- a server without sockets: a stream is what was written to it -------- */

struct client {
    struct stream stream;
    struct buf got;
    bool refused;
};

static const char *last_event_id;
static struct client *connecting;
static bool webhook_is_there = true, key_is_there = true, session_has_ended;
static struct account account = {.id = "acc_1"};
static struct account_key key = {.id = "k"};
static struct webhook webhook = {.account_id = "acc_1"};

const char *__wrap_request_header(const struct request *rq, const char *name);
struct stream *__wrap_reply_stream(struct request *rq, void (*closed)(void *ctx), void *ctx);
void __wrap_stream_write(struct stream *s, struct slice bytes);
void __wrap_stream_end(struct stream *s);
void __wrap_reply_header(struct request *rq, const char *name, const char *fmt, ...);
void __wrap_reply_problem(struct request *rq, enum problem p, const char *detail, ...);
const struct webhook *__wrap_definitions_webhook(const struct definitions *d, const char *id);
bool __wrap_definitions_key(const struct definitions *d, const char *id, const struct account **a, const struct account_key **k);
bool __wrap_sessions_has_ended(const struct sessions *ss, const char *id);

const char *__wrap_request_header(const struct request *rq, const char *name)
{
    (void)rq;
    assert_string_equal(name, "Last-Event-ID");
    return last_event_id;
}
struct stream *__wrap_reply_stream(struct request *rq, void (*closed)(void *ctx), void *ctx)
{
    (void)rq;
    connecting->stream.closed = closed;
    connecting->stream.ctx = ctx;
    return &connecting->stream;
}
static struct client *client_of(struct stream *s)
{
    return (struct client *)((char *)s - offsetof(struct client, stream));
}
void __wrap_stream_write(struct stream *s, struct slice bytes)
{
    buf_put_slice(&client_of(s)->got, bytes);
}
void __wrap_stream_end(struct stream *s)
{
    s->ended = true;
}
void __wrap_reply_header(struct request *rq, const char *name, const char *fmt, ...)
{
    (void)rq;
    (void)name;
    (void)fmt;
}
void __wrap_reply_problem(struct request *rq, enum problem p, const char *detail, ...)
{
    (void)rq;
    (void)detail;
    assert_int_equal(p, PROBLEM_RATE_LIMITED);
    connecting->refused = true;
}
const struct webhook *__wrap_definitions_webhook(const struct definitions *d, const char *id)
{
    (void)d;
    (void)id;
    return webhook_is_there ? &webhook : NULL;
}
bool __wrap_definitions_key(const struct definitions *d, const char *id, const struct account **a, const struct account_key **k)
{
    (void)d;
    (void)id;
    *a = &account;
    *k = &key;
    return key_is_there;
}

bool __wrap_sessions_has_ended(const struct sessions *ss, const char *id)
{
    (void)ss;
    assert_string_equal(id, "ses_1");
    return session_has_ended;
}

static void watch(struct live *l, struct client *c, const char *account_id, const char *webhook_id, const char *last_id)
{
    struct request rq = {.principal = {.key_id = "k", .session_id = "ses_1"}};
    (void)snprintf(rq.principal.account_id, sizeof rq.principal.account_id, "%s", account_id);
    *c = (struct client){0};
    buf_init(&c->got, 1 << 20);
    connecting = c;
    last_event_id = last_id;
    live_watch(l, &rq, webhook_id);
}
static void leave(struct client *c)
{
    c->stream.closed(c->stream.ctx);
    buf_done(&c->got);
}
static bool got(const struct client *c, const char *text)
{
    return strstr(buf_cstr(&c->got), text) != NULL;
}
static void publish(struct live *l, const char *webhook_id, int number)
{
    char json[64];
    int len = snprintf(json, sizeof json, "{\"n\":%d}", number);
    live_publish(l, slice_str(webhook_id), slice_of(json, (size_t)len));
}
/* The last id that a client has seen. */
static void last_id_of(const struct client *c, char out[64])
{
    const char *at = buf_cstr(&c->got), *found = NULL;
    while ((at = strstr(at, "id: ")) != NULL)
        found = at += 4;
    check(found);
    (void)snprintf(out, 64, "%.*s", (int)strcspn(found, "\n"), found);
}

/* -------- the tests -------- */

static void test_a_watcher_hears_of_its_webhook_alone(void **state)
{
    struct live *l = live_new();
    struct client c;
    (void)state;
    assert_false(live_wants(l, SLICE("wh_1")));
    watch(l, &c, "acc_1", "wh_1", NULL);
    assert_true(live_wants(l, SLICE("wh_1")));
    publish(l, "wh_1", 1);
    publish(l, "wh_2", 2);
    assert_true(got(&c, "event: delivery\ndata: {\"n\":1}\n\n"));
    assert_false(got(&c, "{\"n\":2}"));
    assert_false(got(&c, "reset"));
    leave(&c);
    live_free(l);
}

static void test_who_comes_back_gets_what_was_missed(void **state)
{
    struct live *l = live_new();
    struct client c, again;
    char id[64];
    (void)state;
    watch(l, &c, "acc_1", "wh_1", NULL);
    publish(l, "wh_1", 1);
    last_id_of(&c, id);
    leave(&c);
    publish(l, "wh_1", 2);
    publish(l, "wh_1", 3);
    watch(l, &again, "acc_1", "wh_1", id);
    assert_false(got(&again, "{\"n\":1}"));
    assert_true(strstr(buf_cstr(&again.got), "{\"n\":2}") < strstr(buf_cstr(&again.got), "{\"n\":3}"));
    assert_false(got(&again, "reset"));
    leave(&again);
    live_free(l);
}

static void test_who_saw_nothing_yet_can_come_back_too(void **state)
{
    struct live *l = live_new();
    struct client c, again;
    char id[64];
    (void)state;
    watch(l, &c, "acc_1", "wh_1", NULL);
    last_id_of(&c, id);
    leave(&c);
    publish(l, "wh_1", 1);
    watch(l, &again, "acc_1", "wh_1", id);
    assert_true(got(&again, "{\"n\":1}"));
    assert_false(got(&again, "reset"));
    leave(&again);
    live_free(l);
}

static void test_what_is_not_kept_any_more_is_said(void **state)
{
    struct live *l = live_new();
    struct client c, exact, late;
    char id[64];
    (void)state;
    watch(l, &c, "acc_1", "wh_1", NULL);
    publish(l, "wh_1", 0);
    last_id_of(&c, id);
    for (int i = 1; i <= LIVE_KEPT; i++)
        publish(l, "wh_1", i);
    watch(l, &exact, "acc_1", "wh_1", id);
    assert_false(got(&exact, "reset"));
    assert_true(got(&exact, "{\"n\":1}"));
    publish(l, "wh_1", LIVE_KEPT + 1);
    watch(l, &late, "acc_1", "wh_1", id);
    assert_true(got(&late, "event: reset\n"));
    assert_false(got(&late, "{\"n\":2}"));
    leave(&c);
    leave(&exact);
    leave(&late);
    live_free(l);
}

static void test_what_was_left_out_is_said_to_all_and_to_who_comes_back(void **state)
{
    struct live *l = live_new();
    struct client here, other, gone, back;
    char id[64];
    (void)state;
    assert_false(live_is_watched(l));
    watch(l, &here, "acc_1", "wh_1", NULL);
    watch(l, &other, "acc_2", "wh_2", NULL);
    watch(l, &gone, "acc_3", "wh_3", NULL);
    publish(l, "wh_3", 1);
    last_id_of(&gone, id);
    leave(&gone);
    live_reset(l);
    publish(l, "wh_3", 2);
    assert_true(got(&here, "event: reset\n"));
    assert_true(got(&other, "event: reset\n"));
    watch(l, &back, "acc_3", "wh_3", id);
    const char *reset = strstr(buf_cstr(&back.got), "event: reset\n"), *later = strstr(buf_cstr(&back.got), "{\"n\":2}");
    assert_non_null(reset);
    assert_non_null(later);
    assert_true(reset < later);
    leave(&here);
    leave(&other);
    leave(&back);
    assert_true(live_is_watched(l)); /* they may come back */
    live_sweep(l, NULL, NULL, INT64_MAX, 0);
    assert_false(live_is_watched(l));
    live_free(l);
}

/* What changed meanwhile was numbered for nobody. */
static void test_who_comes_back_after_the_channel_went_is_told(void **state)
{
    struct live *l = live_new();
    struct client c, back;
    char id[64];
    (void)state;
    watch(l, &c, "acc_1", "wh_1", NULL);
    publish(l, "wh_1", 1);
    last_id_of(&c, id);
    leave(&c);
    live_sweep(l, NULL, NULL, INT64_MAX, 0);
    publish(l, "wh_1", 2);
    watch(l, &back, "acc_1", "wh_1", id);
    assert_true(got(&back, "event: reset\n"));
    leave(&back);
    live_free(l);
}

static void test_ids_that_are_not_ours_are_a_reset(void **state)
{
    static const char *const ids[] = {"", "1", "other.1", "00000000-0000-7000-8000-000000000000.1", "x.18446744073709551616"};
    struct live *l = live_new();
    struct client c;
    char id[64];
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        watch(l, &c, "acc_1", "wh_1", ids[i]);
        assert_true(got(&c, "event: reset\n"));
        leave(&c);
    }
    watch(l, &c, "acc_1", "wh_1", NULL);
    last_id_of(&c, id);
    leave(&c);
    strncat(id, "9999", sizeof id - strlen(id) - 1); /* an event that has not happened */
    watch(l, &c, "acc_1", "wh_1", id);
    assert_true(got(&c, "event: reset\n"));
    leave(&c);
    live_free(l);
}

static void test_streams_are_bounded(void **state)
{
    static struct client own[LIVE_STREAMS_OF_ACCOUNT], one_more, other;
    struct live *l = live_new();
    (void)state;
    for (int i = 0; i < LIVE_STREAMS_OF_ACCOUNT; i++)
        watch(l, &own[i], "acc_1", i % 2 ? "wh_1" : "wh_2", NULL);
    watch(l, &one_more, "acc_1", "wh_1", NULL);
    assert_true(one_more.refused);
    watch(l, &other, "acc_2", "wh_3", NULL);
    assert_false(other.refused);
    assert_int_equal(live_streams(l), LIVE_STREAMS_OF_ACCOUNT + 1);
    for (int i = 0; i < LIVE_STREAMS_OF_ACCOUNT; i++)
        leave(&own[i]);
    leave(&other);
    assert_int_equal(live_streams(l), 0);
    live_free(l);
}

static void test_a_stream_ends_with_its_key_session_or_webhook(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct live *l = live_new();
        struct client c;
        watch(l, &c, "acc_1", "wh_1", NULL);
        live_sweep(l, NULL, NULL, 0, 1000);
        assert_false(c.stream.ended);
        webhook_is_there = i != 0;
        key_is_there = i != 1;
        key.expires_wall_ms = i == 2 ? 1000 : 0;
        session_has_ended = i == 3;
        live_sweep(l, NULL, NULL, 0, 1000);
        assert_true(c.stream.ended);
        webhook_is_there = key_is_there = true;
        session_has_ended = false;
        key.expires_wall_ms = 0;
        leave(&c);
        live_free(l);
    }
}

static void test_a_channel_goes_a_while_after_its_last_watcher(void **state)
{
    struct live *l = live_new();
    struct client c;
    (void)state;
    watch(l, &c, "acc_1", "wh_1", NULL);
    live_sweep(l, NULL, NULL, INT64_MAX, 0);
    assert_true(live_wants(l, SLICE("wh_1")));
    leave(&c);
    live_sweep(l, NULL, NULL, 0, 0);
    assert_true(live_wants(l, SLICE("wh_1")));
    live_sweep(l, NULL, NULL, INT64_MAX, 0);
    assert_false(live_wants(l, SLICE("wh_1")));
    live_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_watcher_hears_of_its_webhook_alone),
        cmocka_unit_test(test_who_comes_back_gets_what_was_missed),
        cmocka_unit_test(test_who_saw_nothing_yet_can_come_back_too),
        cmocka_unit_test(test_what_is_not_kept_any_more_is_said),
        cmocka_unit_test(test_what_was_left_out_is_said_to_all_and_to_who_comes_back),
        cmocka_unit_test(test_who_comes_back_after_the_channel_went_is_told),
        cmocka_unit_test(test_ids_that_are_not_ours_are_a_reset),
        cmocka_unit_test(test_streams_are_bounded),
        cmocka_unit_test(test_a_stream_ends_with_its_key_session_or_webhook),
        cmocka_unit_test(test_a_channel_goes_a_while_after_its_last_watcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
