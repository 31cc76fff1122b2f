/* The account: value of `<prefix>.accounts`. */
#ifndef MODEL_ACCOUNT_H
#define MODEL_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

struct account_key {
    char *id;         /* looked up by it */
    char *sha256_hex; /* of the whole key */
    char *scopes;     /* "read", "write", separated by spaces */
    char *description;
    int64_t created_wall_ms;
    int64_t expires_wall_ms; /* 0: never */
};

struct account {
    char *id;
    char *name;
    char *plan;                /* "free": no webhooks; any other is paid */
    char *pool;                /* "" the shared one */
    int64_t max_webhooks;      /* limits.webhooks, default 100 */
    int64_t events_per_second; /* limits.events_per_second, 0 = none */
    struct account_key *keys;
    size_t key_count;
    int64_t version;
    int64_t created_wall_ms, updated_wall_ms;
};

struct account *account_new(void);
void account_free(struct account *a);
/* From the topic. Members that are unknown are ignored; missing or null ones take their defaults (plan free). ERR_INVALID: why
 * names the member. */
MUST_CHECK enum err account_parse(struct slice json, struct account **out, struct errmsg *why);
void account_write(struct buf *out, const struct account *a);
bool account_is_paid(const struct account *a);
/* 1-128 of [A-Za-z0-9_.-] */
bool account_id_valid(struct slice id);

#endif
