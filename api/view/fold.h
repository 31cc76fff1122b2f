/* One record of a topic, folded into the store. The order in which topics and partitions are read does not matter, and a record
 * that is read twice changes nothing the second time.
 *
 * All functions run inside the store's transaction. ERR_INVALID, ERR_TOO_BIG: the record is of no use, why says what is wrong
 * with it, nothing has changed. ERR_IO, ERR_FATAL: the store failed, roll back. */
#ifndef VIEW_FOLD_H
#define VIEW_FOLD_H

#include "io/kafka.h"
#include "view/store.h"

struct fold {
    struct store *store;
    struct buf scratch, old_scratch;
    struct view_limits limits;
    void (*on_delivery)(void *ctx, struct slice record); /* it changes the view; NULL: nobody wants to know */
    void (*on_disabled)(void *ctx, struct slice record); /* an event webhook.disabled; likewise */
    void *told_ctx;
};

void fold_init(struct fold *f, struct store *s, const struct view_limits *limits);
void fold_done(struct fold *f);

/* A record of a deliveries topic. The workers' own ('!' keys) are left out, a tombstone removes. What was created before
 * now_wall_ms - delivery_age_ms is left out. *changed: the view has. */
MUST_CHECK enum err fold_delivery(struct fold *f, const struct kafka_record *rec, int64_t now_wall_ms, bool *changed,
                                  struct errmsg *why);
/* A record of an events topic, read as that partition (positions.h). */
MUST_CHECK enum err fold_event(struct fold *f, const struct kafka_record *rec, int64_t source, int64_t now_wall_ms,
                               struct errmsg *why);
MUST_CHECK enum err fold_webhook(struct fold *f, const struct kafka_record *rec, struct errmsg *why);
/* An entry of the audit topic; quiet ones, and those from before now_wall_ms - audit_age_ms, are left out. */
MUST_CHECK enum err fold_audit(struct fold *f, const struct kafka_record *rec, int64_t now_wall_ms, struct errmsg *why);

#endif
