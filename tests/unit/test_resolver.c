#include <ares.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/resolver.h"
#include "scripted_dns.h"
#include "spin.h"
#include "util/clock.h"

#define LIMIT_MS 5000

/* Names that c-ares was asked for. */
static int lookups;
void __real_ares_getaddrinfo(ares_channel channel, const char *name, const char *service, const struct ares_addrinfo_hints *hints,
                             ares_addrinfo_callback callback, void *arg);
void __wrap_ares_getaddrinfo(ares_channel channel, const char *name, const char *service, const struct ares_addrinfo_hints *hints,
                             ares_addrinfo_callback callback, void *arg);

void __wrap_ares_getaddrinfo(ares_channel channel, const char *name, const char *service, const struct ares_addrinfo_hints *hints,
                             ares_addrinfo_callback callback, void *arg)
{
    lookups++;
    __real_ares_getaddrinfo(channel, name, service, hints, callback, arg);
}

/* Time as the resolver sees it can be moved forward. */
static int64_t skipped_ms;
int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return __real_clock_mono_ms() + skipped_ms;
}

#define EIGHT "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8 "

static const struct dns_name zone[] = {
    {"both.test", DNS_ANSWERS, "192.0.2.1 192.0.2.2", "2001:db8::1", 30, NULL, 0},
    {"four.test", DNS_ANSWERS, "192.0.2.4", "", 30, NULL, 0},
    {"six.test", DNS_ANSWERS, "", "2001:db8::6", 30, NULL, 0},
    {"many.test", DNS_ANSWERS, EIGHT "192.0.2.9 192.0.2.10 192.0.2.11 192.0.2.12", "", 30, NULL, 0},
    {"none.test", DNS_ANSWERS, "", "", 30, NULL, 0},
    {"brief.test", DNS_ANSWERS, "192.0.2.1", "", 0, NULL, 0},
    {"long.test", DNS_ANSWERS, "192.0.2.1", "", 86400, NULL, 0},
    {"alias.test", DNS_ANSWERS, "192.0.2.7", "", 86400, "target.test", 5},
    {"fails.test", DNS_SERVFAIL, "", "", 0, NULL, 0},
    {"refuses.test", DNS_REFUSED, "", "", 0, NULL, 0},
    {"silent.test", DNS_SILENT, "", "", 0, NULL, 0},
    {"garbage.test", DNS_GARBAGE, "", "", 0, NULL, 0},
    {"large.test", DNS_TRUNCATED, "192.0.2.8", "2001:db8::8", 30, NULL, 0},
    {"short.search.test", DNS_ANSWERS, "192.0.2.11", "", 30, NULL, 0},
    {"a.b.search.test", DNS_ANSWERS, "192.0.2.12", "", 30, NULL, 0},
    {NULL, DNS_ANSWERS, NULL, NULL, 0, NULL, 0},
};

static struct loop *loop;
static struct scripted_dns *dns;
static struct resolver *resolver;

/* One question and what came of it. */
struct asked {
    struct resolver_query *query;
    int calls;
    enum err err;
    char text[1024]; /* the addresses, sorted as answered, separated by spaces */
    int count;
};

static void on_answer(void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct asked *a = ctx;
    a->query = NULL;
    a->calls++;
    a->err = err;
    a->count = answer->count;
    a->text[0] = '\0';
    for (int i = 0; i < answer->count; i++) {
        char text[64];
        size_t len = strlen(a->text);
        address_format(&answer->addresses[i], text);
        snprintf(a->text + len, sizeof a->text - len, "%s%s", i ? " " : "", text);
    }
}

static int setup(void **state)
{
    (void)state;
    struct errmsg why;
    skipped_ms = 0;
    setenv("LOCALDOMAIN", "search.test", 1); /* the search list, over the one of /etc/resolv.conf */
    setenv("RES_OPTIONS", "ndots:1", 1);
    loop = loop_new();
    dns = scripted_dns_start(loop, zone);
    resolver = resolver_new(loop, scripted_dns_address(dns), &why);
    assert_non_null(resolver);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_free(resolver);
    scripted_dns_stop(dns);
    loop_free(loop);
    return 0;
}

static void ask(struct asked *a, const char *name)
{
    *a = (struct asked){.err = ERR_FATAL};
    a->query = resolver_ask(resolver, name, LIMIT_MS, on_answer, a);
}

static void wait_for(struct asked *a)
{
    assert_true(spin_until_count(loop, &a->calls, 1, 2 * LIMIT_MS));
    assert_int_equal(a->calls, 1);
}

static void ask_and_wait(struct asked *a, const char *name)
{
    ask(a, name);
    wait_for(a);
}

/* -------- what is answered -------- */

static void each_name_has_its_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum err err;
        const char *text; /* NULL: not compared */
        int count;
    } cases[] = {
        {"both.test", ERR_OK, NULL, 3},      {"four.test", ERR_OK, "192.0.2.4", 1},  {"six.test", ERR_OK, "2001:db8::6", 1},
        {"many.test", ERR_OK, NULL, 12},     {"alias.test", ERR_OK, "192.0.2.7", 1}, {"large.test", ERR_OK, NULL, 2},
        {"none.test", ERR_NOT_FOUND, "", 0}, {"unknown.test", ERR_NOT_FOUND, "", 0}, {"service.onion", ERR_NOT_FOUND, "", 0},
        {"fails.test", ERR_AGAIN, "", 0},    {"refuses.test", ERR_AGAIN, "", 0},     {"a..b", ERR_NOT_FOUND, "", 0},
        {"", ERR_NOT_FOUND, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asked a;
        ask_and_wait(&a, cases[i].name);
        if (a.err != cases[i].err || a.count != cases[i].count)
            fail_msg("%s: %s, %d: %s", cases[i].name, err_name(a.err), a.count, a.text);
        if (cases[i].text)
            assert_string_equal(a.text, cases[i].text);
    }
}

static void literals_and_hosts_are_answered_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"::1", "::1"},
    };
    struct asked a;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&a, cases[i].name);
        assert_null(a.query);
        assert_int_equal(a.calls, 1);
        assert_int_equal(a.err, ERR_OK);
        assert_string_equal(a.text, cases[i].text);
    }
    ask(&a, "localhost");
    assert_null(a.query);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, ERR_OK);
    assert_non_null(strstr(a.text, "127.0.0.1"));
    assert_int_equal(scripted_dns_asked(dns, NULL), 0);
}

static void too_many_addresses_are_cut(void **state)
{
    (void)state;
    static const struct dns_name crowd[] = {
        {"crowd.test", DNS_ANSWERS, EIGHT EIGHT "192.0.2.1 192.0.2.1 192.0.2.1 192.0.2.1", "2001:db8::1 2001:db8::2", 1, NULL, 0},
        {NULL, DNS_ANSWERS, NULL, NULL, 0, NULL, 0},
    };
    struct asked a;
    scripted_dns_use(dns, crowd);
    ask_and_wait(&a, "crowd.test");
    assert_int_equal(a.err, ERR_OK);
    assert_int_equal(a.count, RESOLVER_MAX_ADDRESSES);
}

static void a_name_that_is_too_long_does_not_exist(void **state)
{
    (void)state;
    char name[300];
    struct asked a;
    memset(name, 'a', sizeof name);
    for (size_t i = 50; i < sizeof name; i += 50)
        name[i] = '.';
    name[254] = '\0';
    ask(&a, name);
    assert_int_equal(a.calls, 1);
    assert_int_equal(a.err, ERR_NOT_FOUND);
    name[253] = '\0';
    ask_and_wait(&a, name);
    assert_int_equal(a.err, ERR_NOT_FOUND);
}

static void a_truncated_answer_is_asked_for_over_tcp(void **state)
{
    (void)state;
    struct asked a;
    ask_and_wait(&a, "large.test");
    assert_int_equal(a.count, 2);
    assert_true(scripted_dns_asked_tcp(dns) >= 2);
}

/* -------- what is kept -------- */

struct lifetime {
    const char *name;
    int64_t kept_ms, gone_ms; /* still known then; asked for again then */
};

static void answers_are_kept_for_their_time_within_bounds(void **state)
{
    static const struct lifetime cases[] = {
        {"four.test", 29000, 31000}, /* the TTL, 30 s */
        {"brief.test", 800, 1300},   /* 0: a second */
        {"long.test", 59000, 61000}, /* a day: a minute */
        {"alias.test", 4500, 5500},  /* the alias is shorter than the address */
        {"unknown.test", 800, 1300}, /* failures: a second */
        {"none.test", 800, 1300},    {"fails.test", 800, 1300},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup(state);
        struct asked first, kept, gone;
        ask_and_wait(&first, cases[i].name);
        int asked = scripted_dns_asked(dns, cases[i].name);
        skipped_ms += cases[i].kept_ms;
        ask(&kept, cases[i].name);
        assert_null(kept.query);
        assert_int_equal(kept.calls, 1);
        assert_int_equal(kept.err, first.err);
        assert_string_equal(kept.text, first.text);
        assert_int_equal(scripted_dns_asked(dns, cases[i].name), asked);
        skipped_ms += cases[i].gone_ms - cases[i].kept_ms;
        ask(&gone, cases[i].name);
        assert_non_null(gone.query);
        wait_for(&gone);
        assert_true(scripted_dns_asked(dns, cases[i].name) > asked);
        teardown(state);
    }
}

static void case_does_not_matter(void **state)
{
    (void)state;
    struct asked a;
    ask_and_wait(&a, "Four.TEST");
    assert_int_equal(a.err, ERR_OK);
    ask(&a, "fOUR.test");
    assert_int_equal(a.calls, 1);
    assert_int_equal(scripted_dns_asked(dns, "four.test"), 2); /* A and AAAA, once */
}

static void askers_of_one_name_share_a_query(void **state)
{
    (void)state;
    static struct asked a[50];
    for (int i = 0; i < 50; i++)
        ask(&a[i], "both.test");
    wait_for(&a[49]);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(a[i].calls, 1);
        assert_int_equal(a[i].count, 3);
    }
    assert_int_equal(scripted_dns_asked(dns, "both.test"), 2);
}

static void the_table_of_names_is_bounded(void **state)
{
    (void)state;
    char name[64];
    struct asked a;
    for (int i = 0; i < 9000; i++) {
        snprintf(name, sizeof name, "bad..name%d", i); /* refused without asking anybody, and kept as a failure */
        ask(&a, name);
        assert_int_equal(a.err, ERR_NOT_FOUND);
    }
    int before = lookups;
    ask(&a, name);
    assert_int_equal(lookups, before); /* the last one is known */
    ask(&a, "bad..name0");
    assert_int_equal(lookups, before + 1); /* the first one had to go */
    ask_and_wait(&a, "four.test");
    assert_int_equal(a.err, ERR_OK);
}

/* -------- the search list -------- */

static void a_customers_name_is_asked_for_as_it_is(void **state)
{
    (void)state;
    static const char *const names[] = {"short", "a.b", "unknown.test"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct asked a;
        ask_and_wait(&a, names[i]);
        assert_int_equal(a.err, ERR_NOT_FOUND);
        assert_int_equal(scripted_dns_asked(dns, names[i]), 2);
    }
    assert_int_equal(scripted_dns_asked(dns, NULL), 6); /* and nothing else */
}

static void an_operators_name_is_searched_for(void **state)
{
    (void)state;
    struct asked a = {0};
    a.query = resolver_ask_search(resolver, "short", LIMIT_MS, on_answer, &a);
    wait_for(&a);
    assert_string_equal(a.text, "192.0.2.11");
    a.calls = 0;
    a.query = resolver_ask_search(resolver, "a.b", LIMIT_MS, on_answer, &a);
    wait_for(&a);
    assert_string_equal(a.text, "192.0.2.12");
    ask_and_wait(&a, "short"); /* what one kind of question found is not the other's answer */
    assert_int_equal(a.err, ERR_NOT_FOUND);
}

/* -------- failures and time -------- */

static void a_silent_server_costs_the_asker_its_timeout_only(void **state)
{
    (void)state;
    struct asked hasty = {0}, patient, other;
    int64_t began_ms = clock_mono_ms();
    hasty.query = resolver_ask(resolver, "silent.test", 100, on_answer, &hasty);
    ask(&patient, "silent.test");
    wait_for(&hasty);
    assert_int_equal(hasty.err, ERR_AGAIN);
    assert_in_range(clock_mono_ms() - began_ms, 100, 800);
    assert_int_equal(patient.calls, 0); /* the lookup goes on */
    ask_and_wait(&other, "four.test");
    assert_int_equal(other.err, ERR_OK);
    resolver_cancel(patient.query);
}

static void garbage_is_not_an_answer(void **state)
{
    (void)state;
    struct asked a = {0};
    a.query = resolver_ask(resolver, "garbage.test", 300, on_answer, &a);
    wait_for(&a);
    assert_int_equal(a.err, ERR_AGAIN);
}

static void an_answer_that_comes_at_the_second_try_counts(void **state)
{
    (void)state;
    static const struct dns_name silent[] = {
        {"four.test", DNS_SILENT, "", "", 0, NULL, 0},
        {NULL, DNS_ANSWERS, NULL, NULL, 0, NULL, 0},
    };
    struct asked a;
    scripted_dns_use(dns, silent);
    ask(&a, "four.test");
    spin_for(loop, 50);
    assert_int_equal(a.calls, 0);
    scripted_dns_use(dns, zone);
    wait_for(&a);
    assert_string_equal(a.text, "192.0.2.4");
}

static void failing_is_measured_until_something_works(void **state)
{
    (void)state;
    struct asked a;
    assert_int_equal(resolver_failing_ms(resolver), 0);
    ask_and_wait(&a, "fails.test");
    skipped_ms += 20000;
    assert_in_range(resolver_failing_ms(resolver), 20000, 25000);
    ask_and_wait(&a, "refuses.test");
    skipped_ms += 20000;
    assert_in_range(resolver_failing_ms(resolver), 40000, 50000);
    ask(&a, "192.0.2.1"); /* proves nothing */
    ask(&a, "localhost");
    assert_in_range(resolver_failing_ms(resolver), 40000, 50000);
    ask_and_wait(&a, "unknown.test"); /* is an answer */
    assert_int_equal(resolver_failing_ms(resolver), 0);
    ask_and_wait(&a, "refuses.test");
    skipped_ms += 2000;
    assert_in_range(resolver_failing_ms(resolver), 2000, 5000);
    ask_and_wait(&a, "four.test");
    assert_int_equal(resolver_failing_ms(resolver), 0);
}

/* -------- askers that go, and that come back -------- */

static void a_cancelled_question_is_not_answered(void **state)
{
    (void)state;
    struct asked gone, stays;
    ask(&gone, "both.test");
    ask(&stays, "both.test");
    resolver_cancel(gone.query);
    resolver_cancel(NULL);
    wait_for(&stays);
    spin_for(loop, 20);
    assert_int_equal(gone.calls, 0);
}

struct meddler {
    struct asked *victim;
    struct asked next;
    int calls;
};

static void on_meddle(void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct meddler *m = ctx;
    m->calls++;
    assert_int_equal(err, ERR_OK);
    assert_int_equal(answer->count, 3);
    if (m->victim->query)
        resolver_cancel(m->victim->query);
    m->victim->query = NULL;
    ask(&m->next, "four.test");
    assert_non_null(m->next.query);
    struct asked again;
    ask(&again, "both.test"); /* is known now */
    assert_int_equal(again.calls, 1);
    assert_int_equal(answer->count, 3);
}

/* Two that cancel each other: one is called, and its own question is answered. */
static void an_asker_may_cancel_others_and_ask_again(void **state)
{
    (void)state;
    struct meddler m[2];
    struct asked handles[2];
    memset(m, 0, sizeof m);
    memset(handles, 0, sizeof handles);
    m[0].victim = &handles[1];
    m[1].victim = &handles[0];
    for (int i = 0; i < 2; i++)
        handles[i].query = resolver_ask(resolver, "both.test", LIMIT_MS, on_meddle, &m[i]);
    spin_for(loop, 100);
    assert_int_equal(m[0].calls + m[1].calls, 1);
    struct meddler *called = m[0].calls ? &m[0] : &m[1];
    assert_int_equal(called->next.calls, 1);
    assert_string_equal(called->next.text, "192.0.2.4");
}

static void freeing_drops_what_is_outstanding(void **state)
{
    (void)state;
    struct asked a, b, c;
    struct errmsg why;
    ask(&a, "silent.test");
    ask(&b, "large.test");
    ask(&c, "four.test");
    resolver_free(resolver);
    spin_for(loop, 20);
    assert_int_equal(a.calls + b.calls + c.calls, 0);
    resolver = resolver_new(loop, scripted_dns_address(dns), &why);
    ask(&b, "large.test"); /* again, in the middle of TCP */
    spin_for(loop, 1);
    resolver_free(resolver);
    resolver = NULL;
    resolver_free(NULL);
}

static void servers_that_are_none_are_refused(void **state)
{
    (void)state;
    struct errmsg why = {""};
    assert_null(resolver_new(loop, "not-an-address", &why));
    assert_string_not_equal(why.text, "");
    struct resolver *system = resolver_new(loop, NULL, &why);
    assert_non_null(system);
    resolver_free(system);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_name_has_its_answer),
        TEST(literals_and_hosts_are_answered_at_once),
        TEST(too_many_addresses_are_cut),
        TEST(a_name_that_is_too_long_does_not_exist),
        TEST(a_truncated_answer_is_asked_for_over_tcp),
        cmocka_unit_test(answers_are_kept_for_their_time_within_bounds),
        TEST(case_does_not_matter),
        TEST(askers_of_one_name_share_a_query),
        TEST(the_table_of_names_is_bounded),
        TEST(a_customers_name_is_asked_for_as_it_is),
        TEST(an_operators_name_is_searched_for),
        TEST(a_silent_server_costs_the_asker_its_timeout_only),
        TEST(garbage_is_not_an_answer),
        TEST(an_answer_that_comes_at_the_second_try_counts),
        TEST(failing_is_measured_until_something_works),
        TEST(a_cancelled_question_is_not_answered),
        TEST(an_asker_may_cancel_others_and_ask_again),
        TEST(freeing_drops_what_is_outstanding),
        TEST(servers_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
