/* traceparent: what is accepted, and what is sent on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct row {
    const char *value;
    bool accepted, sampled;
};

static const struct row rows[] = {
    {"00-" ID "-" PARENT "-01", true, true},
    {"00-" ID "-" PARENT "-00", true, false},
    {"00-" ID "-" PARENT "-03", true, true}, /* other flags mean nothing to us */
    {"00-" ID "-" PARENT "-fe", true, false},
    {"cc-" ID "-" PARENT "-01", true, true}, /* a later version */
    {"cc-" ID "-" PARENT "-01-what-the-future-brings", true, true},
    {"cc-" ID "-" PARENT "-01.what", false, false},
    {"00-" ID "-" PARENT "-01-more", false, false},
    {"ff-" ID "-" PARENT "-01", false, false},
    {"0g-" ID "-" PARENT "-01", false, false},
    {"00-00000000000000000000000000000000-" PARENT "-01", false, false},
    {"00-" ID "-0000000000000000-01", false, false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false, false},
    {"00-" ID "-" PARENT "-0", false, false},
    {"00-" ID "-" PARENT "-0x", false, false},
    {"00-" ID "_" PARENT "-01", false, false},
    {"00-" ID "-" PARENT "_01", false, false},
    {"00_" ID "-" PARENT "-01", false, false},
    {"", false, false},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct trace trace;
        bool accepted = trace_parse(slice_str(rows[i].value), &trace);
        if (accepted != rows[i].accepted || trace.sampled != rows[i].sampled)
            fail_msg("\"%s\": accepted %d, sampled %d", rows[i].value, accepted, trace.sampled);
        assert_true(slice_eq(trace.id, accepted ? SLICE(ID) : SLICE("")));
    }
}

static void test_format(void **state)
{
    (void)state;
    char out[TRACE_PARENT_SIZE];
    struct trace trace = {SLICE(ID), true}, read;
    trace_format(&trace, 0x00f067aa0ba902b7ULL, out);
    assert_string_equal(out, "00-" ID "-" PARENT "-01");
    trace.sampled = false;
    trace_format(&trace, 0, out);
    assert_string_equal(out, "00-" ID "-0000000000000001-00");
    trace_format(&trace, UINT64_MAX, out);
    assert_string_equal(out, "00-" ID "-ffffffffffffffff-00");
    assert_true(trace_parse(slice_str(out), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
