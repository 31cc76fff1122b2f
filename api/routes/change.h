/* A request that changes a definition: the record is written and read back, then the audit entry is written, then the request is
 * answered. Lost against another change: 412. Kafka away: 503. */
#ifndef ROUTES_CHANGE_H
#define ROUTES_CHANGE_H

#include "definitions/table.h"
#include "http/request.h"

struct change {
    struct request *rq;
    struct table *table;
    char *key;
    char *account_id;
    const char *action; /* "webhook.update" */
    char *audit_target; /* id in the audit log; as key by default */
    char *fields;       /* names of members */
    int64_t version;
    /* It is done: answers the request, from what the table holds now. */
    void (*answer)(struct request *rq, struct change *c);
    /* It has lost; NULL: 412. */
    void (*lost)(struct request *rq, struct change *c);
    bool then_delete; /* a tombstone follows */
    char secret[96];  /* for the answer; wiped at the end */
};

struct change *change_new(struct request *rq, struct table *table, const char *key, const char *account_id, const char *action);
/* Takes fields, an allocated string. */
void change_fields(struct change *c, char *fields);
/* value's version is the one to be written. The value is the caller's again after the call. */
void change_write(struct change *c, const void *value, int64_t version);
void change_delete(struct change *c);

/* Whether If-Match, where it is given, names the version. False: answered with 412. */
bool change_if_match(struct request *rq, int64_t version);

#endif
