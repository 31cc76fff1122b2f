/* Webhook definitions from the topic: what is taken is valid, is written so that it reads the same, and nothing of it can end a
 * line of the request that is made from it. */
#include "fuzz.h"

#include "io/http_client.h"
#include "model/target.h"
#include "model/webhook.h"

static void check_headers(const struct webhook *wh)
{
    struct buf lines;
    buf_init(&lines, 65536);
    for (size_t i = 0; i < wh->header_count; i++) {
        size_t before = lines.len;
        check(http_header_put(&lines, slice_str(wh->headers[i].name), slice_str(wh->headers[i].value)) == ERR_OK);
        check(strcspn(lines.p + before, "\r\n") == lines.len - before - 2); /* one line end, and it is the last thing */
    }
    buf_done(&lines);
}

static void check_use(const struct webhook *wh)
{
    struct target_policy policy = {.allow_http = true};
    struct target target;
    struct errmsg why = {""};
    for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
        (void)webhook_wants(wh, (enum event_type)type, SLICE("/incoming/a/b.csv"));
    enum err err = target_parse(&policy, wh->url, &target, &why);
    if (err == ERR_OK)
        target_done(&target);
    else
        check(*why.text);
}

static void check_again(const struct webhook *wh)
{
    struct webhook *again = NULL;
    struct buf first, second;
    struct errmsg why;
    buf_init(&first, 1024 * 1024);
    buf_init(&second, 1024 * 1024);
    webhook_write(&first, wh);
    check(first.err == ERR_OK && webhook_parse(buf_slice(&first), &again, &why) == ERR_OK);
    webhook_write(&second, again);
    check(slice_eq(buf_slice(&first), buf_slice(&second)));
    webhook_free(again);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct webhook *wh = NULL;
    struct errmsg why = {""};
    if (webhook_parse(fuzz_slice(data, size), &wh, &why) != ERR_OK) {
        check(*why.text);
        return 0;
    }
    check(webhook_validate(wh, &why) == ERR_OK);
    check_headers(wh);
    check_use(wh);
    check_again(wh);
    webhook_free(wh);
    return 0;
}
