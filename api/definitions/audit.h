/* Who changed what: the audit topic holds a year of it, and the last entries of each account are kept in memory for the API. A
 * key's first use on a day is an entry too ("key.used"): so when it was last used is known after a restart, and to all replicas.
 */
#ifndef DEFINITIONS_AUDIT_H
#define DEFINITIONS_AUDIT_H

#include <jansson.h>

#include "definitions/writer.h"

#define AUDIT_KEPT 100 /* entries of an account in memory */

struct audit;

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
/* Calls fn for every entry as it is read, quiet ones too; NULL: no more. */
void audit_follow(struct audit *a, void (*fn)(void *ctx, const json_t *entry), void *ctx);
/* An entry as it was read. */
struct audit_line {
    int64_t number; /* grows with each entry of an account, as this replica has read them */
    char *json;
};
/* The account's last entries, the oldest first; borrowed until the loop's next turn. */
size_t audit_lines(const struct audit *a, const char *account_id, const struct audit_line **out);

/* A key was used now; appends an entry if it is the day's first. */
void audit_key_used(struct audit *a, const char *account_id, const char *key_id, int64_t wall_ms);
/* When a key was last used, to the minute here and to the day elsewhere; 0: never. */
int64_t audit_key_last_used(const struct audit *a, const char *key_id);

#endif
