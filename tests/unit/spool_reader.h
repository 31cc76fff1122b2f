/* What a spool's folder holds, read as the agent reads it. */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include "model/event.h"
#include "producer/source.h"

#define SPOOL_READER_MAX 5000

struct spool_fact {
    char path[2048], renamed_from[64], account_id[64], username[64], home[64], id[UUID_TEXT_SIZE];
    enum event_type type;
    int64_t time_wall_ms, size_bytes, offset;
};

/* Big: static or of the test alone. Facts are kept until the next reading. */
struct spool_reading {
    struct spool_fact *facts;
    size_t count;
    size_t quarantined;
    size_t segments;
    int64_t bytes;
};

/* All segments, oldest first. */
void spool_reader_read(const char *folder, struct spool_reading *out);
/* The bytes of one. */
void spool_reader_parse(struct slice bytes, struct spool_reading *out);
/* Deletes the oldest renamed segment. */
void spool_reader_unlink_oldest(const char *folder);
/* Deletes the folder. */
void spool_reader_remove(const char *folder);

#endif
