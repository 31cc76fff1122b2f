/* A command's options: one table per command, from which parsing and --help come. Values go into a struct of the command's
 * own, by offset. getopt_long(3) does the reading, so options and arguments may stand in any order, and "--" ends options. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

enum opt_kind {
    OPT_FLAG, /* bool */
    OPT_TEXT, /* const char *, points into argv; NULL when not given */
    OPT_INT,  /* int64_t from min to max; fallback when not given */
    OPT_LIST, /* struct opt_list: each time the option is given */
};

struct opt_list {
    const char **items; /* point into argv */
    size_t count;
};

struct opt {
    const char *name; /* without its dashes */
    enum opt_kind kind;
    const char *arg; /* what stands for the value in --help; NULL for a flag */
    const char *help;
    size_t offset; /* of the field */
    int64_t min, max, fallback;
};

/* Options and the struct their values go to. */
struct opt_group {
    const struct opt *options;
    size_t count;
    void *target;
};

/* Fills the targets, which must be zeroed, with defaults and what argv says; argv[0] is not looked at. What is left are
 * the arguments, argv[1] to argv[*argc - 1]. ERR_INVALID: why says which option and what is wrong. An option that is no
 * OPT_LIST may be given once. options_free afterwards, also on failure. */
MUST_CHECK enum err options_parse(const struct opt_group *groups, size_t group_count, int *argc, char **argv, struct errmsg *why);
void options_free(const struct opt_group *groups, size_t group_count);
/* A line for each option: "  --name ARG  help". */
void options_print(const struct opt *options, size_t count, FILE *out);

#endif
