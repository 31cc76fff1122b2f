/* The spool of libtrueftp-producer (producer/lib/spool_record.h) as a log. A record says all, its event id too, and was checked
 * when it was written; but anybody who may write to the spool may write anything, so what the publisher relies on is looked at
 * again. */
#include <stdlib.h>

#include "model/account.h"
#include "producer/lib/event_form.h"
#include "producer/lib/spool_record.h"
#include "producer/source.h"
#include "producer/source/text.h"
#include "util/mem.h"

struct source_state {
    struct source_sink sink;
    const char *why; /* of the record that was put aside last */
    uint8_t scratch[SPOOL_MAX_RECORD_BYTES];
};

static bool is_absolute(struct slice path)
{
    return path.len > 0 && path.p[0] == '/';
}

static const char *problem(const struct spool_event *ev, struct source_fact *fact)
{
    bool user = ev->type == TRUEFTP_USER_CREATED;
    struct slice ip = ev->fields[SPOOL_CLIENT_IP];
    if (!event_form_type(ev->type, &fact->type))
        return "an event of another version";
    if (!account_id_valid(ev->fields[SPOOL_ACCOUNT_ID]))
        return "account_id: must be 1 to 128 of A-Z a-z 0-9 _ . -";
    if (user ? ev->fields[SPOOL_PATH].len > 0 : !is_absolute(ev->fields[SPOOL_PATH]))
        return "path: must be absolute, and absent of a user";
    if (user && ev->fields[SPOOL_USERNAME].len == 0)
        return "username: missing";
    if (ev->type == TRUEFTP_FILE_RENAMED && !is_absolute(ev->fields[SPOOL_RENAMED_FROM]))
        return "renamed_from: must be absolute";
    if (ip.len > 0 && !text_is_address(ip))
        return "client_ip: must be an IPv4 or IPv6 address";
    return ev->size_bytes < -1 ? "size: must not be negative" : NULL;
}

static void take_event(struct source_state *st, int64_t offset, struct slice frame, const struct spool_event *ev)
{
    struct source_fact fact = {
        .offset = offset,
        .time_wall_ms = ev->time_wall_ms,
        .time_has_ms = ev->time_has_ms,
        .path = ev->fields[SPOOL_PATH],
        .renamed_from = ev->fields[SPOOL_RENAMED_FROM],
        .size_bytes = ev->size_bytes,
        .username = ev->fields[SPOOL_USERNAME],
        .client_ip = ev->fields[SPOOL_CLIENT_IP],
        .protocol = ev->fields[SPOOL_PROTOCOL],
        .session_id = ev->fields[SPOOL_SESSION_ID],
        .account_id = ev->fields[SPOOL_ACCOUNT_ID],
        .frontend = ev->fields[SPOOL_FRONTEND],
        .home = ev->fields[SPOOL_HOME],
        .suspect = ev->fields[SPOOL_SUSPECT],
        .traceparent = ev->fields[SPOOL_TRACEPARENT],
        .event_id = ev->id,
        .has_event_id = true,
    };
    st->why = problem(ev, &fact);
    if (!st->why)
        st->sink.fact(st->sink.ctx, &fact);
    else
        st->sink.quarantine(st->sink.ctx, offset, frame, SOURCE_MEMBER);
}

static void spool_record(struct source_state *st, int64_t offset, struct slice frame)
{
    struct spool_event ev;
    switch (spool_parse(frame, st->scratch, &ev)) {
    case SPOOL_HEAD:
        return;
    case SPOOL_EVENT:
        take_event(st, offset, frame, &ev);
        return;
    case SPOOL_UNKNOWN:
        st->why = "a record of another version";
        break;
    case SPOOL_DAMAGED:
    case SPOOL_EMPTY:
        st->why = "half a record, or damaged";
        break;
    }
    st->sink.quarantine(st->sink.ctx, offset, frame, SOURCE_NO_MARKER);
}

static const char *spool_why(const struct source_state *st)
{
    return st->why;
}

static int64_t spool_release(struct source_state *st, int64_t wall_us)
{
    (void)st;
    (void)wall_us;
    return -1;
}

static void spool_flush(struct source_state *st)
{
    (void)st;
}

static int64_t spool_pending(const struct source_state *st)
{
    (void)st;
    return INT64_MAX;
}

static struct source_state *spool_new(const struct source_options *options, const struct source_sink *sink)
{
    struct source_state *st = mem_alloc(sizeof(*st));
    (void)options;
    st->sink = *sink;
    st->why = NULL;
    return st;
}

static void spool_free(struct source_state *st)
{
    free(st);
}

const struct source_format source_spool = {
    .name = "spool",
    .max_frame_bytes = SPOOL_MAX_RECORD_BYTES,
    .state_new = spool_new,
    .state_free = spool_free,
    .frame = spool_frame,
    .record = spool_record,
    .release = spool_release,
    .flush = spool_flush,
    .pending_offset = spool_pending,
    .why = spool_why,
};
