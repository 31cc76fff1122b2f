/* One source at work: follows its log, turns facts into events and hands them to the publisher, keeps its checkpoint. */
#ifndef PRODUCER_ANNOUNCE_H
#define PRODUCER_ANNOUNCE_H

#include "io/loop.h"
#include "producer/counters.h"
#include "producer/publish.h"
#include "producer/sources_file.h"

struct announcer;

struct announcer_options {
    struct loop *loop;
    const struct source_config *config; /* stays the caller's */
    struct publisher *publisher;
    struct counters *counters;
    const char *data_dir;
};

/* Reads the checkpoint and begins to follow. ERR_INVALID: the checkpoint; ERR_IO. */
MUST_CHECK enum err announcer_new(const struct announcer_options *o, struct announcer **out, struct errmsg *why);
void announcer_free(struct announcer *a);

/* Reads and announces what there is, bounded. True: more is left and there is credit. Once a turn. */
bool announcer_work(struct announcer *a);
/* Reads nothing more. */
void announcer_stop(struct announcer *a);
/* Writes the checkpoint if it changed. An error is logged, counted and tried again next time. */
void announcer_save(struct announcer *a);
/* Once a second: the account table, the checkpoint. */
void announcer_tick(struct announcer *a);

const char *announcer_name(const struct announcer *a);
bool announcer_watching(const struct announcer *a);
int64_t announcer_bytes_behind(const struct announcer *a);
int64_t announcer_oldest_ms(const struct announcer *a);
/* When what the checkpoint says was last true, loop clock. */
int64_t announcer_saved_ms(const struct announcer *a);

#endif
