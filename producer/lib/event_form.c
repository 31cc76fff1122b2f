#include "producer/lib/event_form.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define MAX_TIME_MS 253402300799999 /* 9999-12-31T23:59:59.999Z */

static const int types[] = {
    [TRUEFTP_FILE_UPLOADED] = EVENT_FILE_UPLOADED, [TRUEFTP_FILE_DOWNLOADED] = EVENT_FILE_DOWNLOADED,
    [TRUEFTP_FILE_DELETED] = EVENT_FILE_DELETED,   [TRUEFTP_DIR_CREATED] = EVENT_DIR_CREATED,
    [TRUEFTP_DIR_DELETED] = EVENT_DIR_DELETED,     [TRUEFTP_USER_CREATED] = EVENT_FTP_USER_CREATED,
    [TRUEFTP_FILE_RENAMED] = EVENT_FILE_RENAMED,
};

bool event_form_type(uint8_t type, enum event_type *out)
{
    if (type < TRUEFTP_FILE_UPLOADED || type > TRUEFTP_FILE_RENAMED)
        return false;
    *out = (enum event_type)types[type];
    return true;
}

/* -------- forms -------- */

static bool is_account(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return s.len >= 1 && s.len <= TRUEFTP_ACCOUNT_MAX;
}

static bool is_text(struct slice s)
{
    return s.len <= TRUEFTP_TEXT_MAX;
}

static bool is_path(struct slice s)
{
    return s.len == 0 || (s.p[0] == '/' && s.len <= TRUEFTP_PATH_MAX);
}

static bool is_address(struct slice s)
{
    unsigned char bytes[16];
    return s.len == 0 || inet_pton(AF_INET, s.p, bytes) == 1 || inet_pton(AF_INET6, s.p, bytes) == 1;
}

static bool is_hex(struct slice s, size_t at, size_t len)
{
    bool zero = true;
    for (size_t i = at; i < at + len; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        zero = zero && c == '0';
    }
    return !zero || len == 2;
}

/* 00-<32 hex>-<16 hex>-<2 hex>, ids not zero. https://www.w3.org/TR/trace-context/#traceparent-header */
static bool is_traceparent(struct slice s)
{
    return s.len == 0 || (s.len == 55 && memcmp(s.p, "00-", 3) == 0 && s.p[35] == '-' && s.p[52] == '-' && is_hex(s, 3, 32) &&
                          is_hex(s, 36, 16) && is_hex(s, 53, 2));
}

/* -------- the event -------- */

static const struct {
    size_t offset;
    enum spool_field field;
    bool (*fits)(struct slice s);
    const char *name;
} members[] = {
    {offsetof(struct trueftp_event, account_id), SPOOL_ACCOUNT_ID, is_account, "account_id"},
    {offsetof(struct trueftp_event, path), SPOOL_PATH, is_path, "path"},
    {offsetof(struct trueftp_event, username), SPOOL_USERNAME, is_text, "username"},
    {offsetof(struct trueftp_event, client_ip), SPOOL_CLIENT_IP, is_address, "client_ip"},
    {offsetof(struct trueftp_event, home), SPOOL_HOME, is_text, "home"},
    {offsetof(struct trueftp_event, protocol), SPOOL_PROTOCOL, is_text, "protocol"},
    {offsetof(struct trueftp_event, session_id), SPOOL_SESSION_ID, is_text, "session_id"},
    {offsetof(struct trueftp_event, frontend), SPOOL_FRONTEND, is_text, "frontend"},
    {offsetof(struct trueftp_event, suspect), SPOOL_SUSPECT, is_text, "suspect"},
    {offsetof(struct trueftp_event, renamed_from), SPOOL_RENAMED_FROM, is_path, "renamed_from"},
    {offsetof(struct trueftp_event, traceparent), SPOOL_TRACEPARENT, is_traceparent, "traceparent"},
};

static const char *check_texts(const struct trueftp_event *event, struct spool_event *out)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *text;
        memcpy(&text, (const char *)event + members[i].offset, sizeof(text));
        struct slice s = slice_str(text);
        if (!members[i].fits(s))
            return members[i].name;
        out->fields[members[i].field] = s;
    }
    return NULL;
}

/* Which members an event of this type needs. */
static const char *check_needed(const struct spool_event *ev)
{
    bool has_path = ev->fields[SPOOL_PATH].len > 0;
    if (has_path == (ev->type == TRUEFTP_USER_CREATED))
        return "path";
    if (ev->type == TRUEFTP_USER_CREATED && ev->fields[SPOOL_USERNAME].len == 0)
        return "username";
    if (ev->type == TRUEFTP_FILE_RENAMED && ev->fields[SPOOL_RENAMED_FROM].len == 0)
        return "renamed_from";
    return NULL;
}

static const char *check_id(const char *text, struct spool_event *out, bool *has_id)
{
    *has_id = text && *text;
    return *has_id && uuid_parse(slice_str(text), &out->id) != ERR_OK ? "event_id" : NULL;
}

const char *event_form_check(const struct trueftp_event *event, struct spool_event *out, bool *has_id)
{
    *out = (struct spool_event){0};
    if (!event || event->struct_size < sizeof(*event))
        return "struct_size";
    if (event->type < TRUEFTP_FILE_UPLOADED || event->type > TRUEFTP_FILE_RENAMED)
        return "type";
    if (event->size_bytes < -1)
        return "size_bytes";
    if (event->time_ms < 0 || event->time_ms > MAX_TIME_MS)
        return "time_ms";
    out->type = (uint8_t)event->type;
    out->size_bytes = event->size_bytes;
    out->time_wall_ms = event->time_ms;
    out->time_has_ms = event->time_ms % 1000 != 0;
    const char *wrong = check_texts(event, out);
    if (!wrong)
        wrong = check_needed(out);
    return wrong ? wrong : check_id(event->event_id, out, has_id);
}

static int64_t wall_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) == 0 ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 : -1;
}

/* RFC 9562, 5.7. */
static bool make_id(struct uuid *id, int64_t now_ms)
{
    ssize_t got;
    do
        got = getrandom(id->bytes, sizeof id->bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof id->bytes)
        return false;
    for (int i = 5; i >= 0; i--, now_ms >>= 8)
        id->bytes[i] = (uint8_t)now_ms;
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x70);
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
    return true;
}

bool event_form_complete(struct spool_event *ev, bool has_id)
{
    int64_t now_ms = wall_ms();
    if (now_ms < 0)
        return false;
    if (ev->time_wall_ms == 0) {
        ev->time_wall_ms = now_ms;
        ev->time_has_ms = true;
    }
    return has_id || make_id(&ev->id, now_ms);
}

void event_form_fields(const struct spool_event *ev, struct event_fields *out)
{
    *out = (struct event_fields){
        .id = ev->id,
        .type = (enum event_type)types[ev->type],
        .time_wall_ms = ev->time_wall_ms,
        .time_has_ms = ev->time_has_ms,
        .account_id = ev->fields[SPOOL_ACCOUNT_ID],
        .path = ev->fields[SPOOL_PATH],
        .size_bytes = ev->size_bytes,
        .username = ev->fields[SPOOL_USERNAME],
        .client_ip = ev->fields[SPOOL_CLIENT_IP],
        .protocol = ev->fields[SPOOL_PROTOCOL],
        .session_id = ev->fields[SPOOL_SESSION_ID],
        .frontend = ev->fields[SPOOL_FRONTEND],
        .suspect = ev->fields[SPOOL_SUSPECT],
        .renamed_from = ev->fields[SPOOL_RENAMED_FROM],
        .home = ev->fields[SPOOL_HOME],
    };
}
