/* Events as they come from the topic: taken or refused with a message; and as producers write them: whatever bytes a path or a
 * name has, the event is read back with the same. */
#include "fuzz.h"

#include "model/delivery.h"
#include "model/event.h"
#include "util/json.h"

static struct buf scratch, out;

static bool inside(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void look(const struct event *ev, struct slice json)
{
    struct json_member members[8];
    size_t count = 0;
    struct uuid id = {{7}};
    struct slice room = slice_of(scratch.p, scratch.cap);
    check(ev->type < EVENT_TYPE_COUNT && inside(ev->data, json) && ev->data.p[0] == '{');
    check(inside(ev->path, json) || inside(ev->path, room));
    check(inside(ev->username, json) || inside(ev->username, room));
    check(ev->path.len == 0 || ev->path.p[0] == '/');
    check(ev->account_id.len >= 1 && ev->account_id.len <= 128);
    buf_reset(&out);
    delivery_body(&out, ev, &id);
    check(json_split(buf_slice(&out), members, 8, &count, NULL) == ERR_OK && count == 5);
}

static void read_event(struct slice json)
{
    struct event ev;
    struct errmsg why = {""};
    enum err err = event_parse(json, &scratch, &ev, &why);
    if (err == ERR_OK)
        look(&ev, json);
    else
        check((err == ERR_INVALID || err == ERR_TOO_BIG) && *why.text);
}

static void write_event(uint8_t choice, struct slice bytes)
{
    static char path[8192];
    struct buf json;
    struct event ev;
    struct errmsg why;
    bytes.len = bytes.len < sizeof path - 1 ? bytes.len : sizeof path - 1;
    path[0] = '/';
    memcpy(path + 1, bytes.p, bytes.len);
    struct event_fields f = {.type = (enum event_type)(choice % EVENT_FTP_USER_CREATED),
                             .time_wall_ms = 1780000000000 + choice,
                             .time_has_ms = (choice & 64) != 0,
                             .account_id = SLICE("acc_1"),
                             .path = slice_of(path, bytes.len + 1),
                             .size_bytes = choice % 3 - 1,
                             .username = bytes,
                             .session_id = bytes,
                             .home = bytes,
                             .renamed_from = (choice & 128) != 0 ? slice_of(path, bytes.len + 1) : slice_of(NULL, 0)};
    buf_init(&json, EVENT_MAX_BYTES);
    event_write(&json, &f);
    check(json.err == ERR_OK && event_parse(buf_slice(&json), &scratch, &ev, &why) == ERR_OK);
    check(ev.type == f.type && ev.time_wall_ms / 1000 == f.time_wall_ms / 1000 && slice_eq(ev.path, f.path));
    buf_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (scratch.max == 0) {
        buf_init(&scratch, EVENT_MAX_BYTES * 2);
        buf_init(&out, EVENT_MAX_BYTES * 2);
    }
    read_event(fuzz_slice(data, size));
    write_event(data[0], fuzz_slice(data + 1, size - 1));
    return 0;
}
