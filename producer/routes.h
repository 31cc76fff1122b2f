/* Where an account's events go: `<prefix>.events`, or `<prefix>.events.<pool>` for an account that has a pool (model/account.h);
 * and there, which partition. Pure: who knows pools and partition counts tells it (pools.h, agent.c).
 *
 * A pool whose topic is not there has its events sent to the shared topic, whose workers deliver them too: a slip in the set-up
 * of one pool must neither lose nor hold up anything. */
#ifndef PRODUCER_ROUTES_H
#define PRODUCER_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

struct routes;

struct routes *routes_new(const char *topic_prefix);
void routes_free(struct routes *r);

/* The pool must be a valid name; "": the shared one. True: its topic is a new one, whose partitions are to be asked for. */
bool routes_set_pool(struct routes *r, struct slice account_id, const char *pool);
/* count 0: there is no such topic. */
void routes_set_partitions(struct routes *r, const char *topic, int32_t count);

/* By the record's key, account_id/path. False: how many partitions its topic has is not known yet. topic lives as long as r. */
bool routes_find(struct routes *r, struct slice key, const char **topic, int32_t *partition);

/* The topics whose partition counts are of interest, the shared one first; NULL behind the last. */
const char *routes_topic(const struct routes *r, size_t index);
/* Number of its partitions; 0: not known, or not there. */
int32_t routes_partitions(const struct routes *r, size_t index);
/* The topic was answered for, by a count or by 0. */
bool routes_answered(const struct routes *r, size_t index);

#endif
