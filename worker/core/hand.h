/* The deliveries in hand of one partition, by their id. An open table with linear probing: looking, which mostly finds nothing,
 * touches one line of memory, where chains through the jobs themselves cost one for each job on the way, and as many to leave. */
#ifndef CORE_HAND_H
#define CORE_HAND_H

#include <stddef.h>
#include <stdint.h>

#include "model/uuid.h"

struct job;

struct hand_slot {
    struct job *job; /* NULL: free */
    uint32_t hash;
};

/* All zero at first. */
struct hand {
    struct hand_slot *slots; /* capacity is a power of two; at most half of them are taken */
    size_t capacity, count;
};

/* Nothing is in hand any more. */
void hand_done(struct hand *h);
/* None of this id may be in it. The job's id must stay as it is. */
void hand_put(struct hand *h, struct job *job);
void hand_take(struct hand *h, const struct job *job);
/* NULL: it is not in hand. */
struct job *hand_find(const struct hand *h, const struct uuid *id);

#endif
