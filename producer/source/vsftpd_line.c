#include "producer/source/vsftpd_line.h"

#include <string.h>

#include "producer/source/text.h"

#define TIME_LEN 24 /* Mon Nov 23 20:40:24 2026 */

static const struct slice client_mark = {": Client \"", 10};

/* What the server says a session did: with OK or FAIL before it, or without. */
static const struct {
    struct slice name;
    bool result;
    enum vsftpd_action action;
} actions[] = {
    {{"UPLOAD", 6}, true, VSFTPD_UPLOAD},       {{"DOWNLOAD", 8}, true, VSFTPD_DOWNLOAD},
    {{"DELETE", 6}, true, VSFTPD_DELETE},       {{"MKDIR", 5}, true, VSFTPD_MKDIR},
    {{"RMDIR", 5}, true, VSFTPD_RMDIR},         {{"RENAME", 6}, true, VSFTPD_RENAME},
    {{"CHMOD", 5}, true, VSFTPD_OTHER},         {{"LOGIN", 5}, true, VSFTPD_OTHER},
    {{"FTP command", 11}, false, VSFTPD_OTHER}, {{"FTP response", 12}, false, VSFTPD_OTHER},
    {{"CONNECT", 7}, false, VSFTPD_OTHER},      {{"DEBUG", 5}, false, VSFTPD_OTHER},
};
#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static bool parse_time(struct slice s, int64_t *wall_ms)
{
    if (s.len < TIME_LEN || s.p[3] != ' ' || s.p[7] != ' ' || s.p[10] != ' ' || s.p[19] != ' ')
        return false;
    return text_time(s.p + 20, s.p + 4, s.p + 8, s.p + 11, NULL, wall_ms);
}

/* Takes an action off the end of text, with its OK or FAIL. */
static bool take_action(struct slice *text, enum vsftpd_action *action)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        struct slice rest = *text;
        if (!text_take_end(&rest, actions[i].name))
            continue;
        bool ok = actions[i].result && text_take_end(&rest, SLICE("OK "));
        if (actions[i].result && !ok && !text_take_end(&rest, SLICE("FAIL ")))
            continue;
        *action = ok ? actions[i].action : VSFTPD_OTHER;
        *text = rest;
        return true;
    }
    return false;
}

/* The first `] ACTION: Client "` of text: what stands before its `]`, and what behind it. */
static bool find_action(struct slice text, struct slice *before, enum vsftpd_action *action, struct slice *after)
{
    const char *from = text.p, *stop = text.p + text.len, *at;
    while (from < stop && (at = memmem(from, (size_t)(stop - from), client_mark.p, client_mark.len))) {
        *before = slice_of(text.p, (size_t)(at - text.p));
        from = at + client_mark.len;
        *after = slice_of(from, (size_t)(stop - from));
        if (take_action(before, action) && text_take_end(before, SLICE("] ")))
            return true;
    }
    return false;
}

/* `, 1234 bytes, 25.47Kbyte/sec`, without the bytes where there were none. */
static bool take_transfer(struct slice *text, int64_t *size_bytes)
{
    int64_t fraction, whole;
    if (!text_take_end(text, SLICE("Kbyte/sec")) || !text_take_end_number(text, &fraction) || !text_take_end(text, SLICE(".")) ||
        !text_take_end_number(text, &whole) || !text_take_end(text, SLICE(", ")))
        return false;
    *size_bytes = 0;
    return !text_take_end(text, SLICE(" bytes")) || (text_take_end_number(text, size_bytes) && text_take_end(text, SLICE(", ")));
}

/* What stands behind `Client "`. */
static bool parse_what(struct slice text, struct vsftpd_line *out, enum source_reason *bad)
{
    *bad = SOURCE_ADDRESS;
    if (!text_take_until(&text, '"', &out->address) || !text_is_address(out->address))
        return false;
    *bad = SOURCE_NUMBER;
    out->size_bytes = -1;
    if ((out->action == VSFTPD_UPLOAD || out->action == VSFTPD_DOWNLOAD) && !take_transfer(&text, &out->size_bytes))
        return false;
    *bad = SOURCE_PATH;
    if (!text_take(&text, SLICE(", \"")) || !text_take_end(&text, SLICE("\"")) || text.len == 0 || text.p[0] != '/')
        return false;
    out->path = text;
    return true;
}

/* Without a user: before it is known. The text behind `Client "` may be a client's then; it is of no interest. */
static bool is_before_login(struct slice text)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        struct slice rest = text;
        if (!actions[i].result && text_take(&rest, actions[i].name) && text_take(&rest, client_mark))
            return true;
    }
    return false;
}

static bool parse_session(struct slice text, struct vsftpd_line *out, enum source_reason *bad)
{
    struct slice after, again, end;
    enum vsftpd_action action;
    *bad = SOURCE_FIELDS;
    if (!text_take(&text, SLICE("[")) || !find_action(text, &out->user, &out->action, &after))
        return false;
    *bad = SOURCE_FORGED;
    if (find_action(after, &again, &action, &end))
        return false;
    if (out->action == VSFTPD_OTHER)
        return true;
    *bad = SOURCE_FIELDS; /* a bracket in the name of somebody who is logged in: half a record, more likely */
    if (out->user.len == 0 || memchr(out->user.p, '[', out->user.len) || memchr(out->user.p, ']', out->user.len))
        return false;
    return parse_what(after, out, bad);
}

bool vsftpd_line_parse(struct slice line, struct vsftpd_line *out, enum source_reason *bad)
{
    int64_t pid;
    *bad = SOURCE_TIME;
    if (!parse_time(line, &out->time_wall_ms))
        return false;
    struct slice text = slice_of(line.p + TIME_LEN, line.len - TIME_LEN);
    *bad = SOURCE_NO_MARKER;
    if (!text_take(&text, SLICE(" [pid ")) || !text_take_until(&text, ']', &out->pid_text) || !text_take(&text, SLICE(" ")))
        return false;
    *bad = SOURCE_NUMBER;
    if (!text_number(out->pid_text, &pid))
        return false;
    out->pid = (uint64_t)pid;
    out->action = VSFTPD_OTHER;
    return is_before_login(text) || parse_session(text, out, bad);
}
