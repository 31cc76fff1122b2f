/* All texts are collected first (from the environment, the file, the defaults), then all are checked, then the settings are
 * filled in: a start that is refused leaves nothing behind. Values of strings are never quoted in messages, since some
 * hold passwords. */
#include "util/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/mem.h"

#define PREFIX "TRUEFTP_"

enum { FILE_MAX_BYTES = 1 << 20, NAME_MAX_BYTES = 64, SUGGEST_DISTANCE = 3 };

/* Where the value of each option was found. */
struct found {
    const char *text; /* NULL: not given */
    unsigned line;    /* of the file; 0: the environment */
};

struct loader {
    const struct config_table *table;
    struct found *found; /* one for each option */
    const char *path;    /* of the file, or NULL */
    struct buf file;     /* its bytes, cut into strings in place */
    struct errmsg *why;
};

static const struct config_option *find_option(const struct config_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->options[i].name, name) == 0)
            return &table->options[i];
    return NULL;
}

static bool known_elsewhere(const struct config_table *table, const char *name)
{
    for (const char *const *other = table->others; other && *other; other++)
        if (strcmp(*other, name) == 0)
            return true;
    return false;
}

/* Levenshtein's distance, in one row; names longer than a row's room are as far as can be. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1];
    size_t len = strlen(b);
    if (len > NAME_MAX_BYTES || strlen(a) > NAME_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t changed = diagonal + (a[i] != b[j]);
            size_t shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = changed < shorter ? changed : shorter;
        }
    }
    return row[len];
}

/* The option whose name is nearest, or NULL when none is near. */
static const char *suggestion(const struct config_table *table, const char *name)
{
    const char *best = NULL;
    size_t best_distance = SUGGEST_DISTANCE + 1;
    for (size_t i = 0; i < table->count; i++) {
        size_t d = distance(name, table->options[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = table->options[i].name;
        }
    }
    return best;
}

/* "the environment" or "FILE, line N" */
static const char *place(const struct loader *l, unsigned line, struct errmsg *out)
{
    if (line > 0)
        (void)errmsg_set(out, ERR_OK, "%.300s, line %u", l->path, line);
    else
        (void)errmsg_set(out, ERR_OK, "environment");
    return out->text;
}

static enum err unknown_name(const struct loader *l, const char *name, unsigned line)
{
    struct errmsg where;
    const char *near = suggestion(l->table, name);
    return errmsg_set(l->why, ERR_INVALID, "%s: unknown name %.64s%s%s%s", place(l, line, &where), name,
                      near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* Keeps a text unless one that goes before it is there; line 0 is the environment. */
static enum err keep(struct loader *l, const char *name, const char *text, unsigned line)
{
    const struct config_option *option = find_option(l->table, name);
    if (!option)
        return known_elsewhere(l->table, name) ? ERR_OK : unknown_name(l, name, line);
    struct found *found = &l->found[option - l->table->options];
    struct errmsg where;
    if (found->text && line > 0)
        return errmsg_set(l->why, ERR_INVALID, "%s: %s for the second time, first in line %u", place(l, line, &where), name,
                          found->line);
    *found = (struct found){text, line};
    return ERR_OK;
}

static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    char *end = s + strlen(s);
    while (end > s && strchr(" \t\r", end[-1]))
        *--end = '\0';
    return s;
}

static enum err take_line(struct loader *l, char *text, unsigned line)
{
    struct errmsg where;
    char *name = trim(text);
    if (*name == '\0' || *name == '#')
        return ERR_OK;
    char *equals = strchr(name, '=');
    if (!equals)
        return errmsg_set(l->why, ERR_INVALID, "%s: expected NAME=value", place(l, line, &where));
    *equals = '\0';
    return keep(l, trim(name), trim(equals + 1), line);
}

static enum err load_file(struct loader *l)
{
    enum err err = file_read(l->path, &l->file, l->why);
    if (err || l->file.len == 0)
        return err;
    if (memchr(l->file.p, '\0', l->file.len))
        return errmsg_set(l->why, ERR_INVALID, "%s: holds a NUL byte; a configuration file is text", l->path);
    char *next = l->file.p;
    for (unsigned line = 1; !err && next; line++) {
        char *text = strsep(&next, "\n");
        err = take_line(l, text, line);
    }
    return err;
}

/* The environment goes first; it is read after the file, over what that said. */
static enum err load_environment(struct loader *l, char *const *list)
{
    enum err err = ERR_OK;
    for (; !err && list && *list; list++) {
        const char *equals = strchr(*list, '=');
        if (strncmp(*list, PREFIX, strlen(PREFIX)) != 0 || !equals)
            continue;
        char *name = mem_dup(*list, (size_t)(equals - *list));
        err = keep(l, name, equals + 1, 0);
        free(name);
    }
    return err;
}

static enum err parse_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || strchr(" \t\n\v\f\r", *text) || errno)
        return ERR_INVALID;
    *out = value;
    return ERR_OK;
}

/* What an option accepts, for messages and --help. */
static void describe_bounds(const struct config_option *o, struct errmsg *out)
{
    if (o->type == CONFIG_INT)
        (void)errmsg_set(out, ERR_OK, "a whole number from %" PRId64 " to %" PRId64, o->min, o->max);
    else if (o->type == CONFIG_BOOL)
        (void)errmsg_set(out, ERR_OK, "0 or 1");
    else if (o->min > 0)
        (void)errmsg_set(out, ERR_OK, "a text of %" PRId64 " to %" PRId64 " bytes", o->min, o->max);
    else
        (void)errmsg_set(out, ERR_OK, "a text of at most %" PRId64 " bytes", o->max);
}

static bool fits(const struct config_option *o, const char *text)
{
    int64_t value = (int64_t)strlen(text);
    if (o->type == CONFIG_BOOL)
        return strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
    if (o->type == CONFIG_INT && parse_int(text, &value))
        return false;
    return value >= o->min && value <= o->max;
}

/* Settles on the text of one option, from the default when nothing was given, and checks it. */
static enum err settle(struct loader *l, size_t i)
{
    const struct config_option *o = &l->table->options[i];
    struct found *found = &l->found[i];
    struct errmsg where, bounds;
    if (!found->text && !o->fallback)
        return errmsg_set(l->why, ERR_INVALID, "%s is required (%s)", o->name, o->help);
    if (!found->text) {
        found->text = o->fallback;
        check(fits(o, found->text));
        return ERR_OK;
    }
    if (fits(o, found->text))
        return ERR_OK;
    describe_bounds(o, &bounds);
    if (o->type == CONFIG_STRING)
        return errmsg_set(l->why, ERR_INVALID, "%s: %s: expected %s, not %zu", place(l, found->line, &where), o->name,
                          bounds.text, strlen(found->text));
    return errmsg_set(l->why, ERR_INVALID, "%s: %s: expected %s, not \"%.32s\"", place(l, found->line, &where), o->name,
                      bounds.text, found->text);
}

static void fill(const struct config_option *o, const char *text, void *settings)
{
    void *field = (char *)settings + o->offset;
    int64_t value = 0;
    switch (o->type) {
    case CONFIG_STRING:
        *(char **)field = mem_strdup(text);
        return;
    case CONFIG_INT:
        check(parse_int(text, &value) == ERR_OK);
        *(int64_t *)field = value;
        return;
    case CONFIG_BOOL:
        *(bool *)field = *text == '1';
        return;
    }
}

static enum err load(struct loader *l, char *const *environ_list, void *settings)
{
    enum err err = l->path ? load_file(l) : ERR_OK;
    if (!err)
        err = load_environment(l, environ_list);
    for (size_t i = 0; !err && i < l->table->count; i++)
        err = settle(l, i);
    for (size_t i = 0; !err && i < l->table->count; i++)
        fill(&l->table->options[i], l->found[i].text, settings);
    return err;
}

static const char *program_name(char **argv)
{
    const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    return slash ? slash + 1 : argv[0] ? argv[0] : "trueftp";
}

static void print_help(const struct config_table *table, const char *summary, char **argv)
{
    printf("%s: %s\n\n", program_name(argv), summary);
    printf("Options:\n"
           "  --config FILE  read NAME=value lines; the environment goes before them\n"
           "  --help         print this\n"
           "  --version      print name and version\n\n"
           "Settings, as environment variables or lines of the file:\n");
    config_print(table, stdout);
}

/* What was asked for on the command line. */
struct arguments {
    bool help, version, config_without_file;
    const char *path;
};

/* Takes our options out of argv up to "--", which stays. */
static struct arguments take_arguments(int *argc, char **argv)
{
    struct arguments args = {0};
    int kept = *argc > 0 ? 1 : 0;
    int i = kept;
    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            args.help = true;
        else if (strcmp(argv[i], "--version") == 0)
            args.version = true;
        else if (strncmp(argv[i], "--config=", 9) == 0)
            args.path = argv[i] + 9;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < *argc)
            args.path = argv[++i];
        else if (strcmp(argv[i], "--config") == 0)
            args.config_without_file = true;
        else
            argv[kept++] = argv[i];
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    *argc = kept;
    argv[kept] = NULL;
    return args;
}

static enum config_verdict flushed(struct errmsg *why)
{
    if (fflush(stdout) == 0)
        return CONFIG_EXIT;
    (void)errmsg_set(why, ERR_IO, "standard output: %s", strerror(errno));
    return CONFIG_BAD;
}

enum config_verdict config_load(const struct config_table *table, void *settings, const char *summary, int *argc, char **argv,
                                char *const *environ_list, struct errmsg *why)
{
    struct arguments args = take_arguments(argc, argv);
    if (args.help)
        print_help(table, summary, argv);
    else if (args.version)
        printf("%s %s\n", program_name(argv), TRUEFTP_VERSION);
    if (args.help || args.version)
        return flushed(why);
    if (args.config_without_file || (args.path && *args.path == '\0')) {
        (void)errmsg_set(why, ERR_INVALID, "--config: expected the path of a file");
        return CONFIG_BAD;
    }
    struct loader l = {.table = table, .path = args.path, .why = why};
    l.found = mem_zalloc(table->count * sizeof *l.found);
    buf_init(&l.file, FILE_MAX_BYTES);
    enum err err = load(&l, environ_list, settings);
    buf_done(&l.file);
    free(l.found);
    return err ? CONFIG_BAD : CONFIG_RUN;
}

void config_free(const struct config_table *table, void *settings)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->options[i].type == CONFIG_STRING) {
            char **field = (char **)(void *)((char *)settings + table->options[i].offset);
            free(*field);
            *field = NULL;
        }
}

void config_print(const struct config_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *o = &table->options[i];
        struct errmsg bounds;
        describe_bounds(o, &bounds);
        (void)fprintf(out, "  %s\n      %s\n      ", o->name, o->help);
        if (!o->fallback)
            (void)fprintf(out, "required; ");
        else
            (void)fprintf(out, "default %s; ", *o->fallback ? o->fallback : "empty");
        (void)fprintf(out, "%s\n", bounds.text);
    }
}
