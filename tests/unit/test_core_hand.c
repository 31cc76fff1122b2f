/* The table of what is in hand, against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/hand.h"
#include "core/job.h"
#include "util/mem.h"

#define JOBS 300

static struct job *job_numbered(uint32_t number)
{
    struct job *job = mem_zalloc(sizeof *job);
    memcpy(job->dl.id.bytes, &number, sizeof number);
    return job;
}

static void an_empty_hand_has_nothing(void **state)
{
    (void)state;
    struct hand h = {0};
    struct uuid id = {{1}};
    assert_null(hand_find(&h, &id));
    hand_done(&h);
}

static void agree(const struct hand *h, struct job *const *jobs, const bool *in)
{
    size_t count = 0;
    for (int i = 0; i < JOBS; i++) {
        count += in[i];
        assert_ptr_equal(hand_find(h, &jobs[i]->dl.id), in[i] ? jobs[i] : NULL);
    }
    assert_int_equal(h->count, count);
}

/* In and out at random: what is in it is found, however it was moved about, and nothing else is. */
static void what_is_put_is_found_until_taken(void **state)
{
    (void)state;
    struct hand h = {0};
    struct job *jobs[JOBS];
    bool in[JOBS] = {false};
    uint64_t random = 42;
    for (uint32_t i = 0; i < JOBS; i++)
        jobs[i] = job_numbered(i);
    for (int step = 0; step < 20000; step++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        size_t i = (random >> 33) % JOBS;
        if (in[i])
            hand_take(&h, jobs[i]);
        else
            hand_put(&h, jobs[i]);
        in[i] = !in[i];
        if (step % 100 == 0)
            agree(&h, jobs, in);
    }
    for (int i = 0; i < JOBS; i++) {
        if (in[i])
            hand_take(&h, jobs[i]);
        free(jobs[i]);
    }
    hand_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_hand_has_nothing),
        cmocka_unit_test(what_is_put_is_found_until_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
