/* The caller's event, checked and completed. */
#ifndef PRODUCER_LIB_EVENT_FORM_H
#define PRODUCER_LIB_EVENT_FORM_H

#include "model/event.h"
#include "producer/include/trueftp_producer.h"
#include "producer/lib/spool_record.h"

/* Fills *out, whose slices are the caller's texts; time and id are as given (0: none; *has_id false: none). Returns NULL, or the
 * name of the member that is missing or wrong. */
const char *event_form_check(const struct trueftp_event *event, struct spool_event *out, bool *has_id);
/* Gives it the time and an id (UUIDv7) where it has none. False: the system has no time or no randomness to give; errno. */
bool event_form_complete(struct spool_event *ev, bool has_id);

/* The event's type in our vocabulary. False: there is none of that number. */
bool event_form_type(uint8_t type, enum event_type *out);
/* What the event is in our vocabulary; slices are ev's. */
void event_form_fields(const struct spool_event *ev, struct event_fields *out);

#endif
