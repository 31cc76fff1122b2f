#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/buf.h"
#include "util/config.h"
#include "util/file.h"

struct sample {
    char *brokers;
    char *pool;
    int64_t slots;
    int64_t offset;
    bool dev;
};

static const struct config_option options[] = {
    {"TRUEFTP_BROKERS", CONFIG_STRING, NULL, 1, 40, "bootstrap servers", offsetof(struct sample, brokers)},
    {"TRUEFTP_POOL", CONFIG_STRING, "", 0, 8, "name of the pool", offsetof(struct sample, pool)},
    {"TRUEFTP_SLOTS", CONFIG_INT, "1024", 1, 65536, "POSTs in flight", offsetof(struct sample, slots)},
    {"TRUEFTP_OFFSET", CONFIG_INT, "-5", INT64_MIN, INT64_MAX, "any number", offsetof(struct sample, offset)},
    {"TRUEFTP_DEV", CONFIG_BOOL, "0", 0, 1, "1: development", offsetof(struct sample, dev)},
};
static const char *const others[] = {"TRUEFTP_POOL", "TRUEFTP_API_LISTEN", NULL};
static const struct config_table table = {options, sizeof options / sizeof *options, others};

static char path[] = "/tmp/trueftp-test-config-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(struct slice text)
{
    struct errmsg why;
    if (file_replace(path, text, 0600, &why))
        fail_msg("%s", why.text);
}

/* Loads with the environment given, and with the file when it is not NULL. */
static enum config_verdict load(char *const *env, const char *file, struct sample *s, struct errmsg *why)
{
    char *argv[] = {"program", "--config", path, NULL};
    int argc = file ? 3 : 1;
    if (file)
        write_file(slice_str(file));
    else
        argv[1] = NULL;
    memset(s, 0, sizeof *s);
    why->text[0] = '\0';
    enum config_verdict verdict = config_load(&table, s, "A program.", &argc, argv, env, why);
    assert_int_equal(argc, 1);
    return verdict;
}

static void defaults_where_nothing_is_given(void **state)
{
    (void)state;
    struct sample s;
    struct errmsg why;
    char *env[] = {"PATH=/bin", "TRUEFTP_BROKERS=a:9092", "TRUEFTP", "MALFORMED", NULL};
    assert_int_equal(load(env, NULL, &s, &why), CONFIG_RUN);
    assert_string_equal(s.brokers, "a:9092");
    assert_string_equal(s.pool, "");
    assert_int_equal(s.slots, 1024);
    assert_int_equal(s.offset, -5);
    assert_false(s.dev);
    config_free(&table, &s);
    assert_null(s.brokers);
    config_free(&table, &s);
}

static void file_says_what_the_environment_does_not(void **state)
{
    (void)state;
    struct sample s;
    struct errmsg why;
    char *env[] = {"TRUEFTP_SLOTS=7", "TRUEFTP_API_LISTEN=ignored", "TRUEFTP_POOL=", NULL};
    assert_int_equal(load(env,
                          "# comment = 1\n\n  \t\n  TRUEFTP_BROKERS =  b:1, c=2 # kept \t\r\nTRUEFTP_SLOTS=nonsense\n"
                          "  # TRUEFTP_DEV=x\nTRUEFTP_POOL=fromfile\nTRUEFTP_API_LISTEN=\nTRUEFTP_DEV=1",
                          &s, &why),
                     CONFIG_RUN);
    assert_string_equal(s.brokers, "b:1, c=2 # kept");
    assert_string_equal(s.pool, "");
    assert_int_equal(s.slots, 7);
    assert_true(s.dev);
    config_free(&table, &s);
}

static void bounds_are_part_of_the_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t offset;
    } cases[] = {{"TRUEFTP_OFFSET=9223372036854775807", INT64_MAX},
                 {"TRUEFTP_OFFSET=-9223372036854775808", INT64_MIN},
                 {"TRUEFTP_OFFSET=007", 7},
                 {"TRUEFTP_OFFSET=+7", 7}};
    struct sample s;
    struct errmsg why;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *env[] = {"TRUEFTP_BROKERS=a", (char *)(uintptr_t)cases[i].text, "TRUEFTP_SLOTS=65536", "TRUEFTP_POOL=12345678",
                       NULL};
        assert_int_equal(load(env, NULL, &s, &why), CONFIG_RUN);
        assert_int_equal(s.offset, cases[i].offset);
        assert_int_equal(s.slots, 65536);
        config_free(&table, &s);
    }
}

static void bad_environments_stop_the_start(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"TRUEFTP_SLOTS=0", "environment: TRUEFTP_SLOTS: expected a whole number from 1 to 65536, not \"0\""},
        {"TRUEFTP_SLOTS=65537", "not \"65537\""},
        {"TRUEFTP_SLOTS=-1", "not \"-1\""},
        {"TRUEFTP_SLOTS=", "not \"\""},
        {"TRUEFTP_SLOTS=12x", "not \"12x\""},
        {"TRUEFTP_SLOTS= 12", "not \" 12\""},
        {"TRUEFTP_SLOTS=1.5", "not \"1.5\""},
        {"TRUEFTP_SLOTS=0x10", "not \"0x10\""},
        {"TRUEFTP_SLOTS=99999999999999999999999", "not \"99999999999999999999999\""},
        {"TRUEFTP_OFFSET=9223372036854775808", "expected a whole number from -9223372036854775808"},
        {"TRUEFTP_DEV=yes", "environment: TRUEFTP_DEV: expected 0 or 1, not \"yes\""},
        {"TRUEFTP_DEV=", "expected 0 or 1"},
        {"TRUEFTP_DEV=2", "expected 0 or 1"},
        {"TRUEFTP_DEV=01", "expected 0 or 1"},
        {"TRUEFTP_POOL=123456789", "environment: TRUEFTP_POOL: expected a text of at most 8 bytes, not 9"},
        {"TRUEFTP_BROKERS=", "environment: TRUEFTP_BROKERS: expected a text of 1 to 40 bytes, not 0"},
        {"TRUEFTP_SLOT=1", "environment: unknown name TRUEFTP_SLOT (did you mean TRUEFTP_SLOTS?)"},
        {"TRUEFTP_BORKERS=1", "unknown name TRUEFTP_BORKERS (did you mean TRUEFTP_BROKERS?)"},
        {"TRUEFTP_SOMETHING_ELSE=1", "environment: unknown name TRUEFTP_SOMETHING_ELSE"},
        {"TRUEFTP_=1", "unknown name TRUEFTP_"},
        {"TRUEFTP_slots=1", "unknown name TRUEFTP_slots"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample s;
        struct errmsg why;
        char *env[] = {"TRUEFTP_BROKERS=a", (char *)(uintptr_t)cases[i].text, NULL};
        assert_int_equal(load(env, NULL, &s, &why), CONFIG_BAD);
        if (!strstr(why.text, cases[i].why))
            fail_msg("%s: got \"%s\"", cases[i].text, why.text);
        assert_null(s.brokers);
    }
}

static void bad_files_stop_the_start_and_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"TRUEFTP_SLOTS=0", "line 1: TRUEFTP_SLOTS: expected a whole number from 1 to 65536, not \"0\""},
        {"\n# c\nTRUEFTP_DEV=on\n", "line 3: TRUEFTP_DEV: expected 0 or 1, not \"on\""},
        {"TRUEFTP_DEV=1\nTRUEFTP_SLOTSS=1\n", "line 2: unknown name TRUEFTP_SLOTSS (did you mean TRUEFTP_SLOTS?)"},
        {"TRUFTP_DEV=1", "line 1: unknown name TRUFTP_DEV (did you mean TRUEFTP_DEV?)"},
        {"export TRUEFTP_DEV=1", "line 1: unknown name export TRUEFTP_DEV"},
        {"PATH=/bin", "line 1: unknown name PATH"},
        {"=1", "line 1: unknown name "},
        {"TRUEFTP_DEV", "line 1: expected NAME=value"},
        {"TRUEFTP_DEV: 1", "line 1: expected NAME=value"},
        {"[section]\n", "line 1: expected NAME=value"},
        {"TRUEFTP_DEV=1\n\nTRUEFTP_DEV=1\n", "line 3: TRUEFTP_DEV for the second time, first in line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sample s;
        struct errmsg why;
        char *env[] = {"TRUEFTP_BROKERS=a", NULL};
        assert_int_equal(load(env, cases[i].text, &s, &why), CONFIG_BAD);
        if (strncmp(why.text, path, strlen(path)) != 0 || !strstr(why.text, cases[i].why))
            fail_msg("%s: got \"%s\"", cases[i].text, why.text);
        assert_null(s.brokers);
    }
}

static void what_is_required_has_to_be_given(void **state)
{
    (void)state;
    struct sample s;
    struct errmsg why;
    assert_int_equal(load(NULL, NULL, &s, &why), CONFIG_BAD);
    assert_string_equal(why.text, "TRUEFTP_BROKERS is required (bootstrap servers)");
    assert_int_equal(load(NULL, "", &s, &why), CONFIG_BAD);
    assert_string_equal(why.text, "TRUEFTP_BROKERS is required (bootstrap servers)");
}

static void values_of_texts_are_not_told(void **state)
{
    (void)state;
    struct sample s;
    struct errmsg why;
    char *env[] = {"TRUEFTP_BROKERS=redis://user:password@a.host.that.is.long.example:6379", NULL};
    assert_int_equal(load(env, NULL, &s, &why), CONFIG_BAD);
    assert_null(strstr(why.text, "password"));
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct sample s = {0};
    struct errmsg why;
    char *argv[] = {"program", "--config", "/nonexistent/file", NULL};
    int argc = 3;
    assert_int_equal(config_load(&table, &s, "", &argc, argv, NULL, &why), CONFIG_BAD);
    assert_non_null(strstr(why.text, "/nonexistent/file: "));
    write_file(SLICE("TRUEFTP_BROKERS=a\0b\n"));
    char *with_nul[] = {"program", "--config", path, NULL};
    argc = 3;
    assert_int_equal(config_load(&table, &s, "", &argc, with_nul, NULL, &why), CONFIG_BAD);
    assert_non_null(strstr(why.text, "NUL byte"));
    static char big[(1 << 20) + 1];
    memset(big, '#', sizeof big);
    write_file(slice_of(big, sizeof big));
    char *with_big[] = {"program", "--config", path, NULL};
    argc = 3;
    assert_int_equal(config_load(&table, &s, "", &argc, with_big, NULL, &why), CONFIG_BAD);
    assert_non_null(strstr(why.text, "larger than the limit"));
}

static void our_arguments_are_taken_out(void **state)
{
    (void)state;
    struct sample s;
    struct errmsg why;
    char *env[] = {"TRUEFTP_BROKERS=a", NULL};
    char with_equals[100];
    (void)snprintf(with_equals, sizeof with_equals, "--config=%s", path);
    write_file(SLICE("TRUEFTP_SLOTS=3\n"));
    char *argv[] = {"program", "sign", with_equals, "--secret", "x", "--", "--config", "--help", NULL};
    int argc = 8;
    assert_int_equal(config_load(&table, &s, "", &argc, argv, env, &why), CONFIG_RUN);
    assert_int_equal(s.slots, 3);
    static const char *const left[] = {"program", "sign", "--secret", "x", "--", "--config", "--help"};
    assert_int_equal(argc, 7);
    for (int i = 0; i < argc; i++)
        assert_string_equal(argv[i], left[i]);
    assert_null(argv[argc]);
    config_free(&table, &s);
    char *without[][3] = {{"program", "--config", NULL}, {"program", "--config=", NULL}};
    for (size_t i = 0; i < 2; i++) {
        argc = 2;
        assert_int_equal(config_load(&table, &s, "", &argc, without[i], env, &why), CONFIG_BAD);
        assert_string_equal(why.text, "--config: expected the path of a file");
    }
}

/* Runs with one argument and reads what goes to standard output. */
static enum config_verdict load_and_read(char *argument, char *text, size_t size)
{
    struct sample s;
    struct errmsg why;
    char *argv[] = {"/usr/bin/trueftp-sample", argument, NULL};
    int argc = 2;
    assert_int_equal(fflush(stdout), 0);
    int saved = dup(STDOUT_FILENO);
    int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
    assert_true(saved >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    enum config_verdict verdict = config_load(&table, &s, "Samples things.", &argc, argv, NULL, &why);
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    close(saved);
    ssize_t n = pread(fd, text, size - 1, 0);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    return verdict;
}

static void help_and_version(void **state)
{
    (void)state;
    char text[4000];
    assert_int_equal(load_and_read("--version", text, sizeof text), CONFIG_EXIT);
    assert_string_equal(text, "trueftp-sample " TRUEFTP_VERSION "\n");
    assert_int_equal(load_and_read("--help", text, sizeof text), CONFIG_EXIT);
    assert_ptr_equal(strstr(text, "trueftp-sample: Samples things.\n"), text);
    static const char *const parts[] = {
        "--config FILE",
        "--help",
        "--version",
        "TRUEFTP_BROKERS\n      bootstrap servers\n      required; a text of 1 to 40 bytes\n",
        "TRUEFTP_POOL\n      name of the pool\n      default empty; a text of at most 8 bytes\n",
        "TRUEFTP_SLOTS\n      POSTs in flight\n      default 1024; a whole number from 1 to 65536\n",
        "TRUEFTP_DEV\n      1: development\n      default 0; 0 or 1\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("--help lacks \"%s\":\n%s", parts[i], text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_where_nothing_is_given),
        cmocka_unit_test(file_says_what_the_environment_does_not),
        cmocka_unit_test(bounds_are_part_of_the_range),
        cmocka_unit_test(bad_environments_stop_the_start),
        cmocka_unit_test(bad_files_stop_the_start_and_name_the_line),
        cmocka_unit_test(what_is_required_has_to_be_given),
        cmocka_unit_test(values_of_texts_are_not_told),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(our_arguments_are_taken_out),
        cmocka_unit_test(help_and_version),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
