/* Up to when the view holds everything: a time T such that every record that was in a topic at T is in the file, committed. How
 * many records are not read yet cannot tell: while a broker is away that number stands still, and so does what is known of it.
 *
 * Every few seconds the brokers are asked for the ends of all partitions that are read. The answer holds for the moment of the
 * question, and when everything below those ends is in the file, that moment is the partition's horizon. A partition whose end is
 * not told stays where it was, and so does the whole. */
#ifndef VIEW_HORIZON_H
#define VIEW_HORIZON_H

#include "view/report.h"
#include "view/sources.h"

struct horizon;

/* All stay the caller's and must outlive it. */
struct horizon *horizon_new(struct loop *l, struct kafka_admin *admin, struct sources *sources);
/* After the admin handle is gone, so that no answer comes any more. NULL is fine. */
void horizon_free(struct horizon *h);

/* The topics were listed, and those that are new are among the sources; asked_wall_ms: when that was asked for. Asks for the
 * ends, unless the last answer is still to come. */
void horizon_listed(struct horizon *h, int64_t asked_wall_ms);
/* Looks how far the sources' committed positions have come. */
void horizon_look(struct horizon *h);
/* The file was made anew: nothing is in it. */
void horizon_forget(struct horizon *h);

/* Of the events topics, and of all that are read; 0: not known yet. */
int64_t horizon_events_wall_ms(const struct horizon *h);
int64_t horizon_all_wall_ms(const struct horizon *h);

#endif
