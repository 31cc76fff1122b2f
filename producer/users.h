/* ftp_user.created from a file that lists users (users_file.h): the file is looked at when it changes, at the start and once a
 * minute, and who is in it and not known yet (users_known.h) is announced.
 *
 * Servers' tools rewrite such files in place, so one may be empty or half there when we look: it is read when its size and its
 * times have not changed for a moment, nor while it was read. At the very first look everybody counts as known. A file that is
 * empty, gone or not understood changes nothing and sounds the alarm; nobody is ever taken for deleted.
 *
 * A user without an account (account_rule.h) waits for one: whoever makes users often writes the table afterwards.
 * event ids: event_id.h. The loop's thread only. */
#ifndef PRODUCER_USERS_H
#define PRODUCER_USERS_H

#include "io/loop.h"
#include "producer/counters.h"
#include "producer/publish.h"
#include "producer/sources_file.h"

struct users;

struct users_options {
    struct loop *loop;
    const struct source_config *config; /* with users set; stays the caller's */
    struct publisher *publisher;
    struct counters *counters;
    const char *data_dir;
    int64_t settle_ms; /* how long a file must not have changed; 0: the default, 200 */
};

/* Reads the set of known users and begins to watch. ERR_INVALID: the set; ERR_IO. */
MUST_CHECK enum err users_new(const struct users_options *o, struct users **out, struct errmsg *why);
/* What is on its way is forgotten, and announced again after the next start. */
void users_free(struct users *u);

/* Announces who is to be announced, as far as there is credit. True: more is left and there is credit. Once a turn. */
bool users_work(struct users *u);
/* Announces nobody more. */
void users_stop(struct users *u);
/* Writes the set where acknowledgements changed it. An error is logged, counted and tried again next time. */
void users_save(struct users *u);
/* Once a second: the account table, the set. */
void users_tick(struct users *u);

const char *users_name(const struct users *u);
/* The file's folder is watched. */
bool users_watching(const struct users *u);
/* When the oldest user that is on its way was sent, loop clock; INT64_MAX: nobody is. */
int64_t users_oldest_ms(const struct users *u);

#endif
