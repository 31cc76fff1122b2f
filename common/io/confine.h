/* The sandbox (util/sandbox.h) as the programs enter it: what the settings name may be read, and nothing else but what every
 * program reads. A setting counts as a path when it begins with '/', or when its name ends with _FILE or _CONFIG; so do the
 * values of the librdkafka properties that begin with '/'. The folder of each is readable, so that a file that is replaced is
 * read again. */
#ifndef IO_CONFINE_H
#define IO_CONFINE_H

#include "model/settings.h"
#include "util/sandbox.h"

/* Reads TRUEFTP_SANDBOX. ERR_INVALID: why. */
MUST_CHECK enum err confine_init(struct sandbox *s, const struct settings *common, struct errmsg *why);
/* What the settings name; settings is the whole struct that table describes, which begins with *common. */
void confine_allow_settings(struct sandbox *s, const struct config_table *table, const struct settings *common);
/* Enters it, frees s and logs what holds; no core is written from here on. ERR_IO: why. */
MUST_CHECK enum err confine_enter(struct sandbox *s, struct errmsg *why);
/* The three in one, for a program that writes below one folder, which is made where it is missing, or ("") nowhere. */
MUST_CHECK enum err confine(const struct config_table *table, const struct settings *common, const char *write_below,
                            struct errmsg *why);

#endif
