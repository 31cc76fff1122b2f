/* The worker: one process, one loop, and what its parts share. The protocol is in core/; the files here carry out what it asks.
 *
 *   start.c         topics, then tables, then the group
 *   safety.c        topic settings with which something could be lost
 *   ports.c         what the core asks for, handed to the files below
 *   ownership.c     the group gives and takes partitions; commits
 *   intake.c        an event is read, understood and matched: jobs
 *   index.c         claims and schedules in Redis
 *   backlog.c       events for endpoints that take nothing now
 *   schedule.c      which job is sent when: accounts take turns, what is late is parked
 *   gate.c          one webhook's queue, and when its next POST may start
 *   post.c          a job becomes a signed POST, its result an outcome
 *   delivery_log.c  records are appended to the delivery log and read back
 *   table.c         webhooks and accounts, live from their topics
 *   health.c        webhooks that are gone, or have been failing for days
 *   keys.c          the key file, read again when it changes
 *   dlq.c           events that cannot be understood, and events of our own
 *   age.c           how old the oldest unsettled event is
 *   trace.c         the trace that an event belongs to
 *   stats.c         metrics */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "core/partition.h"
#include "endpoint.h"
#include "index.h"
#include "io/admin.h"
#include "io/http_client.h"
#include "io/http_proxy.h"
#include "io/kafka.h"
#include "io/loop.h"
#include "io/redis.h"
#include "io/resolver.h"
#include "model/sealed.h"
#include "model/topics.h"
#include "settings.h"
#include "stats.h"

struct ages;
struct table;
struct schedule;
struct backlog;
struct dlq;
struct health;
struct keys;
struct ownership;
struct start;

#define WORKER_REVOKE_MS 5000  /* for what runs when partitions go to another worker */
#define WORKER_DRAIN_MS 25000  /* for what runs when this worker stops */
#define WORKER_ANSWER_MS 20000 /* then for answers: a silent Redis is given 16 s. All of it within 60 s */

struct worker {
    struct worker_settings settings;
    char events_topic[TOPIC_NAME_SIZE];
    char deliveries_topic[TOPIC_NAME_SIZE];
    char webhooks_topic[TOPIC_NAME_SIZE];
    char accounts_topic[TOPIC_NAME_SIZE];
    char dlq_topic[TOPIC_NAME_SIZE];
    char group_id[TOPIC_NAME_SIZE];

    struct loop *loop;
    struct metrics *metrics;
    struct stats stats;
    struct ages *ages;
    struct admin *admin;
    struct resolver *resolver;
    struct redis *redis;
    struct http_client *http;
    struct http_proxy *proxy; /* NULL: none */
    struct target_policy policy;
    struct keyring *keyring;
    struct keys *keys;
    struct kafka_options kafka;
    struct kafka_admin *kafka_admin;
    struct kafka_producer *producer;
    struct kafka_reader *log_reader;

    struct core core;
    struct buf event_scratch; /* strings of the event being read */
    struct buf header_lines;  /* of the POST being started */
    struct index_store *index;
    struct endpoint_shelf endpoints;
    struct table *table;
    struct schedule *schedule;
    struct backlog *backlog;
    struct dlq *dlq;
    struct health *health;
    struct ownership *ownership;

    struct loop_timer *second;
    struct loop_timer *deadline; /* of the earliest thing that a partition waits for */
    struct loop_turn *turn;
    struct start *start;
    int32_t event_partitions; /* of the events topic, once it is known */
    int64_t last_turn_ms;     /* loop_now of the last turn */
    bool redis_known;         /* it was there, or was said to be missing */
    bool stopping;
    int64_t stop_by_ms; /* then it ends, whatever was not answered */
    int exit_status;
};

/* Makes everything and starts; the loop must be run. ERR_...: why. */
MUST_CHECK enum err worker_start(struct worker *w, struct errmsg *why);
/* SIGTERM: give partitions back in order, then stop the loop. Called again: end at once. */
void worker_stop(struct worker *w);
/* After the loop has ended. */
void worker_done(struct worker *w);

#endif
