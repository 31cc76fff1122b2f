/* An expected arrival: value of `<prefix>.expectations`. It is made and deleted, never changed. */
#ifndef DEFINITIONS_EXPECTATION_H
#define DEFINITIONS_EXPECTATION_H

#include "model/event.h"
#include "util/buf.h"

struct expectation {
    char *id; /* "exp_" + 32 hex digits */
    char *account_id, *webhook_id;
    char *path;      /* glob */
    char *schedule;  /* five fields of cron */
    char *time_zone; /* IANA name */
    char *description;
    int64_t grace_s, window_s;
    enum event_type event; /* that counts as the arrival */
    int64_t version;
    int64_t created_wall_ms;
};

struct expectation *expectation_new(void); /* with the defaults */
void expectation_free(struct expectation *ex);
/* From the topic. ERR_INVALID: why names the member. */
MUST_CHECK enum err expectation_parse(struct slice json, struct expectation **out, struct errmsg *why);
void expectation_write(struct buf *out, const struct expectation *ex);

#endif
