/* What partitions share: time, randomness, credit. */
#include "core/core.h"

#include <stdlib.h>

#include "core/job.h"
#include "util/mem.h"

void core_init(struct core *c, const struct core_ports *ports, void *ctx, uint64_t seed)
{
    c->ports = *ports;
    c->ctx = ctx;
    c->random_state = seed;
    TAILQ_INIT(&c->free_jobs);
}

void core_done(struct core *c)
{
    struct job *job;
    check(c->jobs == 0);
    while ((job = TAILQ_FIRST(&c->free_jobs)) != NULL) {
        TAILQ_REMOVE(&c->free_jobs, job, link);
        buf_done(&job->store);
        buf_done(&job->scratch);
        buf_done(&job->record);
        free(job->waiters);
        free(job);
    }
}

uint32_t core_random(struct core *c)
{
    uint64_t z = (c->random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}
