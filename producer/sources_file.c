#include "producer/sources_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

#define FILE_MAX_BYTES (1024 * 1024)

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
    if (c->format)
        return NULL;
    (void)errmsg_set(why, ERR_INVALID, "no such format; there are: %s", source_names());
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
    c->suspect = strcmp(value, "flag") == 0;
    return c->suspect || strcmp(value, "emit") == 0 ? NULL : "must be flag or emit";
}

static const char *set_suspect_window(struct source_config *c, const char *value, struct errmsg *why)
{
    (void)why;
    char *end;
    long ms = strtol(value, &end, 10);
    if (*end != '\0' || end == value || ms < 1 || ms > 10000)
        return "must be a number from 1 to 10000 (milliseconds)";
    c->suspect_window_ms = ms;
    return NULL;
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
    (void)set_suffixes(c, default_suffixes, NULL);
    return c;
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

static enum err check_complete(const char *path, const struct sources *s, struct errmsg *why)
{
    if (s->count == 0)
        return errmsg_set(why, ERR_INVALID, "%s: no source in it", path);
    for (size_t i = 0; i < s->count; i++) {
        const struct source_config *c = s->list[i];
        const char *missing = !c->format ? "format" : !c->path ? "path" : !c->account ? "account" : NULL;
        if (missing)
            return errmsg_set(why, ERR_INVALID, "%s: [%s] has no %s", path, c->name, missing);
        if (c->host[0] == '\0')
            return errmsg_set(why, ERR_INVALID, "%s: [%s] needs host=, this machine has no name", path, c->name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(s->list[j]->path, c->path) == 0)
                return errmsg_set(why, ERR_INVALID, "%s: [%s] and [%s] have one path", path, s->list[j]->name, c->name);
        }
    }
    return ERR_OK;
}

enum err sources_parse(const char *path, struct slice text, struct sources *out, struct errmsg *why)
{
    *out = (struct sources){0};
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
