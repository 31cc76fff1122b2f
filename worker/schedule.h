/* Which job is sent when. Accounts with something to send take turns by deficit round robin, an account's gates take turns among
 * themselves, and no account has more than its share of the slots. What cannot be sent within 2 s is parked: it moves to the
 * schedule, and the offset goes on. */
#ifndef WORKER_SCHEDULE_H
#define WORKER_SCHEDULE_H

#include "core/job.h"
#include "gate.h"

struct endpoint;
struct worker;
struct schedule;

struct schedule *schedule_new(struct worker *w);
void schedule_free(struct schedule *s); /* all jobs must be gone */

/* The core's ports. */
void schedule_send(struct schedule *s, struct job *job);
void schedule_withdraw(struct schedule *s, struct job *job);
enum call_in schedule_calls_in(const struct schedule *s, const struct partition *p, struct slice webhook_id);
void schedule_called_in(struct schedule *s, const struct partition *p, struct slice webhook_id);

/* What becomes of a new event's delivery to a webhook; NULL: it is deleted. */
enum gate_look schedule_look(const struct schedule *s, const struct partition *p, const struct endpoint *ep);

/* Starts POSTs while slots are free. true: something was done that may let more be done. */
bool schedule_turn(struct schedule *s);
/* Every second: parks what has waited too long, forgets gates that have long been idle. */
void schedule_second(struct schedule *s);
/* In how many milliseconds a turn is needed though nothing happens; -1: none is. */
int64_t schedule_idle_ms(const struct schedule *s);
/* A POST has ended. */
void schedule_ended(struct schedule *s, struct job *job, enum gate_answer answer, int64_t duration_ms);
/* Our own failure: nothing is started for a moment. */
void schedule_rest(struct schedule *s);

int schedule_queued(const struct schedule *s);
int schedule_parking(const struct schedule *s); /* are to be parked */
int schedule_breakers_open(const struct schedule *s);

#endif
