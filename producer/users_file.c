#include "producer/users_file.h"

#include "producer/source/text.h"

#define MAX_FIELDS 7

static const char *const names[USERS_FORMAT_COUNT] = {[USERS_NONE] = "",
                                                      [USERS_PROFTPD] = "proftpd",
                                                      [USERS_PUREFTPD] = "pureftpd",
                                                      [USERS_VSFTPD] = "vsftpd",
                                                      [USERS_PASSWD] = "passwd"};

enum users_format users_format_find(const char *name)
{
    for (int i = USERS_PROFTPD; i < USERS_FORMAT_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum users_format)i;
    }
    return USERS_NONE;
}

const char *users_format_name(enum users_format format)
{
    return names[format];
}

const char *users_alarm_name(enum users_alarm alarm)
{
    static const char *const alarms[USERS_ALARM_COUNT] = {"empty", "unreadable", "malformed"};
    return alarms[alarm];
}

/* Without the LF, and a CR before it. */
static struct slice take_line(struct slice *rest)
{
    const char *lf = memchr(rest->p, '\n', rest->len);
    size_t len = lf ? (size_t)(lf - rest->p) : rest->len;
    struct slice line = slice_of(rest->p, len);
    *rest = slice_of(rest->p + len + (lf ? 1 : 0), rest->len - len - (lf ? 1 : 0));
    if (line.len > 0 && line.p[line.len - 1] == '\r')
        line.len--;
    return line;
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_of(s.p + 1, s.len - 1);
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* The first MAX_FIELDS parts between colons; the last of them is cut off at its colon, too. */
static size_t split(struct slice line, struct slice fields[MAX_FIELDS])
{
    size_t count = 0;
    while (count < MAX_FIELDS) {
        const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
        size_t len = colon ? (size_t)(colon - line.p) : line.len;
        fields[count++] = slice_of(line.p, len);
        if (!colon)
            break;
        line = slice_of(colon + 1, line.len - len - 1);
    }
    return count;
}

/* pure-pw marks where the chroot ends by a `/./`. */
static struct slice without_mark(struct slice home)
{
    const char *mark = home.len > 0 ? memmem(home.p, home.len, "/./", 3) : NULL;
    return mark && mark > home.p ? slice_of(home.p, (size_t)(mark - home.p)) : home;
}

static bool name_ok(struct slice name)
{
    return name.len > 0 && name.len <= USERS_NAME_MAX && !memchr(name.p, '\0', name.len);
}

enum verdict { TAKEN, PASSED_OVER, MALFORMED };

static enum verdict read_fields(enum users_format format, int64_t uid_min, int64_t uid_max, struct slice line,
                                struct users_entry *out)
{
    struct slice f[MAX_FIELDS];
    int64_t uid, gid;
    size_t needed = format == USERS_PUREFTPD ? 6 : 7;
    if (format == USERS_PASSWD && (line.p[0] == '+' || line.p[0] == '-')) /* NIS */
        return PASSED_OVER;
    if (split(line, f) < needed || !name_ok(f[0]) || !text_number(f[2], &uid) || !text_number(f[3], &gid))
        return MALFORMED;
    if (format == USERS_PASSWD && (uid < uid_min || uid > uid_max))
        return PASSED_OVER;
    *out = (struct users_entry){.name = f[0], .gid = f[3], .home = format == USERS_PUREFTPD ? without_mark(f[5]) : f[5]};
    return TAKEN;
}

static enum verdict read_line(enum users_format format, int64_t uid_min, int64_t uid_max, struct slice line,
                              struct users_entry *out)
{
    if (format == USERS_VSFTPD)
        line = trim(line);
    if (line.len == 0 || line.p[0] == '#')
        return PASSED_OVER;
    if (format != USERS_VSFTPD)
        return read_fields(format, uid_min, uid_max, line, out);
    *out = (struct users_entry){.name = line};
    return name_ok(line) ? TAKEN : MALFORMED;
}

bool users_file_next(enum users_format format, int64_t uid_min, int64_t uid_max, struct slice *rest, struct users_entry *out,
                     size_t *malformed)
{
    while (rest->len > 0) {
        enum verdict verdict = read_line(format, uid_min, uid_max, take_line(rest), out);
        *malformed += verdict == MALFORMED;
        if (verdict == TAKEN)
            return true;
    }
    return false;
}

struct slice users_file_group(struct slice groups, struct slice gid)
{
    struct slice f[MAX_FIELDS];
    while (groups.len > 0) {
        if (split(take_line(&groups), f) >= 3 && gid.len > 0 && slice_eq(f[2], gid))
            return f[0];
    }
    return slice_of(NULL, 0);
}
