#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/metrics.h"

static void assert_text(struct metrics *m, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_write(m, &out);
    assert_int_equal(out.err, ERR_OK);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

static double twice(void *ctx)
{
    return 2 * *(double *)ctx;
}

static void nothing_registered_writes_nothing(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    assert_text(m, "");
    metrics_free(m);
    metrics_free(NULL);
}

static void families_in_order_of_registration(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    uint64_t *ok = metrics_counter(m, "trueftp_posts_total", "Posts by outcome", "outcome=\"ok\",class=\"2xx\"");
    double *depth = metrics_gauge(m, "trueftp_queue_depth", "Depth", NULL);
    uint64_t *bad = metrics_counter(m, "trueftp_posts_total", "not this help", "outcome=\"bad\"");
    double half = 1.5;
    metrics_gauge_fn(m, "trueftp_asked", "Asked for\nwhen \\ read", "k=\"v\"", twice, &half);
    *ok += 3;
    *bad = UINT64_MAX;
    *depth = -0.25;
    assert_text(m, "# HELP trueftp_posts_total Posts by outcome\n"
                   "# TYPE trueftp_posts_total counter\n"
                   "trueftp_posts_total{outcome=\"ok\",class=\"2xx\"} 3\n"
                   "trueftp_posts_total{outcome=\"bad\"} 18446744073709551615\n"
                   "# HELP trueftp_queue_depth Depth\n"
                   "# TYPE trueftp_queue_depth gauge\n"
                   "trueftp_queue_depth -0.25\n"
                   "# HELP trueftp_asked Asked for\\nwhen \\\\ read\n"
                   "# TYPE trueftp_asked gauge\n"
                   "trueftp_asked{k=\"v\"} 3\n");
    half = 4;
    ++*ok;
    struct buf out;
    buf_init(&out, 1 << 20);
    metrics_write(m, &out);
    assert_non_null(strstr(buf_cstr(&out), "trueftp_asked{k=\"v\"} 8\n"));
    assert_non_null(strstr(buf_cstr(&out), "class=\"2xx\"} 4\n"));
    buf_done(&out);
    metrics_free(m);
}

static void same_name_and_labels_are_one_cell(void **state)
{
    (void)state;
    static const double bounds[] = {1, 2};
    struct metrics *m = metrics_new();
    uint64_t *a = metrics_counter(m, "trueftp_a_total", "A", "x=\"1\"");
    assert_ptr_equal(metrics_counter(m, "trueftp_a_total", "A", "x=\"1\""), a);
    assert_ptr_not_equal(metrics_counter(m, "trueftp_a_total", "A", "x=\"2\""), a);
    assert_ptr_equal(metrics_counter(m, "trueftp_a_total", "A", NULL), metrics_counter(m, "trueftp_a_total", "A", ""));
    struct histogram *h = metrics_histogram(m, "trueftp_h", "H", NULL, bounds, 2);
    assert_ptr_equal(metrics_histogram(m, "trueftp_h", "H", NULL, bounds, 2), h);
    double *g = metrics_gauge(m, "trueftp_g", "G", NULL);
    assert_ptr_equal(metrics_gauge(m, "trueftp_g", "G", NULL), g);
    for (int i = 0; i < 1000; i++) {
        char labels[32];
        (void)snprintf(labels, sizeof labels, "n=\"%d\"", i);
        (void)metrics_counter(m, "trueftp_a_total", "A", labels);
    }
    *a = 5; /* cells do not move */
    assert_int_equal(*metrics_counter(m, "trueftp_a_total", "A", "x=\"1\""), 5);
    metrics_free(m);
}

static void histograms_are_cumulative(void **state)
{
    (void)state;
    static const double bounds[] = {0.005, 0.1, 2.5, 10};
    struct metrics *m = metrics_new();
    struct histogram *h = metrics_histogram(m, "trueftp_post_seconds", "Time of a POST", NULL, bounds, 4);
    struct histogram *labelled = metrics_histogram(m, "trueftp_post_seconds", "", "tls=\"1\"", bounds, 1);
    static const double values[] = {0, 0.005, 0.0050001, 0.1, 1, 10, 10.5, -1, 0.25};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        histogram_observe(h, values[i]);
    histogram_observe(h, (double)NAN);
    histogram_observe(labelled, 0.001);
    assert_text(m, "# HELP trueftp_post_seconds Time of a POST\n"
                   "# TYPE trueftp_post_seconds histogram\n"
                   "trueftp_post_seconds_bucket{le=\"0.005\"} 3\n"
                   "trueftp_post_seconds_bucket{le=\"0.1\"} 5\n"
                   "trueftp_post_seconds_bucket{le=\"2.5\"} 7\n"
                   "trueftp_post_seconds_bucket{le=\"10\"} 8\n"
                   "trueftp_post_seconds_bucket{le=\"+Inf\"} 9\n"
                   "trueftp_post_seconds_sum 20.8600001\n"
                   "trueftp_post_seconds_count 9\n"
                   "trueftp_post_seconds_bucket{tls=\"1\",le=\"0.005\"} 1\n"
                   "trueftp_post_seconds_bucket{tls=\"1\",le=\"+Inf\"} 1\n"
                   "trueftp_post_seconds_sum{tls=\"1\"} 0.001\n"
                   "trueftp_post_seconds_count{tls=\"1\"} 1\n");
    metrics_free(m);
}

static void infinite_values_go_above_all_bounds(void **state)
{
    (void)state;
    struct metrics *m = metrics_new();
    struct histogram *h = metrics_histogram(m, "trueftp_h", "H", NULL, NULL, 0);
    histogram_observe(h, (double)INFINITY);
    assert_text(m, "# HELP trueftp_h H\n# TYPE trueftp_h histogram\n"
                   "trueftp_h_bucket{le=\"+Inf\"} 1\ntrueftp_h_sum +Inf\ntrueftp_h_count 1\n");
    metrics_free(m);
}

static void numbers_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1e15, "1e+15"},
        {123456789, "123456789"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1780920000.123, "1780920000.123"},
        {-2.5e-9, "-2.5e-09"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {(double)NAN, "NaN"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct metrics *m = metrics_new();
        char expected[200];
        *metrics_gauge(m, "trueftp_g", "G", NULL) = cases[i].value;
        (void)snprintf(expected, sizeof expected, "# HELP trueftp_g G\n# TYPE trueftp_g gauge\ntrueftp_g %s\n", cases[i].text);
        assert_text(m, expected);
        metrics_free(m);
    }
}

static void other_type(struct metrics *m)
{
    (void)metrics_gauge(m, "trueftp_a_total", "A", NULL);
}

static void foreign_prefix(struct metrics *m)
{
    (void)metrics_gauge(m, "worker_a", "A", NULL);
}

static void bad_character(struct metrics *m)
{
    (void)metrics_gauge(m, "trueftp_a-b", "A", NULL);
}

static void bounds_that_fall(struct metrics *m)
{
    static const double bounds[] = {1, 3, 2};
    (void)metrics_histogram(m, "trueftp_h", "H", NULL, bounds, 3);
}

/* Our bugs: they abort at the start of the program that has them. */
static void misuse_aborts(void **state)
{
    (void)state;
    void (*const cases[])(struct metrics * m) = {other_type, foreign_prefix, bad_character, bounds_that_fall};
    struct metrics *m = metrics_new();
    (void)metrics_counter(m, "trueftp_a_total", "A", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            cases[i](m);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_registered_writes_nothing),
        cmocka_unit_test(families_in_order_of_registration),
        cmocka_unit_test(same_name_and_labels_are_one_cell),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(infinite_values_go_above_all_bounds),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
