/* Deliveries: identity, the POST's body, and the order of the fold. */
#include "model/delivery.h"

#include <stdio.h>

#define PUT(out, literal) buf_put(out, "" literal, sizeof(literal) - 1)

static const char *const status_names[] = {
    [DELIVERY_RETRYING] = "retrying", [DELIVERY_PARKED] = "parked",       [DELIVERY_CANCELLED] = "cancelled",
    [DELIVERY_FAILED] = "failed",     [DELIVERY_DELIVERED] = "delivered", [DELIVERY_PURGED] = "purged",
};

static const char *const error_names[DELIVERY_ERROR_COUNT] = {
    [DELIVERY_ERROR_NONE] = NULL,
    [DELIVERY_ERROR_DNS] = "dns",
    [DELIVERY_ERROR_CONNECT_REFUSED] = "connect_refused",
    [DELIVERY_ERROR_CONNECT_TIMEOUT] = "connect_timeout",
    [DELIVERY_ERROR_RESET] = "reset",
    [DELIVERY_ERROR_TLS] = "tls",
    [DELIVERY_ERROR_TIMEOUT] = "timeout",
    [DELIVERY_ERROR_HTTP_STATUS] = "http_status",
    [DELIVERY_ERROR_REDIRECT] = "redirect",
    [DELIVERY_ERROR_BLOCKED_TARGET] = "blocked_target",
    [DELIVERY_ERROR_PROTOCOL] = "protocol",
    [DELIVERY_ERROR_CANCELLED] = "cancelled",
};

static const char *const reason_names[DELIVERY_REASON_COUNT] = {
    [DELIVERY_REASON_NONE] = NULL,
    [DELIVERY_REASON_TLS_PIN_MISMATCH] = "tls_pin_mismatch",
    [DELIVERY_REASON_TLS_UNTRUSTED] = "tls_untrusted",
    [DELIVERY_REASON_TLS_EXPIRED] = "tls_expired",
    [DELIVERY_REASON_TLS_WRONG_NAME] = "tls_wrong_name",
    [DELIVERY_REASON_TLS_CLIENT_CERTIFICATE] = "tls_client_certificate",
    [DELIVERY_REASON_TLS_VERSION] = "tls_version",
    [DELIVERY_REASON_TLS_HANDSHAKE] = "tls_handshake",
};

const char *delivery_status_name(enum delivery_status status)
{
    return status_names[status];
}

const char *delivery_error_name(enum delivery_error error)
{
    return error_names[error];
}

const char *delivery_reason_name(enum delivery_reason reason)
{
    return reason_names[reason];
}

struct uuid delivery_id(const struct uuid *event_id, struct slice webhook_id, int64_t generation)
{
    char name[128] NOT_ZEROED;
    if (generation < 1) {
        return uuid_v5(event_id, webhook_id);
    }
    int len = snprintf(name, sizeof name, "%.*s/%lld", (int)webhook_id.len, webhook_id.p, (long long)generation);
    check(len > 0 && (size_t)len < sizeof name); /* a webhook's id has 64 bytes at most */
    return uuid_v5(event_id, slice_of(name, (size_t)len));
}

void delivery_body(struct buf *out, const struct event *ev, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    PUT(out, "{\"event\":\"");
    buf_puts(out, event_type_name(ev->type));
    PUT(out, "\",\"delivery_id\":\"");
    buf_put(out, text, sizeof text - 1);
    PUT(out, "\",\"timestamp\":\"");
    buf_put_slice(out, ev->timestamp);
    PUT(out, "\",\"account_id\":\"");
    buf_put_slice(out, ev->account_id);
    PUT(out, "\",\"data\":");
    buf_put_slice(out, ev->data);
    PUT(out, "}");
}

static int status_rank(enum delivery_status status)
{
    static const int ranks[] = {
        [DELIVERY_RETRYING] = 0, [DELIVERY_PARKED] = 0,    [DELIVERY_CANCELLED] = 1,
        [DELIVERY_FAILED] = 2,   [DELIVERY_DELIVERED] = 3, [DELIVERY_PURGED] = 4,
    };
    return ranks[status];
}

int delivery_rank_compare(struct delivery_rank a, struct delivery_rank b)
{
    int by_status = status_rank(a.status) - status_rank(b.status);
    if (by_status != 0) {
        return by_status;
    }
    if (a.attempt != b.attempt) {
        return a.attempt > b.attempt ? 1 : -1;
    }
    return (a.revision > b.revision) - (a.revision < b.revision);
}
