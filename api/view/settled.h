/* What the workers have settled. A worker commits an offset of an events partition only when every delivery of every event below
 * it has a record that Kafka has acknowledged (DELIVERY: I1). So an event below the committed offset whose delivery has no record
 * in the delivery log was lost, and one above may just not have had its turn.
 *
 * The committed offset is asked for every few seconds. It proves something only when the view has read the delivery log as far as
 * it went when the offset was told: the log's end as known a little later must have been passed. */
#ifndef VIEW_SETTLED_H
#define VIEW_SETTLED_H

#include "view/report.h"
#include "view/sources.h"

struct settled;

/* All stay the caller's and must outlive it. */
struct settled *settled_new(struct loop *l, struct kafka_admin *admin, struct kafka_reader *reader, struct sources *sources,
                            struct report *report, const char *topic_prefix);
/* After the admin handle is gone, so that no answer comes any more. */
void settled_free(struct settled *s);

#endif
