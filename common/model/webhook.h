/* The webhook definition: value of `<prefix>.webhooks` (ARCHITECTURE: "Webhook"). Secrets are sealed. */
#ifndef MODEL_WEBHOOK_H
#define MODEL_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/webhook_tls.h"
#include "util/buf.h"

#define WEBHOOK_MAX_PATTERNS 50
#define WEBHOOK_MAX_HEADERS 20

enum webhook_signature { WEBHOOK_SIGN_TRUEFTP = 1, WEBHOOK_SIGN_STANDARD = 2, WEBHOOK_SIGN_BOTH = 3 };

struct webhook_header {
    char *name;
    char *value;            /* in the clear, as it was given; "" when it is sealed */
    char *sealed;           /* "" when it is not: one just given, or of a record from before values were sealed */
    int64_t sealed_version; /* `version` that the envelope is bound to */
};

struct webhook_secret {
    char *sealed;
    int64_t sealed_version;  /* `version` that the envelope is bound to */
    int64_t expires_wall_ms; /* 0: the current one; else the previous one signs until then */
};

struct webhook {
    char *id; /* "wh_" + 32 hex digits by convention; 1-64 of [A-Za-z0-9_-] */
    char *account_id;
    char *url;
    uint32_t events;        /* bit per enum event_type that is named */
    bool all_events;        /* "*": every event but extensions */
    struct slice *patterns; /* path_patterns, raw bytes */
    size_t pattern_count;
    char *description;
    bool enabled;
    char *disabled_reason;         /* "" while enabled */
    int max_attempts;              /* 1-20, default 3 */
    int64_t timeout_ms;            /* 1000-20000, default 10000 */
    int max_concurrency;           /* 1-1024, default 16 */
    int64_t rate_limit_per_second; /* 0: none */
    struct webhook_header *headers;
    size_t header_count;
    enum webhook_signature signature;
    struct webhook_secret secrets[2]; /* current, and previous during a rotation */
    size_t secret_count;
    struct webhook_tls *tls; /* NULL: the defaults */
    int64_t version;
    int64_t created_wall_ms, updated_wall_ms;
};

/* 1-64 of [A-Za-z0-9_-] */
bool webhook_id_valid(struct slice id);

/* A new webhook with the defaults; all strings "". */
struct webhook *webhook_new(void);
void webhook_free(struct webhook *wh);
/* One more, behind the others, with its value in the clear; both strings are copied. */
void webhook_add_header(struct webhook *wh, struct slice name, struct slice value);
/* Values in the clear are wiped. */
void webhook_clear_headers(struct webhook *wh);

/* From the topic. Members and events that are unknown are ignored; missing or null ones take their defaults; the result is valid
 * (webhook_validate). ERR_INVALID: why names the member. */
MUST_CHECK enum err webhook_parse(struct slice json, struct webhook **out, struct errmsg *why);
void webhook_write(struct buf *out, const struct webhook *wh);
/* ,"url":...,"enabled":...: the members that a customer sets, each after a comma; without headers, of which only their owner sees
 * the values. */
void webhook_write_settings(struct buf *out, const struct webhook *wh);
/* Bounds, names, header rules (SECURITY; a sealed value was held against them before), patterns; not the URL (target.h).
 * ERR_INVALID: why names the field. */
MUST_CHECK enum err webhook_validate(const struct webhook *wh, struct errmsg *why);

/* Whether an event of the webhook's account is for it: event names, extension rule, path patterns. Not enabled-ness.
 * An event without a path (ftp_user.created) is not held against the patterns. */
bool webhook_wants(const struct webhook *wh, enum event_type type, struct slice path);

#endif
