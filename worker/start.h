/* The start, in this order: the topics are there and as they should be, then the tables are complete, then the group is joined.
 * What is missing is waited for; what is wrong ends the program (status 78), or is a warning with TRUEFTP_DEV=1. */
#ifndef WORKER_START_H
#define WORKER_START_H

#include "model/topics.h"

struct worker;
struct start;

/* Begins with the next turn of the loop. */
struct start *start_new(struct worker *w);
void start_free(struct start *s);
/* What is missing, for people; NULL: nothing, the group is being joined. */
const char *start_waiting_for(const struct start *s);

#endif
