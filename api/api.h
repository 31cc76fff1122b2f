/* trueftp-api as a whole: what its parts share. */
#ifndef API_API_H
#define API_API_H

#include "commands/recovery.h"
#include "definitions/definitions.h"
#include "expectations/watch.h"
#include "http/limits.h"
#include "http/server.h"
#include "http/sessions.h"
#include "io/admin.h"
#include "io/kafka.h"
#include "live/live.h"
#include "model/sealed.h"
#include "model/target.h"
#include "reactions/disabling.h"
#include "settings.h"
#include "start.h"
#include "stats.h"
#include "view/view.h"

struct api {
    struct api_settings settings;
    struct loop *loop;
    struct metrics *metrics;
    struct api_stats stats;
    struct kafka_options kafka;
    struct kafka_admin *kafka_admin;
    struct admin *admin;
    struct start *start;
    struct writer *writer;
    struct definitions *definitions; /* NULL until the topics are known */
    int32_t event_partitions;        /* of the shared pool's events topic; likewise */
    struct keyring *keyring;
    struct file_watch *key_watch;
    struct target_policy policy;
    struct limiter *requests, *tests; /* by key id; by account */
    struct view *view;
    struct server *server;
    struct live *live;
    struct recoveries *recoveries;
    struct sessions *sessions;
    struct disabling *disabling;
    struct watch *watch; /* of expected arrivals */
    struct loop_timer *second;
    bool stopping;
    int64_t stop_by_ms;
    int exit_status;
};

MUST_CHECK enum err api_start(struct api *api, struct errmsg *why);
/* Begins a graceful stop; the second call ends the process. */
void api_stop(struct api *api);
/* Frees everything, after the loop has stopped. */
void api_done(struct api *api);

/* A request was answered. */
void api_count_request(struct api *api, unsigned status, int64_t us);

#endif
