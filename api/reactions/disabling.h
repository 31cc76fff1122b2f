/* Workers never write definitions: they say with a webhook.disabled event what they found (410, nothing but failures for days),
 * and the API disables. All replicas see the event; each waits a moment of its own, and does nothing when another was faster. Two
 * at once write the same bytes. What came while this replica was down is found in the view when it is ready. */
#ifndef REACTIONS_DISABLING_H
#define REACTIONS_DISABLING_H

#include "model/event.h"

struct api;
struct disabling;

struct disabling *disabling_new(struct api *api);
void disabling_free(struct disabling *d); /* NULL is fine */
/* The callback of view_on_disabled; ctx is a struct disabling. */
void disabling_event(void *ctx, const struct event *ev);
/* Once a second, when definitions and view are complete. */
void disabling_turn(struct disabling *d);

#endif
