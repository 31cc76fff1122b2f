/* A small Redis in memory, with the Lua that runs scripts in it: so the simulator drives the real worker/scripts. It knows
 * hashes, sorted sets and times to live, and of the commands those that the scripts use, with Redis' own answers and conversions.
 * What it does not know is an error that names it. A script that reads or makes a global variable fails, as in Redis. */
#ifndef STORE_H
#define STORE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

struct store;

struct store *store_new(void);
void store_free(struct store *st);
void store_wipe(struct store *st);
void store_copy(struct store *to, const struct store *from);
void store_delete(struct store *st, const char *key);

/* Time of times to live. */
void store_set_time(struct store *st, int64_t now_wall_ms);
/* A SCAN brings so many fields at most, whatever its COUNT says (Redis promises no number either); 0: all. */
void store_set_scan(struct store *st, int most);

/* One run of a script, which is compiled once in a process; the first keys of argv are its KEYS. The reply is freed by
 * store_reply_free. An error is an error reply. */
redisReply *store_eval(struct store *st, const char *source, int keys, int argc, const struct slice *argv);
void store_reply_free(redisReply *reply);

/* ---- looking in ---- */

bool store_has(struct store *st, const char *key);
bool store_hget(struct store *st, const char *key, struct slice field, struct slice *value);
bool store_zscore(struct store *st, const char *key, struct slice member, double *score);
/* Each field of each hash whose key begins with prefix. */
void store_each(struct store *st, const char *prefix,
                void (*fn)(void *ctx, struct slice key, struct slice field, struct slice value), void *ctx);

#endif
