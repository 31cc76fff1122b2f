/* The deliveries view: what the topics say about deliveries and events, in an SQLite file that can be asked (docs/VIEW.md).
 *
 * Kafka is the ledger and the view an index of it: whatever the file holds comes from `<prefix>.deliveries[.pool]`,
 * `<prefix>.events[.pool]`, `<prefix>.webhooks` and `<prefix>.audit`, and a file that is missing, damaged or of an older
 * schema is made anew from them. All calls are the loop's; each answers within milliseconds whatever the size of the file, except
 * the reconciliation, which goes on in steps.
 *
 * Slices and structs that a callback gets live until it returns. Of the view a callback may call view_body alone. */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "io/kafka.h"
#include "model/delivery.h"
#include "model/event.h"

struct view;

/* What is kept. Older or more goes, in small steps. */
struct view_limits {
    int64_t delivery_age_ms;        /* by created_at */
    int64_t event_age_ms;           /* by the event's own time */
    int64_t deliveries_per_webhook; /* the newest so many */
    int64_t audit_age_ms;           /* by the entry's own time */
};

struct view_options {
    struct kafka_options kafka;
    const char *topic_prefix;
    const char *folder; /* made if need be; holds view.db, and view.lock: one process at a time */
    struct view_limits limits;
    struct metrics *metrics;
};

/* Opens or makes the file and begins to read. ERR_EXISTS: another process uses the folder; ERR_IO: the file cannot be made;
 * ERR_INVALID and others of Kafka's configuration. */
MUST_CHECK enum err view_open(const struct view_options *o, struct view **out, struct errmsg *why);
/* What was read and not written yet is read again at the next start. */
void view_free(struct view *v);
/* Every partition found at the start was read to its end once: for /readyz. */
bool view_complete(const struct view *v);

/* Up to when every event that was in the topics is in the view, by this machine's clock; some seconds ago as a rule, longer when
 * it lags or a partition cannot be read. 0: not known yet. */
int64_t view_events_until(const struct view *v);
/* The same for every record of any topic. */
int64_t view_until(const struct view *v);

/* -------- deliveries -------- */

#define VIEW_ANY (-1)       /* of a status or an event: no filter */
#define VIEW_CURSOR_SIZE 96 /* of a cursor's text with its NUL */
#define VIEW_PAGE_MAX 1000

/* Deliveries of a webhook, newest first by (created_at, id): both never change, so a page is stable while rows arrive. */
struct view_delivery_query {
    struct slice webhook_id;
    int status;                           /* enum delivery_status or VIEW_ANY */
    int event;                            /* enum event_type or VIEW_ANY */
    int64_t since_wall_ms, until_wall_ms; /* since <= created_at < until; 0 and INT64_MAX: no bound */
    bool oldest_first;
    int limit;           /* 1 to VIEW_PAGE_MAX */
    struct slice cursor; /* "next" of the page before; empty: the first page */
};

typedef void view_delivery_fn(void *ctx, const struct delivery *dl);

/* next: "" after the last page. ERR_INVALID: the cursor is none of this query's; ERR_IO. A webhook that is unknown has none. */
MUST_CHECK enum err view_deliveries(struct view *v, const struct view_delivery_query *q, view_delivery_fn *fn, void *ctx,
                                    char next[VIEW_CURSOR_SIZE], struct errmsg *why);
/* One delivery of that webhook with all its attempts. ERR_NOT_FOUND. */
MUST_CHECK enum err view_delivery(struct view *v, struct slice webhook_id, const struct uuid *id, view_delivery_fn *fn, void *ctx,
                                  struct errmsg *why);
/* All generations of the delivery's event for its webhook: the original first, then its redeliveries. ERR_NOT_FOUND: no such
 * delivery. */
MUST_CHECK enum err view_history(struct view *v, struct slice webhook_id, const struct uuid *id, view_delivery_fn *fn, void *ctx,
                                 struct errmsg *why);
/* Appends the exact body of the delivery's POST: from its record, else from its event. ERR_NOT_FOUND: neither has it any more. */
MUST_CHECK enum err view_body(struct view *v, const struct delivery *dl, struct buf *out, struct errmsg *why);
/* How many of the webhook's deliveries are in each status, by enum delivery_status. */
#define VIEW_STATUSES (DELIVERY_PURGED + 1)
void view_counts(struct view *v, struct slice webhook_id, int64_t counts[VIEW_STATUSES]);

/* Calls fn for delivery records that change the view, as they are read, while it is watched (view_watch). When more come than the
 * loop takes, some are left out, and untold is called. One of each for the life of the view. */
void view_on_delivery(struct view *v, view_delivery_fn *fn, void (*untold)(void *ctx), void *ctx);
void view_watch(struct view *v, bool watched);

/* -------- events -------- */

/* Events of an account, newest first by (time, id); commands (test, redeliver) are none. */
struct view_event_query {
    struct slice account_id;
    int type; /* enum event_type or VIEW_ANY */
    struct slice path_prefix;
    int64_t since_wall_ms, until_wall_ms; /* since <= time < until */
    int limit;
    struct slice cursor;
};

typedef void view_event_fn(void *ctx, const struct event *ev);

/* Calls fn for each event webhook.disabled, as it is read, perhaps more than once. One function for the life of the view. */
void view_on_disabled(struct view *v, view_event_fn *fn, void *ctx);
/* As view_deliveries. A page with a path_prefix can hold fewer than limit, even none, and still have a next: it ends
 * after so many events looked at, so that it answers in milliseconds. */
MUST_CHECK enum err view_events(struct view *v, const struct view_event_query *q, view_event_fn *fn, void *ctx,
                                char next[VIEW_CURSOR_SIZE], struct errmsg *why);

/* -------- who changed what -------- */

/* Entries of an account, newest first. */
struct view_audit_query {
    struct slice account_id;
    int limit;
    struct slice cursor;
};

/* entry: JSON, as it stands in the audit topic. */
typedef void view_audit_fn(void *ctx, struct slice entry);
/* As view_deliveries. */
MUST_CHECK enum err view_audit(struct view *v, const struct view_audit_query *q, view_audit_fn *fn, void *ctx,
                               char next[VIEW_CURSOR_SIZE], struct errmsg *why);

/* -------- health; test deliveries do not count -------- */

/* Upper bounds of the latency histogram, ms; one more bucket is above the last. */
#define VIEW_LATENCY_BUCKETS 24
extern const int32_t view_latency_bounds_ms[VIEW_LATENCY_BUCKETS - 1];

/* Attempts of a span of time. */
struct view_attempts {
    int64_t start_wall_ms, span_ms;
    int64_t succeeded, failed;
    int64_t latency[VIEW_LATENCY_BUCKETS]; /* attempts that got an answer, by duration */
};
/* The duration below which `percent` of the attempts lie, ms, by linear interpolation within a bucket; -1: there are none. */
int32_t view_latency_ms(const struct view_attempts *a, double percent);

enum view_state {
    VIEW_IDLE,     /* nothing attempted yet */
    VIEW_HEALTHY,  /* the last attempt succeeded */
    VIEW_DEGRADED, /* likewise, but others of the last 15 minutes failed */
    VIEW_FAILING,  /* the last attempt failed */
    VIEW_DISABLED,
};
const char *view_state_name(enum view_state state);

struct view_health {
    enum view_state state;
    int64_t failing_since_wall_ms;    /* first failure since the last success; 0: not failing */
    int64_t last_success_wall_ms;     /* 0: none */
    int64_t last_failure_wall_ms;     /* 0: none */
    int64_t consecutive_failures;     /* attempts since the last success */
    char disabled_reason[256];        /* while disabled */
    struct view_attempts last_15_min; /* whole minutes up to now */
    struct view_attempts last_24_h;   /* whole hours up to now */
};

MUST_CHECK enum err view_health(struct view *v, struct slice webhook_id, int64_t now_wall_ms, struct view_health *out,
                                struct errmsg *why);

#define VIEW_MINUTE_MS 60000
#define VIEW_HOUR_MS 3600000
typedef void view_attempts_fn(void *ctx, const struct view_attempts *a);
/* The webhook's attempts from since to until, oldest first, a call for each span in which there were any. span_ms:
 * VIEW_MINUTE_MS (kept for two days) or VIEW_HOUR_MS (kept as long as deliveries). */
MUST_CHECK enum err view_series(struct view *v, struct slice webhook_id, int64_t span_ms, int64_t since_wall_ms,
                                int64_t until_wall_ms, view_attempts_fn *fn, void *ctx, struct errmsg *why);

/* -------- reconciliation: what events and definitions say was owed, against what was recorded -------- */

struct view_reconciliation;

struct view_reconcile_query {
    struct slice account_id;
    struct slice webhook_id;              /* empty: all of the account */
    int64_t since_wall_ms, until_wall_ms; /* of the events' own time */
    int limit;                            /* 0 to VIEW_PAGE_MAX: how many are listed; all are counted */
    struct slice cursor;                  /* "next" of the page before: what stands before it is not listed again */
};

/* owed = delivered + pending + failed + cancelled + purged + missing. docs/VIEW.md says what each proves. */
struct view_balance {
    int64_t events;      /* of the account in the range */
    int64_t owed;        /* pairs of an event and a webhook that wanted it */
    int64_t delivered;   /* by any generation */
    int64_t redelivered; /* of these: the first one was not, one that was sent again was */
    int64_t pending;     /* open, or not settled by the workers yet */
    int64_t failed, cancelled, purged;
    int64_t missing;                /* settled by the workers' account, and no record is there: lost */
    int64_t unproven;               /* no record, and which definition was in force cannot be told: not in owed */
    int64_t as_of_wall_ms;          /* every record from before is in the balance; 0: not known yet */
    int64_t complete_since_wall_ms; /* events logged before are not all in the view; 0: all are */
};

/* An event and a webhook whose delivery is owed and not delivered. */
struct view_owed {
    struct uuid event_id, delivery_id; /* of the generation that decides; of the first one, if there is no record */
    struct slice webhook_id, path;
    enum event_type event;
    int64_t event_wall_ms;
    const struct delivery *dl; /* its record; NULL: there is none */
    bool missing;              /* lost; else it may still come */
};
typedef void view_owed_fn(void *ctx, const struct view_owed *owed);

/* Begins; the caller owns *out. fn is called from view_reconcile_step, by event time, oldest first. ERR_INVALID: the cursor;
 * ERR_IO. */
MUST_CHECK enum err view_reconcile_new(struct view *v, const struct view_reconcile_query *q, view_owed_fn *fn, void *ctx,
                                       struct view_reconciliation **out, struct errmsg *why);
/* Goes on for about budget_ms. *done: the balance stands. ERR_IO. */
MUST_CHECK enum err view_reconcile_step(struct view_reconciliation *r, int64_t budget_ms, bool *done, struct errmsg *why);
const struct view_balance *view_reconcile_balance(const struct view_reconciliation *r);
/* "" when all that is owed and not delivered was listed. */
const char *view_reconcile_next(const struct view_reconciliation *r);
void view_reconcile_free(struct view_reconciliation *r);

#endif
