/* What was owed: which webhooks an event was for, found from the history of their definitions and not from what was delivered.
 * Pure.
 *
 * A worker matches an event with the definitions it knows when it reads it: some time after the event was logged, unknown to us.
 * So every version in force from shortly before the event was logged until OWED_WINDOW_MS after is looked at. All want the event:
 * it is owed. None: it is not. Else, or where the version then in force is not known any more (compaction keeps the last alone),
 * it cannot be told: if a record is there, well; if none is, nothing is proven either way. */
#ifndef OWED_OWED_H
#define OWED_OWED_H

#include "model/delivery.h"
#include "model/event.h"

#define OWED_MARGIN_MS 5000                        /* workers take changes up within a second; clocks differ */
#define OWED_WINDOW_MS (24 * 3600 * (int64_t)1000) /* the longest backlog that is thought of */

/* The history of one account. */
struct owed;
struct owed_webhook;

struct owed *owed_new(void);
void owed_free(struct owed *o);
/* A definition as its topic holds it, in log order; json.p NULL: deleted. A version that is not greater than the one before does
 * not count, as with the workers. ERR_INVALID: no definition; nothing has changed. */
MUST_CHECK enum err owed_add_webhook(struct owed *o, struct slice id, struct slice json, int64_t logged_wall_ms,
                                     struct errmsg *why);

/* Webhooks that ever were, in the order of their first record. */
size_t owed_count(const struct owed *o);
struct slice owed_id(const struct owed *o, size_t index);

enum owed_verdict { OWED_NO, OWED_YES, OWED_UNSURE };
enum owed_verdict owed_verdict(const struct owed *o, size_t index, const struct event *ev, int64_t logged_wall_ms);

/* An event owes a webhook one delivery, however often it is sent again: it is delivered when any generation is; else pending
 * while one is open; else it is what the last generation has become. Whether a later generation decides, and not the one before.
 */
bool owed_decides(enum delivery_status later, enum delivery_status before);

#endif
