/* Who changed what: entries of the audit topic, which holds a year of them. They are shown by the view (view/trail.h); here is
 * what others learn from them: a key's first use on a day is an entry too ("key.used"), so when it was last used is known after a
 * restart, and to all replicas; and who follows the topic hears of every entry. */
#ifndef DEFINITIONS_AUDIT_H
#define DEFINITIONS_AUDIT_H

#include <jansson.h>

#include "definitions/writer.h"

struct audit;

#define AUDIT_FOLLOWERS 2

struct audit_entry {
    int64_t wall_ms;
    const char *account_id;
    const char *actor;      /* "admin", "key:<id>", "system" */
    const char *action;     /* "webhook.update" */
    const char *target;     /* id of what was changed */
    int64_t version;        /* 0: none */
    const char *request_id; /* NULL: none */
    const char *fields;     /* names of members, separated by spaces; "" */
    const char *details;    /* a JSON value, shown as "details"; NULL: none */
    bool quiet;             /* it is no line of the trail: for those who follow the topic alone */
};

struct audit *audit_new(struct writer *w, const char *topic);
void audit_free(struct audit *a);
const char *audit_topic(const struct audit *a);
/* A record of the topic; what is no entry is passed over. */
void audit_record(struct audit *a, const struct kafka_record *rec);

/* Appends one; fn is called when it is acknowledged or given up, NULL for nobody. */
void audit_append(struct audit *a, const struct audit_entry *entry, writer_done_fn *fn, void *ctx);
/* Calls fn for every entry as it is read, quiet ones too; AUDIT_FOLLOWERS at most follow. */
void audit_follow(struct audit *a, void (*fn)(void *ctx, const json_t *entry), void *ctx);

/* A key was used now; appends an entry if it is the day's first. */
void audit_key_used(struct audit *a, const char *account_id, const char *key_id, int64_t wall_ms);
/* When a key was last used, to the minute here and to the day elsewhere; 0: never. */
int64_t audit_key_last_used(const struct audit *a, const char *key_id);

#endif
