#include "age.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define SAMPLES 256
#define APART_MS 1000

struct sample {
    int64_t offset, written_wall_ms;
};

/* Samples of one partition, oldest first. The first one stands for all events up to the second. */
struct of_partition {
    struct sample samples[SAMPLES];
    int count;
    int64_t apart_ms; /* 0: as at first */
    int64_t last_read;
};

struct ages {
    struct of_partition **partitions; /* NULL: nothing is unsettled */
    int32_t count;
};

struct ages *ages_new(void)
{
    return mem_zalloc(sizeof(struct ages));
}

void ages_free(struct ages *a)
{
    if (!a)
        return;
    for (int32_t i = 0; i < a->count; i++)
        free(a->partitions[i]);
    free(a->partitions);
    free(a);
}

static struct of_partition *partition_at(struct ages *a, int32_t partition)
{
    if (partition >= a->count) {
        int32_t count = partition + 1;
        a->partitions = mem_array(a->partitions, (size_t)count, sizeof *a->partitions);
        memset(a->partitions + a->count, 0, (size_t)(count - a->count) * sizeof(struct of_partition *));
        a->count = count;
    }
    if (!a->partitions[partition])
        a->partitions[partition] = mem_zalloc(sizeof(struct of_partition));
    return a->partitions[partition];
}

/* A long backlog: every second sample is enough. */
static void thin_out(struct of_partition *p)
{
    p->apart_ms *= 2;
    for (int i = 0; i < p->count / 2; i++)
        p->samples[i] = p->samples[2 * i];
    p->count /= 2;
}

void ages_read(struct ages *a, int32_t partition, int64_t offset, int64_t written_wall_ms)
{
    struct of_partition *p = partition_at(a, partition);
    p->last_read = offset;
    if (p->apart_ms == 0)
        p->apart_ms = APART_MS;
    if (p->count > 0 && written_wall_ms < p->samples[p->count - 1].written_wall_ms + p->apart_ms)
        return;
    if (p->count == SAMPLES)
        thin_out(p);
    p->samples[p->count++] = (struct sample){offset, written_wall_ms};
}

void ages_settled(struct ages *a, int32_t partition, int64_t next_offset)
{
    struct of_partition *p = partition < a->count ? a->partitions[partition] : NULL;
    int settled = 0;
    if (!p)
        return;
    if (next_offset > p->last_read) {
        ages_forget(a, partition);
        return;
    }
    while (settled + 1 < p->count && p->samples[settled + 1].offset <= next_offset)
        settled++;
    p->count -= settled;
    memmove(p->samples, p->samples + settled, (size_t)p->count * sizeof p->samples[0]);
}

void ages_forget(struct ages *a, int32_t partition)
{
    if (partition >= a->count)
        return;
    free(a->partitions[partition]);
    a->partitions[partition] = NULL;
}

int64_t ages_oldest_wall_ms(const struct ages *a)
{
    int64_t oldest_wall_ms = 0;
    for (int32_t i = 0; i < a->count; i++) {
        const struct of_partition *p = a->partitions[i];
        if (p && p->count > 0 && (oldest_wall_ms == 0 || p->samples[0].written_wall_ms < oldest_wall_ms))
            oldest_wall_ms = p->samples[0].written_wall_ms;
    }
    return oldest_wall_ms;
}
