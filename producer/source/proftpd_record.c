#include "producer/source/proftpd_record.h"

#include <string.h>

#include "producer/source/text.h"

enum {
    FIELD_MARKER,
    FIELD_TIME,
    FIELD_PID,
    FIELD_PROTOCOL,
    FIELD_ADDRESS,
    FIELD_COMMAND,
    FIELD_CODE,
    FIELD_STATUS,
    FIELD_BYTES,
    FIELD_FILE_OFFSET,
    FIELD_FILE_SIZE,
    FIELD_MODIFIED,
    FIELD_REASON,
    FIELD_GROUP,
    FIELD_USER,
    FIELD_PATH,
    FIELD_COUNT
};

static const char marker[] = "@WH1\t";
static const char end_mark[] = "//\n";
#define MARKER_LEN (sizeof(marker) - 1)
#define END_LEN (sizeof(end_mark) - 1)

static bool starts_with_marker(const char *p, size_t len)
{
    return len >= MARKER_LEN && memcmp(p, marker, MARKER_LEN) == 0;
}

/* Length up to and with the first `//` LF; 0: there is none. A LF alone may stand in a path. */
static size_t find_end(struct slice bytes)
{
    const char *from = bytes.p;
    const char *stop = bytes.p + bytes.len;
    while (from < stop) {
        const char *lf = memchr(from, '\n', (size_t)(stop - from));
        if (!lf)
            return 0;
        if (lf - bytes.p >= 2 && lf[-1] == '/' && lf[-2] == '/')
            return (size_t)(lf - bytes.p) + 1;
        from = lf + 1;
    }
    return 0;
}

size_t proftpd_frame(struct slice bytes)
{
    if (bytes.len > PROFTPD_MAX_FRAME_BYTES)
        bytes.len = PROFTPD_MAX_FRAME_BYTES;
    size_t len = find_end(bytes);
    if (len > 0 && len <= PROFTPD_BUFFER_BYTES)
        return len;
    /* Longer than the server's buffer: the next record was glued to a cut one. */
    if (bytes.len >= PROFTPD_BUFFER_BYTES + MARKER_LEN &&
        starts_with_marker(bytes.p + PROFTPD_BUFFER_BYTES, bytes.len - PROFTPD_BUFFER_BYTES))
        return PROFTPD_BUFFER_BYTES;
    if (len == 0 && bytes.len == PROFTPD_MAX_FRAME_BYTES)
        return bytes.len;
    return len;
}

static bool split(struct slice body, struct slice fields[FIELD_COUNT])
{
    const char *from = body.p;
    const char *stop = body.p + body.len;
    for (int i = 0; i < FIELD_PATH; i++) {
        const char *tab = memchr(from, '\t', (size_t)(stop - from));
        if (!tab)
            return false;
        fields[i] = slice_of(from, (size_t)(tab - from));
        from = tab + 1;
    }
    fields[FIELD_PATH] = slice_of(from, (size_t)(stop - from));
    return true;
}

static bool number_or_dash(struct slice s, int64_t *out)
{
    if (s.len == 1 && s.p[0] == '-') {
        *out = -1;
        return true;
    }
    return text_number(s, out);
}

/* seconds "." six digits */
static bool parse_time(struct slice s, int64_t *us)
{
    const char *dot = s.len > 0 ? memchr(s.p, '.', s.len) : NULL;
    if (!dot)
        return false;
    size_t whole = (size_t)(dot - s.p);
    int64_t seconds, fraction;
    if (whole > 11 || s.len - whole - 1 != 6 || !text_number(slice_of(s.p, whole), &seconds) ||
        !text_number(slice_of(dot + 1, 6), &fraction))
        return false;
    *us = seconds * 1000000 + fraction;
    return true;
}

static bool is_address(struct slice s)
{
    if (s.len < 2 || s.len > 45)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' || c == ':'))
            return false;
    }
    return true;
}

static enum proftpd_command command_of(struct slice s)
{
    static const struct {
        struct slice name;
        enum proftpd_command command;
    } names[] = {
        {{"STOR", 4}, PROFTPD_UPLOAD}, {{"RETR", 4}, PROFTPD_DOWNLOAD}, {{"EXIT", 4}, PROFTPD_EXIT},
        {{"DELE", 4}, PROFTPD_DELETE}, {{"RNFR", 4}, PROFTPD_RNFR},     {{"RNTO", 4}, PROFTPD_RNTO},
        {{"MKD", 3}, PROFTPD_MKDIR},   {{"RMD", 3}, PROFTPD_RMDIR},     {{"APPE", 4}, PROFTPD_UPLOAD},
        {{"STOU", 4}, PROFTPD_UPLOAD}, {{"XMKD", 4}, PROFTPD_MKDIR},    {{"XRMD", 4}, PROFTPD_RMDIR},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_eq(names[i].name, s))
            return names[i].command;
    }
    return PROFTPD_OTHER;
}

static bool parse_numbers(const struct slice f[FIELD_COUNT], struct proftpd_record *out)
{
    int64_t pid, code;
    if (!text_number(f[FIELD_PID], &pid) || !number_or_dash(f[FIELD_CODE], &code) || code > 999)
        return false;
    out->pid = (uint64_t)pid;
    out->code = (int)code;
    return number_or_dash(f[FIELD_BYTES], &out->bytes) && number_or_dash(f[FIELD_FILE_OFFSET], &out->file_offset) &&
           number_or_dash(f[FIELD_FILE_SIZE], &out->file_size);
}

bool proftpd_record_parse(struct slice frame, struct proftpd_record *out, enum source_reason *bad)
{
    struct slice f[FIELD_COUNT];
    *bad = SOURCE_NO_MARKER;
    if (!starts_with_marker(frame.p, frame.len))
        return false;
    *bad = SOURCE_OVERLONG;
    if (frame.len > PROFTPD_BUFFER_BYTES || frame.len < END_LEN || memcmp(frame.p + frame.len - END_LEN, end_mark, END_LEN) != 0)
        return false;
    *bad = SOURCE_FIELDS;
    if (!split(slice_of(frame.p, frame.len - END_LEN), f))
        return false;
    *bad = SOURCE_TIME;
    if (!parse_time(f[FIELD_TIME], &out->time_us))
        return false;
    *bad = SOURCE_NUMBER;
    if (!parse_numbers(f, out))
        return false;
    *bad = SOURCE_ADDRESS;
    if (!is_address(f[FIELD_ADDRESS]))
        return false;
    out->pid_text = f[FIELD_PID];
    out->protocol = f[FIELD_PROTOCOL];
    out->address = f[FIELD_ADDRESS];
    out->command = command_of(f[FIELD_COMMAND]);
    out->status = f[FIELD_STATUS];
    out->reason = f[FIELD_REASON];
    out->group = f[FIELD_GROUP];
    out->user = f[FIELD_USER];
    out->path = f[FIELD_PATH];
    return true;
}
