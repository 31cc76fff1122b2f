/* The delivery record: value of `<prefix>.deliveries[.pool]`, and the fold of two records of one delivery.
 * (ARCHITECTURE: "Delivery record"; DELIVERY: "Ownership"). */
#ifndef MODEL_DELIVERY_H
#define MODEL_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"
#include "model/uuid.h"
#include "util/buf.h"

#define DELIVERY_MAX_ATTEMPTS 20
#define DELIVERY_RESPONSE_BYTES 4096
#define DELIVERY_MAX_BYTES (2 * 1024 * 1024 - 4096) /* no record is longer; its topic takes 2 MiB */

enum delivery_status {
    DELIVERY_RETRYING,
    DELIVERY_PARKED,
    DELIVERY_CANCELLED,
    DELIVERY_FAILED,
    DELIVERY_DELIVERED,
    DELIVERY_PURGED,
};

/* Why an attempt did not succeed. */
enum delivery_error {
    DELIVERY_ERROR_NONE,
    DELIVERY_ERROR_DNS,
    DELIVERY_ERROR_CONNECT_REFUSED,
    DELIVERY_ERROR_CONNECT_TIMEOUT,
    DELIVERY_ERROR_RESET,
    DELIVERY_ERROR_TLS,
    DELIVERY_ERROR_TIMEOUT,
    DELIVERY_ERROR_HTTP_STATUS,
    DELIVERY_ERROR_REDIRECT,
    DELIVERY_ERROR_BLOCKED_TARGET,
    DELIVERY_ERROR_PROTOCOL,
    DELIVERY_ERROR_CANCELLED,
    DELIVERY_ERROR_COUNT,
};

/* More of why, where an error class says too little and more is known. */
enum delivery_reason {
    DELIVERY_REASON_NONE,
    DELIVERY_REASON_TLS_PIN_MISMATCH,       /* the server's public key is none of the pinned ones */
    DELIVERY_REASON_TLS_UNTRUSTED,          /* no chain from the server's certificate to an authority that is trusted */
    DELIVERY_REASON_TLS_EXPIRED,            /* the server's certificate is not valid now */
    DELIVERY_REASON_TLS_WRONG_NAME,         /* it is for another host */
    DELIVERY_REASON_TLS_CLIENT_CERTIFICATE, /* the server wants a client certificate, or another */
    DELIVERY_REASON_TLS_VERSION,            /* no version that both take */
    DELIVERY_REASON_TLS_HANDSHAKE,          /* anything else */
    DELIVERY_REASON_COUNT,
};

const char *delivery_status_name(enum delivery_status status);
const char *delivery_error_name(enum delivery_error error);    /* "dns", ...; NULL for NONE */
const char *delivery_reason_name(enum delivery_reason reason); /* "tls_pin_mismatch", ...; NULL for NONE */
static inline bool delivery_is_open(enum delivery_status status)
{
    return status == DELIVERY_RETRYING || status == DELIVERY_PARKED;
}

struct delivery_attempt {
    int number; /* 1, 2, ... */
    int64_t started_wall_ms;
    int http_status; /* 0: none was received */
    enum delivery_error error;
    enum delivery_reason reason;
    int32_t duration_ms, queued_ms, dns_ms, connect_ms, tls_ms, first_byte_ms; /* -1: did not get that far */
    struct slice response; /* first bytes of the answer's body, raw; UTF-8 is repaired on writing */
};

struct delivery {
    struct uuid id;
    struct uuid event_id;
    struct slice webhook_id, account_id;
    enum event_type event;
    struct slice path; /* raw bytes */
    enum delivery_status status;
    int64_t revision; /* 1 in the first record */
    int attempt;      /* attempts made */
    int max_attempts;
    int http_status;           /* of the last attempt; 0: none */
    enum delivery_error error; /* of the last attempt */
    struct slice detail;       /* a sentence for people about a cancellation or failure; may be empty */
    int64_t event_wall_ms, created_wall_ms, updated_wall_ms;
    int64_t next_attempt_wall_ms; /* while open; 0 otherwise */
    int64_t held_wall_ms;         /* parked since its webhook is paused: since when; 0: it is not held */
    int64_t generation;
    struct slice original_delivery_id;
    bool test; /* asked for by a test command */
    struct slice event_topic;
    int32_t event_partition;
    int64_t event_offset;
    struct slice body; /* the POST's exact bytes; empty in a delivered, cancelled or purged record */
    struct slice trace_id;
    bool
        trace_unsampled; /* the frontend's trace is not recorded: sent on, so that the endpoint does not record its part either */
    int attempt_count;
    struct delivery_attempt attempts[DELIVERY_MAX_ATTEMPTS]; /* last: mostly there is one, and the rest is never touched */
};

/* UUIDv5: namespace event_id, name webhook_id, or "webhook_id/n" for generation n >= 1. */
struct uuid delivery_id(const struct uuid *event_id, struct slice webhook_id, int64_t generation);

/* Appends the record's JSON, by formatted print (hot path). */
void delivery_write(struct buf *out, const struct delivery *dl);
/* Reads a record; slices point into json or scratch (reset here; its limit at least json.len) and live as long as both. Members
 * that are unknown are ignored. ERR_INVALID: why names the member. ERR_TOO_BIG: the scratch's limit. */
MUST_CHECK enum err delivery_parse(struct slice json, struct buf *scratch, struct delivery *out, struct errmsg *why);

/* The body of the POST: exactly event, delivery_id, timestamp, account_id, data, the last four from the event's own bytes. */
void delivery_body(struct buf *out, const struct event *ev, const struct uuid *id);

/* What the fold compares, small enough for an index. */
struct delivery_rank {
    enum delivery_status status;
    int attempt;
    int64_t revision;
};

/* > 0: a wins over b. purged > delivered > failed > cancelled > (retrying = parked); then more attempts, then the higher
 * revision. 0: equal; then the later offset wins. */
int delivery_rank_compare(struct delivery_rank a, struct delivery_rank b);

#endif
