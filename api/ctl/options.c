#include "ctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define FIRST_CODE 256 /* what getopt returns for the first option; the others follow */

/* The options of all groups in one list, beside getopt's list of them. */
struct table {
    const struct opt **options;
    void **targets;
    bool *given;
    struct option *names; /* ends with a zeroed one */
    size_t count;
};

/* The short forms: of these names where a command has them. */
static const struct {
    const char *name;
    char letter;
} short_names[] = {{"output", 'o'}, {"follow", 'f'}};

#define SHORT_COUNT (sizeof short_names / sizeof short_names[0])

static void *field_of(const struct opt *o, void *target)
{
    return (char *)target + o->offset;
}

static void table_init(struct table *t, const struct opt_group *groups, size_t group_count)
{
    *t = (struct table){0};
    for (size_t g = 0; g < group_count; g++) {
        t->count += groups[g].count;
    }
    t->options = mem_array(NULL, t->count + 1, sizeof *t->options);
    t->targets = mem_array(NULL, t->count + 1, sizeof *t->targets);
    t->given = mem_zalloc((t->count + 1) * sizeof *t->given);
    t->names = mem_zalloc((t->count + 1) * sizeof *t->names);
    size_t n = 0;
    for (size_t g = 0; g < group_count; g++) {
        for (size_t i = 0; i < groups[g].count; i++, n++) {
            const struct opt *o = &groups[g].options[i];
            t->options[n] = o;
            t->targets[n] = groups[g].target;
            t->names[n] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, FIRST_CODE + (int)n};
            if (o->kind == OPT_INT) {
                *(int64_t *)field_of(o, groups[g].target) = o->fallback;
            }
        }
    }
}

static void table_done(struct table *t)
{
    free(t->options);
    free(t->targets);
    free(t->given);
    free(t->names);
}

/* The place of the option that a letter stands for, or -1. */
static int place_of_letter(const struct table *t, int letter)
{
    for (size_t s = 0; s < SHORT_COUNT; s++) {
        for (size_t i = 0; i < t->count && short_names[s].letter == letter; i++) {
            if (strcmp(t->options[i]->name, short_names[s].name) == 0) {
                return (int)i;
            }
        }
    }
    return -1;
}

/* What getopt wants of the letters: ":o:f". */
static void put_letters(const struct table *t, char out[2 + 2 * SHORT_COUNT])
{
    size_t len = 0;
    out[len++] = ':';
    for (size_t s = 0; s < SHORT_COUNT; s++) {
        int place = place_of_letter(t, short_names[s].letter);
        if (place >= 0) {
            out[len++] = short_names[s].letter;
        }
        if (place >= 0 && t->options[place]->arg) {
            out[len++] = ':';
        }
    }
    out[len] = '\0';
}

static enum err take_int(const struct opt *o, const char *text, int64_t *out, struct errmsg *why)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || strchr(" \t\n\v\f\r", *text) || errno != 0 || value < o->min || value > o->max) {
        return errmsg_set(why, ERR_INVALID, "--%s: expected a whole number from %" PRId64 " to %" PRId64 ", not \"%.64s\"",
                          o->name, o->min, o->max, text);
    }
    *out = value;
    return ERR_OK;
}

static void take_item(struct opt_list *list, const char *text)
{
    list->items = mem_array(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = text;
}

static enum err take(const struct table *t, size_t n, const char *text, struct errmsg *why)
{
    const struct opt *o = t->options[n];
    void *field = field_of(o, t->targets[n]);
    if (t->given[n] && o->kind != OPT_LIST) {
        return errmsg_set(why, ERR_INVALID, "--%s is given twice", o->name);
    }
    t->given[n] = true;
    switch (o->kind) {
    case OPT_FLAG:
        *(bool *)field = true;
        break;
    case OPT_TEXT:
        *(const char **)field = text;
        break;
    case OPT_INT:
        return take_int(o, text, field, why);
    case OPT_LIST:
        take_item(field, text);
        break;
    }
    return ERR_OK;
}

/* What getopt could not read: "?" an option it does not know (or a flag with a value), ":" one without its value. */
static enum err misread(const struct table *t, int code, char **argv, struct errmsg *why)
{
    const char *word = argv[optind - 1];
    if (code == ':') {
        return errmsg_set(why, ERR_INVALID, "%.64s: its value is missing", word);
    }
    if (optopt >= FIRST_CODE) {
        return errmsg_set(why, ERR_INVALID, "--%s takes no value", t->options[optopt - FIRST_CODE]->name);
    }
    if (optopt != 0) {
        return errmsg_set(why, ERR_INVALID, "unknown option -%c", optopt);
    }
    return errmsg_set(why, ERR_INVALID, "unknown option %.64s", word);
}

enum err options_parse(const struct opt_group *groups, size_t group_count, int *argc, char **argv, struct errmsg *why)
{
    struct table t;
    char letters[2 + 2 * SHORT_COUNT];
    enum err err = ERR_OK;
    int code = 0;

    table_init(&t, groups, group_count);
    put_letters(&t, letters);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while (err == ERR_OK && (code = getopt_long(*argc, argv, letters, t.names, NULL)) != -1) {
        int place = code >= FIRST_CODE ? code - FIRST_CODE : place_of_letter(&t, code);
        err = place >= 0 ? take(&t, (size_t)place, optarg, why) : misread(&t, code, argv, why);
    }
    table_done(&t);
    if (err != ERR_OK) {
        return err;
    }
    int left = *argc - optind;
    for (int i = 0; i < left; i++) {
        argv[1 + i] = argv[optind + i];
    }
    argv[1 + left] = NULL;
    *argc = 1 + left;
    return ERR_OK;
}

void options_free(const struct opt_group *groups, size_t group_count)
{
    for (size_t g = 0; g < group_count; g++) {
        for (size_t i = 0; i < groups[g].count; i++) {
            const struct opt *o = &groups[g].options[i];
            if (o->kind == OPT_LIST) {
                struct opt_list *list = field_of(o, groups[g].target);
                free(list->items);
                *list = (struct opt_list){0};
            }
        }
    }
}

void options_print(const struct opt *options, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct opt *o = &options[i];
        char left[64], letter[8] = "";
        for (size_t s = 0; s < SHORT_COUNT; s++) {
            if (strcmp(o->name, short_names[s].name) == 0) {
                (void)snprintf(letter, sizeof letter, "-%c, ", short_names[s].letter);
            }
        }
        (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        (void)fprintf(out, "  %-28s %s\n", left, o->help);
    }
}
