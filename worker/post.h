/* A job becomes a signed POST, and its result an outcome. */
#ifndef WORKER_POST_H
#define WORKER_POST_H

#include "core/job.h"
#include "endpoint.h"

struct worker;

/* Starts the POST of a job in state POSTING; the outcome goes to the core, never before this returns, save for a URL that is
 * refused. */
void post_start(struct worker *w, struct job *job, struct endpoint *ep);
/* Ends it without an outcome (the job is withdrawn). */
void post_cancel(struct job *job);

#endif
