/* Tables: attempts of a webhook summed by minute and by hour, with a histogram of their durations; and the streak of failures it
 * is in. What was added in a transaction is gathered in memory and written once a webhook and span.
 *
 * The sums are those of the records that are held (and of what was pruned), whatever order they came in: when a record takes
 * another's place, the attempts of the old are taken away and those of the new added. The streak is of the order of arrival,
 * which partitions decide: after a rebuild its count of failures may be another, by those that came side by side with successes.
 */
#ifndef VIEW_HEALTH_H
#define VIEW_HEALTH_H

#include "view/sql.h"
#include "view/view.h"

struct health_cell;
struct health_streak;

enum { HEALTH_STATEMENTS = 6 };

struct health {
    sqlite3 *db;
    sqlite3_stmt *st[HEALTH_STATEMENTS];
    struct health_cell *cells;
    struct health_streak *streaks;
};

struct streak {
    int64_t last_success_wall_ms, last_failure_wall_ms; /* 0: none */
    int64_t failing_since_wall_ms, failures;            /* since the last success */
};

extern const char health_schema[];

MUST_CHECK enum err health_open(struct health *t, sqlite3 *db, struct errmsg *why);
void health_close(struct health *t);
/* Adds (sign 1) or takes away (-1) an attempt's sums, in a transaction. */
void health_count(struct health *t, int64_t webhook, const struct delivery_attempt *at, int sign);
/* A new attempt's part in the streak. */
MUST_CHECK enum err health_extend(struct health *t, int64_t webhook, const struct delivery_attempt *at, struct errmsg *why);
MUST_CHECK enum err health_flush(struct health *t, struct errmsg *why);
void health_forget(struct health *t);

/* What is in the tables; flush first. */
MUST_CHECK enum err health_streak_of(struct health *t, int64_t webhook, struct streak *out, struct errmsg *why);
MUST_CHECK enum err health_each(struct health *t, int64_t webhook, int64_t span_ms, int64_t since_wall_ms, int64_t until_wall_ms,
                                view_attempts_fn *fn, void *ctx, struct errmsg *why);
MUST_CHECK enum err health_prune(struct health *t, int64_t webhook, int64_t span_ms, int64_t before_wall_ms, struct errmsg *why);

#endif
