#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/redis_url.h"

struct good {
    const char *text;
    struct redis_url url;
};

static void good_urls_are_split(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"redis://localhost", {.host = "localhost", .port = 6379}},
        {"redis://redis.example.net:7000/3", {.host = "redis.example.net", .port = 7000, .db = 3}},
        {"redis://127.0.0.1:6379/", {.host = "127.0.0.1", .port = 6379}},
        {"redis://[::1]", {.host = "::1", .port = 6379}},
        {"redis://[fd00::12]:6380/1", {.host = "fd00::12", .port = 6380, .db = 1}},
        {"rediss://r", {.tls = true, .host = "r", .port = 6379}},
        {"redis://:secret@r", {.password = "secret", .host = "r", .port = 6379}},
        {"redis://worker:secret@r:1", {.user = "worker", .password = "secret", .host = "r", .port = 1}},
        {"redis://w%40x:a%3ab%2F%25@r/15", {.user = "w@x", .password = "a:b/%", .host = "r", .port = 6379, .db = 15}},
        {"redis://:p@ss:w@r", {.password = "p@ss:w", .host = "r", .port = 6379}},
        {"redis://a:@r", {.user = "a", .host = "r", .port = 6379}},
        {"redis://my_redis-1:65535/65535", {.host = "my_redis-1", .port = 65535, .db = 65535}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url;
        struct errmsg why;
        const struct redis_url *wanted = &cases[i].url;
        assert_int_equal(redis_url_parse(cases[i].text, &url, &why), ERR_OK);
        assert_int_equal(url.tls, wanted->tls);
        assert_string_equal(url.user, wanted->user);
        assert_string_equal(url.password, wanted->password);
        assert_string_equal(url.host, wanted->host);
        assert_int_equal(url.port, wanted->port);
        assert_int_equal(url.db, wanted->db);
    }
}

static void bad_urls_are_refused_without_showing_the_password(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "starts with redis://"},
        {"redis:/r", "starts with redis://"},
        {"http://r", "starts with redis://"},
        {"REDIS://r", "starts with redis://"},
        {"redis://", "the host is missing"},
        {"redis:///0", "the host is missing"},
        {"redis://:6379", "the host is missing"},
        {"redis://:hunter2@", "the host is missing"},
        {"redis://:hunter2@r:0", "the port is not a number"},
        {"redis://:hunter2@r:65536", "the port is not a number"},
        {"redis://:hunter2@r:", "the port is not a number"},
        {"redis://:hunter2@r:1:2", "the port is not a number"},
        {"redis://:hunter2@r:-1", "the port is not a number"},
        {"redis://:hunter2@r/x", "the database"},
        {"redis://:hunter2@r/1/2", "the database"},
        {"redis://:hunter2@r/999999", "the database"},
        {"redis://:hunter2@r?db=1", "a character that names do not have"},
        {"redis://:hunter2@a b", "a character that names do not have"},
        {"redis://:hunter2@[::1", "malformed IPv6"},
        {"redis://:hunter2@[::1]6379", "malformed IPv6"},
        {"redis://hunter2@r", "a user without a password"},
        {"redis://:hunter2%@r", "percent-encoding in the password"},
        {"redis://:hunter2%4@r", "percent-encoding in the password"},
        {"redis://:hunter2%zz@r", "percent-encoding in the password"},
        {"redis://:hunter2%00@r", "percent-encoding in the password"},
        {"redis://%:hunter2@r", "percent-encoding in the user"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url = {.port = 1};
        struct errmsg why;
        assert_int_equal(redis_url_parse(cases[i].text, &url, &why), ERR_INVALID);
        if (!strstr(why.text, cases[i].why))
            fail_msg("%s: %s", cases[i].text, why.text);
        assert_null(strstr(why.text, "hunter2"));
        assert_int_equal(url.port, 1); /* nothing is written */
    }
}

static void long_parts_are_refused(void **state)
{
    (void)state;
    char text[2048], part[1024];
    memset(part, 'a', sizeof part);
    static const struct {
        const char *before, *after;
        int fits;
    } cases[] = {{"redis://", "", 253}, {"redis://", ":p@r", 127}, {"redis://:", "@r", 511}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url;
        struct errmsg why;
        snprintf(text, sizeof text, "%s%.*s%s", cases[i].before, cases[i].fits, part, cases[i].after);
        assert_int_equal(redis_url_parse(text, &url, &why), ERR_OK);
        snprintf(text, sizeof text, "%s%.*s%s", cases[i].before, cases[i].fits + 1, part, cases[i].after);
        assert_int_equal(redis_url_parse(text, &url, &why), ERR_INVALID);
    }
}

static void a_wiped_url_holds_nothing(void **state)
{
    (void)state;
    struct redis_url url;
    struct errmsg why;
    static const struct redis_url empty;
    assert_int_equal(redis_url_parse("redis://u:p@r:1/1", &url, &why), ERR_OK);
    redis_url_wipe(&url);
    assert_memory_equal(&url, &empty, sizeof url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_are_split),
        cmocka_unit_test(bad_urls_are_refused_without_showing_the_password),
        cmocka_unit_test(long_parts_are_refused),
        cmocka_unit_test(a_wiped_url_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
