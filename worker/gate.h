/* The gates: which job is sent when. One gate for each webhook and partition holds its queue in memory and its concurrency: an account owns four
 * partitions, so each has a quarter of the webhook's concurrency, at least 1. Gates that may send take turns. What cannot be sent within 2 s is
 * parked: it moves to the schedule, and the offset goes on. */
#ifndef WORKER_GATE_H
#define WORKER_GATE_H

#include "core/job.h"

struct worker;
struct gates;

struct gates *gates_new(struct worker *w);
void gates_free(struct gates *g); /* all jobs must be gone */

/* The core's ports. */
void gates_send(struct gates *g, struct job *job);
void gates_withdraw(struct gates *g, struct job *job);

/* Starts POSTs while slots are free. true: something was done that may let more be done. */
bool gates_turn(struct gates *g);
/* Parks what has waited too long; every quarter of a second. */
void gates_park_late(struct gates *g);
/* A POST that a gate started has ended. */
void gates_ended(struct gates *g, struct job *job);
/* Our own failure: nothing is started for a moment. */
void gates_rest(struct gates *g);

int gates_queued(const struct gates *g);

#endif
