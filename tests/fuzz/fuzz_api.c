/* What the API reads of a request: its target, cursors, the body of a webhook, a schedule. */
#include "fuzz.h"

#include "expectations/schedule.h"
#include "http/page.h"
#include "http/uri.h"
#include "model/json_members.h"
#include "model/keyring.h"
#include "util/json.h"
#include "util/utf8.h"
#include "view/bookmark.h"
#include "webhooks/fields.h"

#define BOOKMARK_MARK 0x0badcafe

static void read_target(const char *text)
{
    struct uri u;
    struct errmsg why;
    if (uri_parse(text, &u, &why) != ERR_OK)
        return;
    for (size_t i = 0; i < u.segment_count; i++)
        check(utf8_valid(slice_str(u.segments[i])));
    for (size_t i = 0; i < u.pair_count; i++)
        check(utf8_valid(slice_str(u.pairs[i].value)) && uri_query(&u, u.pairs[i].name) == u.pairs[i].value);
    uri_done(&u);
}

static void read_cursor(const char *text)
{
    int64_t number = 0, again = 0;
    char rest[64], rest_again[64];
    if (!cursor_parse(text, &number, rest, sizeof rest))
        return;
    struct buf out;
    buf_init(&out, 1024);
    cursor_write(&out, number, rest);
    check(cursor_parse(buf_cstr(&out), &again, rest_again, sizeof rest_again));
    check(again == number && strcmp(rest, rest_again) == 0);
    buf_done(&out);
}

static void read_bookmark(struct slice text)
{
    struct bookmark b;
    struct errmsg why = {""};
    char again[VIEW_CURSOR_SIZE];
    if (bookmark_read(text, BOOKMARK_MARK, &b, &why) != ERR_OK) {
        check(*why.text);
        return;
    }
    bookmark_write(&b, BOOKMARK_MARK, again);
    check(slice_eq(slice_str(again), text));
}

/* What passes the check of the fields can be written and read again. */
static void read_webhook(struct slice text)
{
    static const struct target_policy policy;
    struct json_member members[64];
    static const struct keyring ring = {.count = 1, .keys = {{.id = "k"}}};
    const struct webhook_rules rules = {.policy = &policy, .keys = &ring};
    struct field_errors errors = {0};
    json_t *body = NULL;
    struct errmsg why;
    size_t count = 0;
    if (json_split(text, members, 64, &count, &why) != ERR_OK || json_members_load(text, &body, &why) != ERR_OK)
        return;
    struct webhook *wh = webhook_new();
    free(wh->id);
    free(wh->account_id);
    wh->id = strdup("wh_1");
    wh->account_id = strdup("acc_1");
    webhook_fields_apply(body, true, &rules, wh, &errors);
    if (errors.count == 0)
        webhook_free(webhook_copy(wh));
    webhook_free(wh);
    json_decref(body);
}

static void read_schedule(const char *text)
{
    struct schedule s;
    struct errmsg why;
    if (schedule_parse(text, &s, &why) != ERR_OK)
        return;
    check(s.minutes && s.hours && s.days && s.months && s.weekdays);
    int64_t next = schedule_next(&s, "Europe/Berlin", 1780000000000);
    check(next == -1 || next > 1780000000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    read_target(text);
    read_cursor(text);
    read_bookmark(fuzz_slice(data, size));
    read_webhook(fuzz_slice(data, size));
    read_schedule(text);
    free(text);
    return 0;
}
