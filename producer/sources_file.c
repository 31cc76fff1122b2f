#include "producer/sources_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/include/trueftp_producer.h"
#include "producer/line_spool.h"
#include "util/file.h"
#include "util/mem.h"

#define FILE_MAX_BYTES (1024 * 1024)
#define SOCKET_PATH_MAX 107 /* what the system allows */
#define SPOOL_SECTION "spool"

static const char default_suffixes[] = ".part .partial .tmp .temp .filepart .crdownload .uploading .upload .!ut";

/* Sets one key; NULL: done, else what is wrong with the value. why is used for messages that need more words. */
typedef const char *set_fn(struct source_config *c, const char *value, struct errmsg *why);

static void replace(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

static const char *set_format(struct source_config *c, const char *value, struct errmsg *why)
{
    c->format = source_find(value);
    c->is_users = strcmp(value, "users") == 0;
    if (c->format || c->is_users)
        return NULL;
    (void)errmsg_set(why, ERR_INVALID, "no such format; there are: %s, users", source_names());
    return why->text;
}

static const char *set_path(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    size_t len = strlen(value);
    if (value[0] != '/' || value[len - 1] == '/')
        return "must be the absolute path of a file";
    replace(&c->path, value);
    return NULL;
}

static const char *set_account(struct source_config *c, const char *value, struct errmsg *why)
{
    struct account_rule *rule = NULL;
    if (account_rule_parse(value, &rule, why) != ERR_OK)
        return why->text;
    account_rule_free(c->account);
    c->account = rule;
    return NULL;
}

static const char *set_host(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    if (value[0] == '\0' || strlen(value) > 255)
        return "must have 1 to 255 characters";
    replace(&c->host, value);
    return NULL;
}

static const char *set_start(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    c->from_end = strcmp(value, "end") == 0;
    return c->from_end || strcmp(value, "beginning") == 0 ? NULL : "must be beginning or end";
}

static const char *set_folder(char **field, const char *value)
{
    size_t len = strlen(value);
    if (value[0] != '/' || len < 2 || value[len - 1] == '/')
        return "must be an absolute path without a / at its end";
    replace(field, value);
    return NULL;
}

static const char *set_path_prefix(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    return set_folder(&c->path_prefix, value);
}

static const char *set_root(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    return set_folder(&c->root, value);
}

static void drop_suffixes(struct source_config *c)
{
    while (c->suffix_count > 0)
        free(c->suffixes[--c->suffix_count]);
}

static const char *set_suffixes(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    drop_suffixes(c);
    for (const char *at = value + strspn(value, " \t"); *at; at += strspn(at, " \t")) {
        size_t len = strcspn(at, " \t");
        if (c->suffix_count == SOURCE_MAX_SUFFIXES)
            return "has more than 32 suffixes";
        c->suffixes[c->suffix_count++] = mem_dup(at, len);
        at += len;
    }
    return NULL;
}

static const char *set_bool(bool *field, const char *value)
{
    *field = strcmp(value, "1") == 0;
    return *field || strcmp(value, "0") == 0 ? NULL : "must be 0 or 1";
}

static const char *set_announce_temporary(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    return set_bool(&c->announce_temporary, value);
}

static const char *set_announce_renames(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    return set_bool(&c->announce_renames, value);
}

static const char *set_suspect(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    c->hold = strcmp(value, "hold") == 0;
    c->suspect = c->hold || strcmp(value, "flag") == 0;
    return c->suspect || strcmp(value, "emit") == 0 ? NULL : "must be flag, emit or hold";
}

/* A number of `base` within bounds. */
static const char *set_number(int64_t *field, const char *value, int base, int64_t min, int64_t max, struct errmsg *why)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, base);
    if (*end != '\0' || end == value || errno != 0 || number < min || number > max) {
        (void)errmsg_set(why, ERR_INVALID,
                         base == 8 ? "must be an octal number from %llo to %llo" : "must be a number from %lld to %lld",
                         (long long)min, (long long)max);
        return why->text;
    }
    *field = number;
    return NULL;
}

static const char *set_suspect_window(struct source_config *c, const char *value, struct errmsg *why)
{
    return set_number(&c->suspect_window_ms, value, 10, 1, 10000, why);
}

static const char *set_hold_ms(struct source_config *c, const char *value, struct errmsg *why)
{
    return set_number(&c->hold_ms, value, 10, 1000, 86400000, why);
}

static const char *set_hold_end(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    c->hold_drops = strcmp(value, "drop") == 0;
    return c->hold_drops || strcmp(value, "emit") == 0 ? NULL : "must be emit or drop";
}

static const char *set_socket(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    size_t len = strlen(value);
    if (value[0] != '/' || value[len - 1] == '/' || len > SOCKET_PATH_MAX)
        return "must be an absolute path of at most 107 bytes";
    replace(&c->socket, value);
    return NULL;
}

static const char *set_socket_type(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    c->socket_datagram = strcmp(value, "datagram") == 0;
    return c->socket_datagram || strcmp(value, "stream") == 0 ? NULL : "must be stream or datagram";
}

static const char *set_socket_mode(struct source_config *c, const char *value, struct errmsg *why)
{
    int64_t mode = 0;
    const char *wrong = set_number(&mode, value, 8, 0, 0777, why);
    c->socket_mode = wrong ? c->socket_mode : (unsigned)mode;
    return wrong;
}

static const char *set_spool_max(struct source_config *c, const char *value, struct errmsg *why)
{
    return set_number(&c->spool_max_bytes, value, 10, 1024 * 1024, INT64_MAX / 2, why);
}

static const char *set_users_format(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    c->users = users_format_find(value);
    return c->users != USERS_NONE ? NULL : "must be proftpd, pureftpd, vsftpd or passwd";
}

static const char *set_group_file(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    return set_folder(&c->group_file, value) ? "must be the absolute path of a file" : NULL;
}

static const char *set_uid_min(struct source_config *c, const char *value, struct errmsg *why)
{
    return set_number(&c->uid_min, value, 10, 0, UINT32_MAX, why);
}

static const char *set_uid_max(struct source_config *c, const char *value, struct errmsg *why)
{
    return set_number(&c->uid_max, value, 10, 0, UINT32_MAX, why);
}

static const struct {
    const char *key;
    set_fn *set;
} keys[] = {
    {"format", set_format},
    {"path", set_path},
    {"account", set_account},
    {"host", set_host},
    {"start", set_start},
    {"path_prefix", set_path_prefix},
    {"root", set_root},
    {"temporary_suffixes", set_suffixes},
    {"announce_temporary", set_announce_temporary},
    {"announce_renames", set_announce_renames},
    {"suspect", set_suspect},
    {"suspect_window_ms", set_suspect_window},
    {"suspect_hold_ms", set_hold_ms},
    {"suspect_hold_end", set_hold_end},
    {"socket", set_socket},
    {"socket_type", set_socket_type},
    {"socket_mode", set_socket_mode},
    {"spool_max_bytes", set_spool_max},
    {"users_format", set_users_format},
    {"group_file", set_group_file},
    {"uid_min", set_uid_min},
    {"uid_max", set_uid_max},
};

struct source_config *source_config_new(const char *name)
{
    struct source_config *c = mem_zalloc(sizeof(*c));
    char host[256] = "localhost";
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    c->name = mem_strdup(name);
    c->host = mem_strdup(host);
    c->announce_temporary = true;
    c->suspect = true;
    c->suspect_window_ms = 2;
    c->hold_ms = 60 * 1000;
    c->socket_mode = 0660;
    c->spool_max_bytes = 1024LL * 1024 * 1024;
    c->uid_min = 1000;
    c->uid_max = 59999; /* Debian's bounds of ordinary users */
    (void)set_suffixes(c, default_suffixes, NULL);
    return c;
}

struct source_options source_config_options(const struct source_config *c)
{
    return (struct source_options){.suspect_window_ms = c->suspect ? c->suspect_window_ms : 0,
                                   .hold_ms = c->hold ? c->hold_ms : 0};
}

void source_config_free(struct source_config *c)
{
    if (!c)
        return;
    drop_suffixes(c);
    account_rule_free(c->account);
    free(c->name);
    free(c->path);
    free(c->host);
    free(c->path_prefix);
    free(c->root);
    free(c->socket);
    free(c->group_file);
    free(c);
}

void sources_done(struct sources *s)
{
    while (s->count > 0)
        source_config_free(s->list[--s->count]);
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static const char *begin_section(struct sources *s, char *name)
{
    size_t len = strlen(name);
    if (len < 1 || len > SOURCE_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
        return "a source's name has 1 to 32 of a-z, 0-9 and -";
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->list[i]->name, name) == 0)
            return "another source has this name";
    }
    if (s->count == SOURCES_MAX)
        return "more than 64 sources";
    s->list[s->count++] = source_config_new(name);
    return NULL;
}

static const char *set_key(struct sources *s, char *line, struct errmsg *why)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return "neither [name] nor key = value";
    if (s->count == 0)
        return "a key before the first [name]";
    *equals = '\0';
    char *key = trim(line);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].set(s->list[s->count - 1], trim(equals + 1), why);
    }
    return "no such key";
}

static const char *take_line(struct sources *s, char *line, struct errmsg *why)
{
    line = trim(line);
    size_t len = strlen(line);
    if (len == 0 || line[0] == '#' || line[0] == ';')
        return NULL;
    if (line[0] != '[')
        return set_key(s, line, why);
    if (line[len - 1] != ']')
        return "[ without ]";
    line[len - 1] = '\0';
    return begin_section(s, line + 1);
}

/* NULL: all is there. */
static const char *missing_key(const struct source_config *c)
{
    if (c->is_users && c->users == USERS_NONE)
        return "users_format";
    return !c->format && !c->is_users ? "format" : !c->path && !c->socket ? "path" : !c->account ? "account" : NULL;
}

static const char *users_contradiction(const struct source_config *c)
{
    if (account_rule_is_record(c->account))
        return "has account = record, but a file of users says nothing of accounts";
    if (account_rule_is_group(c->account) && (!c->group_file || c->users == USERS_VSFTPD))
        return "has account = group, which needs a users_format with group ids, and group_file";
    return NULL;
}

/* What is there but does not fit together; NULL: nothing. */
static const char *contradiction(const struct source_config *c)
{
    if (c->path && c->socket)
        return "has path and socket; one of them is meant";
    if (c->socket && c->format != &source_jsonl)
        return "has a socket, which needs format = jsonl";
    if (c->users != USERS_NONE && !c->is_users)
        return "has users_format, which needs format = users";
    if (c->is_users && users_contradiction(c))
        return users_contradiction(c);
    if (c->hold && (!c->format || !c->format->can_hold))
        return "has suspect = hold, but this format does not tell suspect uploads from others";
    if (c->host[0] == '\0')
        return "needs host=, this machine has no name";
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static enum err check_complete(const char *path, const struct sources *s, struct errmsg *why)
{
    if (s->count == 0)
        return errmsg_set(why, ERR_INVALID, "%s: no source in it", path);
    for (size_t i = 0; i < s->count; i++) {
        const struct source_config *c = s->list[i];
        const char *missing = missing_key(c);
        if (missing)
            return errmsg_set(why, ERR_INVALID, "%s: [%s] has no %s", path, c->name, missing);
        const char *wrong = contradiction(c);
        if (wrong)
            return errmsg_set(why, ERR_INVALID, "%s: [%s] %s", path, c->name, wrong);
        for (size_t j = 0; j < i; j++) {
            if (same_text(s->list[j]->path, c->path) || same_text(s->list[j]->socket, c->socket))
                return errmsg_set(why, ERR_INVALID, "%s: [%s] and [%s] have one path", path, s->list[j]->name, c->name);
        }
    }
    return ERR_OK;
}

void sources_place_spools(struct sources *s, const char *data_dir)
{
    for (size_t i = 0; i < s->count; i++) {
        struct source_config *c = s->list[i];
        if (!c->socket)
            continue;
        size_t size = strlen(data_dir) + strlen(c->name) + sizeof("/.spool/" LINE_SPOOL_FILE);
        free(c->path);
        c->path = mem_alloc(size);
        snprintf(c->path, size, "%s/%s.spool/" LINE_SPOOL_FILE, data_dir, c->name);
    }
}

/* What a program says happened is announced as it said it: no prefix, no second thoughts about renames and temporary names. */
void sources_add_spool(struct sources *s, const char *data_dir)
{
    struct errmsg why;
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->list[i]->name, SPOOL_SECTION) == 0)
            return;
    }
    if (s->count == SOURCES_MAX)
        return;
    struct source_config *c = source_config_new(SPOOL_SECTION);
    size_t size = strlen(data_dir) + sizeof("/" SPOOL_SECTION "/" TRUEFTP_SPOOL_FILE);
    c->format = &source_spool;
    c->path = mem_alloc(size);
    snprintf(c->path, size, "%s/" SPOOL_SECTION "/" TRUEFTP_SPOOL_FILE, data_dir);
    check(account_rule_parse("record", &c->account, &why) == ERR_OK);
    c->announce_renames = true;
    drop_suffixes(c);
    s->list[s->count++] = c;
}

enum err sources_parse(const char *path, struct slice text, struct sources *out, struct errmsg *why)
{
    *out = (struct sources){0};
    if (text.len > 0 && memchr(text.p, '\0', text.len))
        return errmsg_set(why, ERR_INVALID, "%s: has a NUL byte; is it a text file?", path);
    char *copy = mem_dup(text.p, text.len);
    char *line = copy;
    const char *wrong = NULL;
    struct errmsg detail = {""};
    int number = 0;
    while (line && !wrong) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        number++;
        wrong = take_line(out, line, &detail);
        if (wrong)
            (void)errmsg_set(why, ERR_INVALID, "%s: line %d: %s: %s", path, number, trim(line), wrong);
        line = end ? end + 1 : NULL;
    }
    enum err err = wrong ? ERR_INVALID : check_complete(path, out, why);
    free(copy);
    if (err != ERR_OK)
        sources_done(out);
    return err;
}

enum err sources_load(const char *path, struct sources *out, struct errmsg *why)
{
    struct buf text;
    buf_init(&text, FILE_MAX_BYTES);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK)
        err = sources_parse(path, buf_slice(&text), out, why);
    buf_done(&text);
    return err;
}
