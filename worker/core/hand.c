#include "core/hand.h"

#include <stdlib.h>

#include "core/job.h"
#include "util/hash.h"
#include "util/mem.h"

#define CAPACITY_FIRST 64

static uint32_t hash_of(const struct uuid *id)
{
    return hash_bytes(id->bytes, sizeof id->bytes);
}

/* Where the job of this id is, or would be put. */
static size_t place_of(const struct hand *h, const struct uuid *id, uint32_t hash)
{
    size_t at = hash & (h->capacity - 1);
    for (; h->slots[at].job; at = (at + 1) & (h->capacity - 1))
        if (h->slots[at].hash == hash && memcmp(&h->slots[at].job->dl.id, id, sizeof *id) == 0)
            break;
    return at;
}

static void grow(struct hand *h)
{
    struct hand larger = {.capacity = h->capacity ? h->capacity * 2 : CAPACITY_FIRST, .count = h->count};
    larger.slots = mem_zalloc(larger.capacity * sizeof *larger.slots);
    for (size_t i = 0; i < h->capacity; i++)
        if (h->slots[i].job)
            larger.slots[place_of(&larger, &h->slots[i].job->dl.id, h->slots[i].hash)] = h->slots[i];
    free(h->slots);
    *h = larger;
}

void hand_done(struct hand *h)
{
    check(h->count == 0);
    free(h->slots);
    *h = (struct hand){0};
}

void hand_put(struct hand *h, struct job *job)
{
    if (h->count * 2 >= h->capacity)
        grow(h);
    uint32_t hash = hash_of(&job->dl.id);
    struct hand_slot *slot = &h->slots[place_of(h, &job->dl.id, hash)];
    check(!slot->job);
    *slot = (struct hand_slot){job, hash};
    h->count++;
}

/* What stands behind the gap, and was to stand there or before, moves up: a search ends at the first free slot. */
void hand_take(struct hand *h, const struct job *job)
{
    size_t mask = h->capacity - 1, gap = place_of(h, &job->dl.id, hash_of(&job->dl.id));
    check(h->slots[gap].job == job);
    for (size_t at = (gap + 1) & mask; h->slots[at].job; at = (at + 1) & mask) {
        size_t home = h->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            h->slots[gap] = h->slots[at];
            gap = at;
        }
    }
    h->slots[gap].job = NULL;
    h->count--;
}

struct job *hand_find(const struct hand *h, const struct uuid *id)
{
    return h->count > 0 ? h->slots[place_of(h, id, hash_of(id))].job : NULL;
}
