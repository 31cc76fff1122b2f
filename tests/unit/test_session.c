/* The dashboard's sessions (what a cookie opens) and files (what a browser may keep). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dashboard/dashboard.h"
#include "dashboard/files.h"
#include "http/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1780920000000LL

static char folder[] = "/tmp/test_session.XXXXXX";
static char path[64];
static struct keyring *ring;

static int make_ring(void **state)
{
    struct errmsg why;
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/keys", folder);
    return keyring_create(path, "k1", &why) == ERR_OK && keyring_load(path, &ring, &why) == ERR_OK ? 0 : -1;
}

static int remove_ring(void **state)
{
    (void)state;
    keyring_free(ring);
    unlink(path);
    return rmdir(folder);
}

static struct account account = {.id = "acc_1"};

static void seal(const struct session *s, struct buf *out)
{
    buf_init(out, 4096);
    assert_int_equal(session_seal(ring, s, out), ERR_OK);
}

/* -------- sessions -------- */

static void test_a_cookie_opens_as_it_was_sealed(void **state)
{
    struct account_key key = {.id = "k_abc"};
    struct session s, opened;
    struct buf text;
    (void)state;
    session_begin(&s, &account, &key, NOW);
    seal(&s, &text);
    assert_int_equal(session_open(ring, buf_cstr(&text), NOW + 1, &opened), ERR_OK);
    assert_string_equal(opened.account_id, "acc_1");
    assert_string_equal(opened.key_id, "k_abc");
    assert_string_equal(opened.csrf, s.csrf);
    assert_string_equal(opened.id, s.id);
    assert_memory_equal(opened.id, "ses_", 4);
    assert_int_equal(strlen(opened.id), SESSION_ID_SIZE - 1);
    assert_int_equal(strlen(s.csrf), SESSION_CSRF_SIZE - 1);
    assert_int_equal(opened.expires_wall_ms, NOW + SESSION_LIFE_MS);
    buf_done(&text);
}

static void test_each_session_has_a_token_of_its_own(void **state)
{
    struct account_key key = {.id = "k_abc"};
    struct session a, b;
    (void)state;
    session_begin(&a, &account, &key, NOW);
    session_begin(&b, &account, &key, NOW);
    assert_string_not_equal(a.csrf, b.csrf);
    assert_string_not_equal(a.id, b.id);
}

static void test_it_ends_with_its_time(void **state)
{
    struct account_key forever = {.id = "k"}, short_lived = {.id = "k", .expires_wall_ms = NOW + 5000};
    struct session s, opened;
    struct buf text;
    (void)state;
    session_begin(&s, &account, &forever, NOW);
    seal(&s, &text);
    assert_int_equal(session_open(ring, buf_cstr(&text), NOW + SESSION_LIFE_MS - 1, &opened), ERR_OK);
    assert_int_equal(session_open(ring, buf_cstr(&text), NOW + SESSION_LIFE_MS, &opened), ERR_REFUSED);
    buf_done(&text);
    session_begin(&s, &account, &short_lived, NOW);
    assert_int_equal(s.expires_wall_ms, NOW + 5000);
}

static void test_the_longest_ids_fit(void **state)
{
    char account_id[129], key_id[65];
    struct account longest = {.id = account_id};
    struct account_key key = {.id = key_id};
    struct session s, opened;
    struct buf text;
    (void)state;
    memset(account_id, 'a', 128);
    memset(key_id, 'k', 64);
    account_id[128] = key_id[64] = '\0';
    session_begin(&s, &longest, &key, NOW);
    seal(&s, &text);
    assert_true(text.len <= 900); /* with its attributes it fits into a header */
    assert_int_equal(session_open(ring, buf_cstr(&text), NOW, &opened), ERR_OK);
    assert_string_equal(opened.account_id, account_id);
    assert_string_equal(opened.key_id, key_id);
    buf_done(&text);
}

/* Each byte counts: whichever is changed, the cookie opens nothing. */
static void test_a_changed_cookie_opens_nothing(void **state)
{
    struct account_key key = {.id = "k_abc"};
    struct session s, opened;
    struct buf text;
    (void)state;
    session_begin(&s, &account, &key, NOW);
    seal(&s, &text);
    for (size_t i = 0; i < text.len; i++) {
        text.p[i] = (char)(text.p[i] ^ 1);
        assert_int_equal(session_open(ring, buf_cstr(&text), NOW, &opened), ERR_REFUSED);
        text.p[i] = (char)(text.p[i] ^ 1);
    }
    assert_int_equal(session_open(ring, "", NOW, &opened), ERR_REFUSED);
    assert_int_equal(session_open(ring, "v1.k1.AAAA.AAAA", NOW, &opened), ERR_REFUSED);
    buf_done(&text);
}

/* The same keys seal webhook secrets: neither may be taken for the other. */
static void test_the_envelope_of_a_secret_is_no_session(void **state)
{
    struct session opened;
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    struct slice secret = SLICE("9999999999999 ses_0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef k acc_1");
    assert_int_equal(sealed_seal(ring, SLICE("acc_1"), SLICE("session"), 2, secret, &text), ERR_OK);
    assert_int_equal(session_open(ring, buf_cstr(&text), NOW, &opened), ERR_REFUSED);
    buf_done(&text);
}

static void test_the_origin_must_be_the_host(void **state)
{
    static const struct {
        const char *origin, *host;
        bool same;
    } cases[] = {
        {"https://hooks.example.com", "hooks.example.com", true},
        {"http://127.0.0.1:8080", "127.0.0.1:8080", true},
        {"https://Hooks.Example.com", "hooks.example.COM", true},
        {"https://evil.example.com", "hooks.example.com", false},
        {"https://hooks.example.com:444", "hooks.example.com", false},
        {"https://hooks.example.com.evil.com", "hooks.example.com", false},
        {"https://evil.com/://hooks.example.com", "hooks.example.com", false},
        {"null", "hooks.example.com", false},
        {"", "", false},
        {"https://", "", false},
        {NULL, "hooks.example.com", false},
        {"https://hooks.example.com", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(session_origin_is_host(cases[i].origin, cases[i].host), cases[i].same);
}

/* -------- files -------- */

static void test_the_table_of_files_is_sorted_and_whole(void **state)
{
    bool page = false;
    (void)state;
    assert_true(dashboard_file_count > 10);
    for (size_t i = 0; i < dashboard_file_count; i++) {
        const struct dashboard_file *f = &dashboard_files[i];
        assert_true(f->size > 0);
        assert_int_equal(strlen(f->etag), 34);
        assert_true(i == 0 || strcmp(dashboard_files[i - 1].path, f->path) < 0);
        page = page || strcmp(f->path, "/index.html") == 0;
    }
    assert_true(page);
}

static void test_types(void **state)
{
    (void)state;
    assert_string_equal(dashboard_type("/index.html"), "text/html; charset=utf-8");
    assert_string_equal(dashboard_type("/js/main.js"), "text/javascript; charset=utf-8");
    assert_string_equal(dashboard_type("/css/theme.css"), "text/css; charset=utf-8");
    assert_string_equal(dashboard_type("/favicon.svg"), "image/svg+xml");
    assert_string_equal(dashboard_type("/snippets/trueftp/verify.mjs"), "text/plain; charset=utf-8");
    assert_string_equal(dashboard_type("/vendor/LICENSE"), "text/plain; charset=utf-8");
    assert_string_equal(dashboard_type(".js"), "text/plain; charset=utf-8");
}

static void test_if_none_match(void **state)
{
    static const struct {
        const char *list;
        bool matches;
    } cases[] = {
        {"\"a1\"", true}, {"W/\"a1\"", true}, {"\"x\", \"a1\"", true}, {"\"x\",W/\"a1\"", true}, {"*", true}, {" \"a1\" ", true},
        {"\"a\"", false}, {"a1", false},      {"\"a1\"x", false},      {"\"x\" , \"y\"", false}, {"", false}, {",", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(dashboard_etag_matches(cases[i].list, "\"a1\""), cases[i].matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cookie_opens_as_it_was_sealed),
        cmocka_unit_test(test_each_session_has_a_token_of_its_own),
        cmocka_unit_test(test_it_ends_with_its_time),
        cmocka_unit_test(test_the_longest_ids_fit),
        cmocka_unit_test(test_a_changed_cookie_opens_nothing),
        cmocka_unit_test(test_the_envelope_of_a_secret_is_no_session),
        cmocka_unit_test(test_the_origin_must_be_the_host),
        cmocka_unit_test(test_the_table_of_files_is_sorted_and_whole),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_if_none_match),
    };
    return cmocka_run_group_tests(tests, make_ring, remove_ring);
}
