/* Jobs: made of an event or of a record, changed by an outcome, written as the next record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "core/partition_internal.h"

#define NOW_WALL_MS 1780000000000LL
#define BODY_TAIL "\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"account_id\":\"acc_1\",\"data\":{\"path\":\"/in/a\"}}"

struct fixture {
    struct core core;
    struct partition partition;
    struct buf scratch;
};

static int set_up(void **state)
{
    static const struct core_ports none;
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    core_init(&f->core, &none, NULL, 1);
    f->core.retry = (struct retry_policy){10000, 6, 21600000};
    f->core.events_topic = "trueftp.events";
    core_set_time(&f->core, 5, NOW_WALL_MS);
    f->partition.core = &f->core;
    f->partition.number = 3;
    buf_init(&f->scratch, 4 * 1024 * 1024);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_done(&f->scratch);
    core_done(&f->core); /* aborts where a job is left */
    free(f);
    return 0;
}

/* The event's own memory is gone when this returns. */
static struct job *new_job(struct fixture *f, int max_attempts)
{
    char path[] = "/in/a", account[] = "acc_1", timestamp[] = "2026-06-08T12:00:00Z", data[] = "{\"path\":\"/in/a\"}",
         hook[] = "wh_1";
    struct event ev = {.id = {{1, 2, 3}},
                       .type = EVENT_FILE_UPLOADED,
                       .timestamp = slice_str(timestamp),
                       .time_wall_ms = NOW_WALL_MS - 1000,
                       .account_id = slice_str(account),
                       .data = slice_str(data),
                       .path = slice_str(path)};
    struct job_webhook wh = {slice_str(hook), max_attempts};
    struct job *job = job_new(&f->core, &f->partition);
    job_from_event(job, &ev, &wh, SLICE("0af7651916cd43dd8448eb211c80319c"), 77);
    memset(path, 'x', sizeof path - 1);
    memset(account, 'x', sizeof account - 1);
    memset(timestamp, 'x', sizeof timestamp - 1);
    memset(data, 'x', sizeof data - 1);
    memset(hook, 'x', sizeof hook - 1);
    return job;
}

static struct delivery read_record(struct fixture *f, const struct job *job)
{
    struct delivery dl;
    struct errmsg why;
    if (delivery_parse(buf_slice(&job->record), &f->scratch, &dl, &why) != ERR_OK)
        fail_msg("%s", why.text);
    assert_memory_equal(dl.id.bytes, job->dl.id.bytes, sizeof dl.id.bytes);
    return dl;
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.p, expected, s.len);
}

static void assert_body(const struct delivery *dl)
{
    char id[UUID_TEXT_SIZE], expected[512];
    uuid_format(&dl->id, id);
    snprintf(expected, sizeof expected, "{\"event\":\"file.uploaded\",\"delivery_id\":\"%s%s", id, BODY_TAIL);
    assert_slice(dl->body, expected);
}

static struct outcome status(int http_status)
{
    return (struct outcome){.http_status = http_status,
                            .started_wall_ms = NOW_WALL_MS,
                            .duration_ms = 9,
                            .dns_ms = -1,
                            .connect_ms = -1,
                            .tls_ms = -1,
                            .first_byte_ms = -1};
}

static void an_event_is_copied(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    struct uuid event_id = {{1, 2, 3}}, id = delivery_id(&event_id, SLICE("wh_1"), 0);
    assert_memory_equal(job->dl.id.bytes, id.bytes, sizeof id.bytes);
    assert_slice(job->dl.webhook_id, "wh_1");
    assert_slice(job->dl.account_id, "acc_1");
    assert_slice(job->dl.path, "/in/a");
    assert_slice(job->dl.event_topic, "trueftp.events");
    assert_int_equal(job->dl.event_partition, 3);
    assert_int_equal(job->dl.event_offset, 77);
    assert_int_equal(job->dl.attempt, 0);
    assert_false(job->has_record);
    assert_body(&job->dl);
    job_free(&f->core, job);
}

static void success_is_delivered_without_a_body(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    struct outcome o = status(204);
    assert_true(job_conclude(job, &o));
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_DELIVERED);
    assert_int_equal(dl.revision, 1);
    assert_int_equal(dl.attempt, 1);
    assert_int_equal(dl.attempt_count, 1);
    assert_int_equal(dl.http_status, 204);
    assert_int_equal(dl.created_wall_ms, NOW_WALL_MS);
    assert_int_equal(dl.next_attempt_wall_ms, 0);
    assert_int_equal(dl.body.len, 0);
    assert_slice(dl.trace_id, "0af7651916cd43dd8448eb211c80319c");
    job_free(&f->core, job);
}

/* A failure, its record, the job made of that record, and so on to the last attempt. */
static void failures_are_retried_until_the_last_attempt(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    for (int attempt = 1; attempt <= 3; attempt++) {
        struct outcome o = status(500);
        struct errmsg why;
        assert_true(job_conclude(job, &o));
        struct delivery dl = read_record(f, job);
        assert_int_equal(dl.status, attempt < 3 ? DELIVERY_RETRYING : DELIVERY_FAILED);
        assert_int_equal(dl.attempt, attempt);
        assert_int_equal(dl.attempt_count, attempt);
        assert_int_equal(dl.revision, attempt);
        assert_int_equal(dl.error, DELIVERY_ERROR_HTTP_STATUS);
        assert_body(&dl); /* a failed one can be sent again */
        if (attempt < 3)
            assert_in_range(dl.next_attempt_wall_ms - NOW_WALL_MS, attempt == 1 ? 8000 : 48000, attempt == 1 ? 12000 : 72000);
        else
            assert_int_equal(dl.next_attempt_wall_ms, 0);
        struct job *next = job_new(&f->core, &f->partition);
        assert_int_equal(job_from_record(next, buf_slice(&job->record), &why), ERR_OK);
        assert_true(next->has_record);
        job_free(&f->core, job);
        job = next;
    }
    job_free(&f->core, job);
}

/* Four kilobytes that take six times as many in the record. */
static void a_large_response_is_not_kept_room_for(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 1);
    char response[4096];
    struct outcome o = status(500);
    memset(response, 1, sizeof response);
    o.response = slice_of(response, sizeof response);
    assert_true(job_conclude(job, &o));
    assert_true(job->record.len > 6 * sizeof response);
    job_free(&f->core, job);

    struct job *again = new_job(f, 1);
    assert_ptr_equal(again, job);
    assert_int_equal(again->record.cap, 0);
    assert_true(again->store.cap > 0);
    job_free(&f->core, again);
}

static void gone_is_final(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 20);
    struct outcome o = status(410);
    assert_true(job_conclude(job, &o));
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_FAILED);
    assert_slice(dl.detail, "the endpoint answered 410 Gone");
    job_free(&f->core, job);
}

static void our_own_failure_uses_up_nothing(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 1);
    struct outcome o = {.ours = true, .error = DELIVERY_ERROR_DNS};
    assert_false(job_conclude(job, &o));
    assert_int_equal(job->dl.attempt, 0);
    assert_int_equal(job->dl.revision, 0);
    assert_int_equal(job->record.len, 0);
    job_free(&f->core, job);
}

static void parking_uses_up_no_attempt(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    job_park(job, NOW_WALL_MS + 5000);
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_PARKED);
    assert_int_equal(dl.attempt, 0);
    assert_int_equal(dl.revision, 1);
    assert_int_equal(dl.next_attempt_wall_ms, NOW_WALL_MS + 5000);
    assert_body(&dl);
    job_free(&f->core, job);
}

/* Held since the first time, written again now and then, and looked at when it has been held for long enough. */
static void holding_keeps_its_beginning(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    f->core.write_again_ms = 7000;
    f->core.hold_max_ms = 10000;
    job_hold(job, "held: the webhook is paused");
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_PARKED);
    assert_int_equal(dl.held_wall_ms, NOW_WALL_MS);
    assert_int_equal(dl.next_attempt_wall_ms, NOW_WALL_MS + 7000);
    assert_slice(dl.detail, "held: the webhook is paused");
    assert_body(&dl);

    core_set_time(&f->core, 5, NOW_WALL_MS + 6000);
    job_hold(job, "held: the account's plan has no webhooks");
    dl = read_record(f, job);
    assert_int_equal(dl.held_wall_ms, NOW_WALL_MS);
    assert_int_equal(dl.next_attempt_wall_ms, NOW_WALL_MS + 10000);
    assert_int_equal(dl.revision, 2);

    job_park(job, NOW_WALL_MS + 8000);
    dl = read_record(f, job);
    assert_int_equal(dl.held_wall_ms, 0);
    assert_int_equal(dl.detail.len, 0);
    job_free(&f->core, job);
}

static void an_end_without_attempt_says_why(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    job_end(job, DELIVERY_CANCELLED, "the webhook was deleted");
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_CANCELLED);
    assert_int_equal(dl.error, DELIVERY_ERROR_CANCELLED);
    assert_slice(dl.detail, "the webhook was deleted");
    assert_int_equal(dl.body.len, 0);
    job_free(&f->core, job);
}

/* Only the last answer is kept whole, and only the last twenty attempts. */
static void a_record_stays_bounded(void **state)
{
    struct fixture *f = *state;
    static char long_answer[4000];
    struct job *job = new_job(f, 100);
    memset(long_answer, 'a', sizeof long_answer);
    for (int i = 0; i < DELIVERY_MAX_ATTEMPTS + 5; i++) {
        struct outcome o = status(500);
        o.response = slice_of(long_answer, sizeof long_answer);
        assert_true(job_conclude(job, &o));
    }
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.attempt, DELIVERY_MAX_ATTEMPTS + 5);
    assert_int_equal(dl.attempt_count, DELIVERY_MAX_ATTEMPTS);
    assert_int_equal(dl.attempts[0].number, 6);
    assert_int_equal(dl.attempts[0].response.len, 512);
    assert_int_equal(dl.attempts[DELIVERY_MAX_ATTEMPTS - 1].number, DELIVERY_MAX_ATTEMPTS + 5);
    assert_int_equal(dl.attempts[DELIVERY_MAX_ATTEMPTS - 1].response.len, sizeof long_answer);
    job_free(&f->core, job);
}

static void what_is_too_large_is_shrunk(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 1);
    struct outcome o = status(500);
    o.response = SLICE("an answer");
    assert_true(job_conclude(job, &o));
    assert_true(job_shrink(job));
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.attempts[0].response.len, 0);
    assert_body(&dl);
    assert_int_equal(dl.revision, 1);
    assert_true(job_shrink(job)); /* failed: the body can be spared too */
    dl = read_record(f, job);
    assert_int_equal(dl.body.len, 0);
    assert_false(job_shrink(job));
    job_free(&f->core, job);
}

/* An open delivery without its body could not be sent again: it ends. */
static void an_open_delivery_that_is_too_large_fails(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    struct outcome o = status(500);
    assert_true(job_conclude(job, &o));
    assert_true(job_shrink(job));
    struct delivery dl = read_record(f, job);
    assert_int_equal(dl.status, DELIVERY_FAILED);
    assert_int_equal(dl.next_attempt_wall_ms, 0);
    assert_slice(dl.detail, "its record is larger than the delivery log takes");
    assert_body(&dl);
    assert_true(job_shrink(job));
    dl = read_record(f, job);
    assert_int_equal(dl.body.len, 0);
    assert_false(job_shrink(job));
    job_free(&f->core, job);
}

static void what_is_no_record_makes_no_job(void **state)
{
    struct fixture *f = *state;
    struct job *job = job_new(&f->core, &f->partition);
    struct errmsg why;
    assert_int_equal(job_from_record(job, SLICE("{\"schema\":\"trueftp.delivery/1\"}"), &why), ERR_INVALID);
    assert_true(why.text[0] != '\0');
    job_free(&f->core, job);
}

/* A job that is used again remembers nothing. */
static void jobs_are_used_again(void **state)
{
    struct fixture *f = *state;
    struct job *job = new_job(f, 3);
    struct outcome o = status(500);
    assert_true(job_conclude(job, &o));
    job_add_waiter(job, 5);
    assert_int_equal(f->core.jobs, 1);
    job_free(&f->core, job);
    assert_int_equal(f->core.jobs, 0);
    struct job *again = job_new(&f->core, &f->partition);
    assert_ptr_equal(again, job);
    assert_int_equal(again->waiter_count, 0);
    assert_int_equal(again->record.len, 0);
    assert_int_equal(again->dl.attempt, 0);
    assert_false(again->has_record);
    job_free(&f->core, again);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_event_is_copied),
        CASE(success_is_delivered_without_a_body),
        CASE(failures_are_retried_until_the_last_attempt),
        CASE(a_large_response_is_not_kept_room_for),
        CASE(gone_is_final),
        CASE(our_own_failure_uses_up_nothing),
        CASE(holding_keeps_its_beginning),
        CASE(parking_uses_up_no_attempt),
        CASE(an_end_without_attempt_says_why),
        CASE(a_record_stays_bounded),
        CASE(what_is_too_large_is_shrunk),
        CASE(an_open_delivery_that_is_too_large_fails),
        CASE(what_is_no_record_makes_no_job),
        CASE(jobs_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
