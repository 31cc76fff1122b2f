#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* The monotonic clock is ours, so that ten seconds pass at once. */
static int64_t now_ms = 1000000;

int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return now_ms;
}

static struct buf last;
static unsigned lines;

static void keep_line(void *ctx, struct slice line)
{
    unsigned *count = ctx;
    ++*count;
    buf_reset(&last);
    buf_put_slice(&last, line);
}

static int setup(void **state)
{
    (void)state;
    buf_init(&last, 1 << 20);
    log_init("test-program", LOG_INFO);
    log_set_sink(keep_line, &lines);
    lines = 0;
    now_ms += 60 * 1000; /* no suppression is left from the test before */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    buf_done(&last);
    return 0;
}

/* Looks for a member of the last line, which has to be valid JSON; its value's text, or "" when it is not there. */
static struct slice member(const char *name)
{
    static struct json_member m[64];
    size_t count;
    struct errmsg why;
    if (json_split(buf_slice(&last), m, 64, &count, &why))
        fail_msg("%s: %s", why.text, buf_cstr(&last));
    const struct json_member *found = json_find(m, count, name);
    return found ? found->value : SLICE("");
}

static void assert_member(const char *name, const char *text)
{
    struct slice value = member(name);
    if (!slice_eq(value, slice_str(text)))
        fail_msg("%s: %.*s, expected %s", name, (int)value.len, value.p, text);
}

static void a_line_has_its_members_in_order(void **state)
{
    (void)state;
    log_info("delivery_failed", LOG_STR("delivery_id", "abc"), LOG_INT("attempt", 3), LOG_BOOL("retry", true),
             LOG_BOOL("last", 0), LOG_SLICE("part", slice_of("xyz", 2)), LOG_INT("least", INT64_MIN));
    assert_int_equal(lines, 1);
    struct slice time = member("time");
    int64_t wall_ms;
    assert_int_equal(clock_parse_utc(slice_of(time.p + 1, time.len - 2), &wall_ms), ERR_OK);
    assert_true(clock_wall_ms() - wall_ms >= 0 && clock_wall_ms() - wall_ms < 60 * 1000);
    assert_int_equal(time.len, strlen("\"2026-06-08T12:00:00.123Z\""));
    assert_string_equal(time.p + time.len,
                        ",\"level\":\"info\",\"program\":\"test-program\",\"fact\":\"delivery_failed\",\"delivery_id\":\"abc\","
                        "\"attempt\":3,\"retry\":true,\"last\":false,\"part\":\"xy\",\"least\":-9223372036854775808}");
}

static void levels_below_are_not_written(void **state)
{
    (void)state;
    log_debug("hidden");
    assert_int_equal(lines, 0);
    log_warn("seen");
    assert_member("level", "\"warn\"");
    log_error("seen");
    assert_member("level", "\"error\"");
    log_init("test-program", LOG_ERROR);
    log_warn("hidden");
    assert_int_equal(lines, 2);
    log_init("test-program", LOG_DEBUG);
    log_debug("seen");
    assert_member("level", "\"debug\"");
    assert_int_equal(lines, 3);
}

static void names_of_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const char *const bad[] = {"", "INFO", "warning", "inf", "info ", "4"};
    enum log_level level;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        assert_int_equal(log_level_parse(names[i], &level), ERR_OK);
        assert_int_equal(level, i);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(log_level_parse(bad[i], &level), ERR_INVALID);
}

static void hostile_strings_stay_in_their_line(void **state)
{
    (void)state;
    log_info("odd", LOG_STR("path", "a\nb\"}{\x1b[31m\xff"), LOG_SLICE("nul", SLICE("a\0b")), LOG_STR("null", NULL));
    assert_null(strchr(buf_cstr(&last), '\n'));
    assert_member("path", "\"a\\nb\\\"}{\\u001b[31m\xef\xbf\xbd\"");
    assert_member("nul", "\"a\\u0000b\"");
    assert_member("null", "\"\"");
}

static void long_strings_are_cut_between_characters(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    log_info("long", LOG_STR("s", text));
    assert_int_equal(member("s").len, 1024 + 2);
    memcpy(text + 1022, "\xe2\x82\xac", 3);
    log_info("long", LOG_STR("s", text));
    assert_int_equal(member("s").len, 1022 + 2);
    memset(text, 0x80, sizeof text - 1);
    log_info("long", LOG_STR("s", text));
    assert_true(member("s").len <= 1024 * 3 + 2);
}

static void a_line_has_a_limit(void **state)
{
    (void)state;
    struct log_field fields[41] = {{0}};
    static char names[40][4];
    static char text[1024];
    memset(text, 1, sizeof text);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        fields[i] = LOG_SLICE(names[i], slice_of(text, sizeof text));
    }
    log_write(LOG_INFO, "huge", fields);
    assert_int_equal(lines, 1);
    assert_true(last.len <= 64 * 1024);
    assert_member("truncated", "true");
    assert_int_equal(member("f5").len, 6 * sizeof text + 2);
    assert_int_equal(member("f39").len, 0);
}

static void bursts_are_counted_instead(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        log_info("burst", LOG_INT("i", i));
    assert_int_equal(lines, 20);
    assert_member("i", "19");
    assert_member("suppressed", "");
    log_info("other_fact");
    assert_int_equal(lines, 21);
    now_ms += 9999;
    log_warn("burst");
    assert_int_equal(lines, 21);
    now_ms += 1;
    log_info("burst");
    assert_int_equal(lines, 22);
    assert_member("suppressed", "31");
    log_info("burst");
    assert_member("suppressed", "");
}

static void errors_are_never_suppressed(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        log_error("bad");
    assert_int_equal(lines, 50);
    for (int i = 0; i < 25; i++)
        log_info("bad");
    assert_int_equal(lines, 70);
    log_error("bad");
    assert_member("suppressed", "5");
}

static void many_facts_are_told_apart(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 400; i++) {
            char fact[20];
            (void)snprintf(fact, sizeof fact, "fact_%d", i);
            log_info(fact);
        }
    assert_int_equal(lines, 800);
}

/* A pipe in packet mode gives one write(2) to one read(2). */
static void a_line_is_one_write(void **state)
{
    (void)state;
    static char text[1000], packet[5000];
    int fds[2];
    memset(text, 'x', sizeof text - 1);
    log_set_sink(NULL, NULL);
    assert_int_equal(fflush(stdout), 0);
    assert_int_equal(pipe2(fds, O_DIRECT | O_CLOEXEC), 0);
    int saved = dup(STDOUT_FILENO);
    assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
    errno = EBADF;
    log_info("first", LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text));
    log_info("second");
    int kept = errno;
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    close(saved);
    assert_int_equal(kept, EBADF);
    ssize_t n = read(fds[0], packet, sizeof packet);
    assert_true(n > 3000 && packet[n - 1] == '\n' && memchr(packet, '\n', (size_t)n) == packet + n - 1);
    n = read(fds[0], packet, sizeof packet);
    assert_true(n > 0 && packet[n - 1] == '\n');
    packet[n - 1] = '\0';
    assert_non_null(strstr(packet, "\"fact\":\"second\"}"));
    close(fds[0]);
    close(fds[1]);
}

static void lines_that_are_not_taken_are_told_later(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    assert_int_equal(fflush(stdout), 0);
    int saved = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    assert_int_equal(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
    log_info("gone");
    log_info("gone");
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    close(saved);
    close(full);
    log_set_sink(keep_line, &lines);
    log_info("next");
    assert_member("lost", "2");
    log_info("next");
    assert_member("lost", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_its_members_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(levels_below_are_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_strings_stay_in_their_line, setup, teardown),
        cmocka_unit_test_setup_teardown(long_strings_are_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(bursts_are_counted_instead, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_never_suppressed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_is_one_write, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_that_are_not_taken_are_told_later, setup, teardown),
        cmocka_unit_test_setup_teardown(many_facts_are_told_apart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
