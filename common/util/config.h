/* Configuration: one table per program. A value comes from the environment, else from the `key=value` file that
 * --config names (keys are the same names), else from the default. --help prints the table. Unknown names (in
 * the environment: those with the prefix TRUEFTP_) and values out of range stop the start; a name that another of the
 * programs knows is accepted and ignored. In the file, white space around name and value is dropped, and empty lines and
 * lines that begin with # say nothing. */
#ifndef UTIL_CONFIG_H
#define UTIL_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

enum config_type {
    CONFIG_STRING, /* char *, never NULL ("" when empty); min/max bound its length in bytes */
    CONFIG_INT,    /* int64_t; min/max bound its value */
    CONFIG_BOOL,   /* bool; 0 or 1 */
};

struct config_option {
    const char *name; /* "TRUEFTP_..." */
    enum config_type type;
    const char *fallback; /* default, as text; NULL: must be given */
    int64_t min, max;
    const char *help; /* one line, with the unit */
    size_t offset;    /* of the field in the settings struct */
};

struct config_table {
    const struct config_option *options;
    size_t count;
    const char *const *others; /* names that belong to other programs; ends with NULL */
};

enum config_verdict {
    CONFIG_RUN,  /* settings are filled in */
    CONFIG_EXIT, /* --help or --version was printed: exit 0 */
    CONFIG_BAD,  /* why says what is wrong and where: exit 64 */
};

/* Fills *settings, only when all is well. Takes --config FILE (or --config=FILE), --help and --version out of argv up to "--"
 * (which it compacts; *argc is what is left, the program name first). summary: the program's one-paragraph description for
 * --help. environ is given for tests. */
enum config_verdict config_load(const struct config_table *table, void *settings, const char *summary, int *argc, char **argv,
                                char *const *environ_list, struct errmsg *why);
/* Frees the strings that config_load made. */
void config_free(const struct config_table *table, void *settings);
/* The reference that --help prints: name, default, bounds, help. */
void config_print(const struct config_table *table, FILE *out);

#endif
