/* Accounts and expectations from their topics: what is taken is written so that it reads the same. */
#include "fuzz.h"

#include "definitions/expectation.h"
#include "expectations/schedule.h"
#include "model/account.h"

static void read_account(struct slice json)
{
    struct account *a = NULL, *again = NULL;
    struct buf first, second;
    struct errmsg why = {""};
    if (account_parse(json, &a, &why) != ERR_OK) {
        check(*why.text);
        return;
    }
    buf_init(&first, 4 * 1024 * 1024);
    buf_init(&second, 4 * 1024 * 1024);
    account_write(&first, a);
    check(first.err == ERR_OK && account_parse(buf_slice(&first), &again, &why) == ERR_OK);
    account_write(&second, again);
    check(slice_eq(buf_slice(&first), buf_slice(&second)) && account_is_paid(a) == account_is_paid(again));
    account_free(a);
    account_free(again);
    buf_done(&first);
    buf_done(&second);
}

static void read_expectation(struct slice json)
{
    struct expectation *ex = NULL, *again = NULL;
    struct buf first, second;
    struct schedule schedule;
    struct errmsg why = {""};
    if (expectation_parse(json, &ex, &why) != ERR_OK) {
        check(*why.text);
        return;
    }
    buf_init(&first, 4 * 1024 * 1024);
    buf_init(&second, 4 * 1024 * 1024);
    expectation_write(&first, ex);
    check(first.err == ERR_OK && expectation_parse(buf_slice(&first), &again, &why) == ERR_OK);
    expectation_write(&second, again);
    check(slice_eq(buf_slice(&first), buf_slice(&second)));
    if (schedule_parse(ex->schedule, &schedule, &why) == ERR_OK)
        check(schedule_next(&schedule, "Europe/Berlin", ex->created_wall_ms % 4000000000000) >= -1);
    expectation_free(ex);
    expectation_free(again);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_account(fuzz_slice(data, size));
    read_expectation(fuzz_slice(data, size));
    return 0;
}
