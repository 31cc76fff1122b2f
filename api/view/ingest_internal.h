/* The inside of an ingest, for ingest*.c alone. */
#ifndef VIEW_INGEST_INTERNAL_H
#define VIEW_INGEST_INTERNAL_H

#include <pthread.h>

#include "view/horizon.h"
#include "view/ingest.h"
#include "view/prune.h"
#include "view/settled.h"
#include "view/sources.h"

struct ingest {
    pthread_t thread;
    int stop_fd;
    struct loop_io *stop_io;
    struct loop *loop;
    struct report *report;
    struct store *store;
    struct fold fold;
    struct prune prune;
    struct sources sources;
    struct kafka_reader *reader;
    struct kafka_admin *admin;
    struct settled *settled;
    struct horizon *horizon;
    struct loop_turn *turn;
    struct loop_timer *discover_timer, *recover_timer, *prune_timer, *report_timer;
    char *topic_prefix;
    unsigned files;           /* how often the file was made anew */
    int64_t discover_wall_ms; /* when the topics were asked for */
    bool discovered;          /* the topics were listed once */
    bool halted;              /* the store failed; the recover timer runs */
    bool damaged;             /* and must be made anew */
    bool complete;            /* all was read once into this file */
    bool failing;             /* the store has failed since the last commit */
    bool recovery_untold;
    int64_t failing_since_ms, failure_told_ms;
    int turn_records;  /* since the turn began */
    int batch_records; /* in the transaction */
    int64_t batch_ms;  /* when it was opened */
    uint64_t *records[TOPIC_COUNT], *useless[TOPIC_COUNT];
    uint64_t *commits, *store_errors, *rebuilds;
};

/* How far it is. */
struct report_state ingest_state(const struct ingest *in);
void ingest_add_metrics(struct ingest *in, struct metrics *m);

#endif
