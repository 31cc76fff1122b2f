/* The delivery record: what is taken is written again so that it reads the same, and the fold's order is one. */
#include "fuzz.h"

#include "model/delivery.h"

static struct delivery_rank rank_of(const struct delivery *dl)
{
    return (struct delivery_rank){dl->status, dl->attempt, dl->revision};
}

static void compare(const struct delivery *dl)
{
    static struct delivery_rank before;
    struct delivery_rank now = rank_of(dl);
    int order = delivery_rank_compare(now, before), other = delivery_rank_compare(before, now);
    check((order > 0) == (other < 0) && (order == 0) == (other == 0) && delivery_rank_compare(now, now) == 0);
    before = now;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct delivery dl, again;
    struct buf scratch, scratch_again, first, second;
    struct errmsg why = {""};
    buf_init(&scratch, size * 2 + 1024);
    enum err err = delivery_parse(fuzz_slice(data, size), &scratch, &dl, &why);
    check(err == ERR_OK || *why.text);
    if (err == ERR_OK) {
        check(dl.attempt_count >= 0 && dl.attempt_count <= DELIVERY_MAX_ATTEMPTS);
        compare(&dl);
        buf_init(&first, DELIVERY_MAX_BYTES);
        buf_init(&second, DELIVERY_MAX_BYTES);
        buf_init(&scratch_again, DELIVERY_MAX_BYTES);
        delivery_write(&first, &dl);
        check(first.err == ERR_OK && delivery_parse(buf_slice(&first), &scratch_again, &again, &why) == ERR_OK);
        delivery_write(&second, &again);
        check(slice_eq(buf_slice(&first), buf_slice(&second)));
        check(delivery_rank_compare(rank_of(&dl), rank_of(&again)) == 0);
        buf_done(&first);
        buf_done(&second);
        buf_done(&scratch_again);
    }
    buf_done(&scratch);
    return 0;
}
