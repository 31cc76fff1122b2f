/* Outcome and backoff. The whole policy of what a customer's answer means is here and in its table of tests. */
#include "core/retry.h"

#include <time.h>

enum verdict retry_classify(const struct outcome *o, enum delivery_error *error)
{
    *error = o->error;
    if (o->ours)
        return VERDICT_AGAIN;
    if (o->error != DELIVERY_ERROR_NONE)
        return VERDICT_RETRY;
    if (o->http_status >= 200 && o->http_status <= 299)
        return VERDICT_DELIVERED;
    *error = o->http_status >= 300 && o->http_status <= 399 ? DELIVERY_ERROR_REDIRECT : DELIVERY_ERROR_HTTP_STATUS;
    return o->http_status == 410 ? VERDICT_GONE : VERDICT_RETRY;
}

bool retry_strained(const struct outcome *o)
{
    switch (o->error) {
    case DELIVERY_ERROR_NONE:
        return o->http_status == 429 || (o->http_status >= 502 && o->http_status <= 504);
    case DELIVERY_ERROR_BLOCKED_TARGET:
    case DELIVERY_ERROR_CANCELLED:
        return false;
    default:
        return true;
    }
}

int64_t retry_delay_ms(const struct retry_policy *p, int attempt, uint32_t random)
{
    int64_t delay = p->base_ms;
    for (int i = 1; i < attempt && delay < p->max_ms; i++)
        if (__builtin_mul_overflow(delay, p->factor, &delay))
            delay = p->max_ms;
    if (delay > p->max_ms)
        delay = p->max_ms;
    int64_t spread = delay * 2 / 5; /* from -20 % to +20 % */
    return delay - spread / 2 + (int64_t)((double)spread * ((double)random / (double)UINT32_MAX));
}

static bool parse_seconds(struct slice value, int64_t *delay_ms)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        if (seconds < INT64_MAX / 10000)
            seconds = seconds * 10 + (value.p[i] - '0');
    }
    if (value.len == 0)
        return false;
    *delay_ms = seconds * 1000;
    return true;
}

bool retry_after_parse(struct slice value, int64_t now_wall_ms, int64_t *delay_ms)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
    char text[64];
    if (parse_seconds(value, delay_ms))
        return true;
    if (value.len == 0 || value.len >= sizeof text)
        return false;
    memcpy(text, value.p, value.len);
    text[value.len] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (!end || *end != '\0')
            continue;
        int64_t at = (int64_t)timegm(&tm) * 1000;
        *delay_ms = at > now_wall_ms ? at - now_wall_ms : 0;
        return true;
    }
    return false;
}

int64_t retry_next_ms(const struct retry_policy *p, const struct outcome *o, int attempt, int64_t now_wall_ms, uint32_t random)
{
    int64_t delay = retry_delay_ms(p, attempt, random);
    int64_t asked;
    bool may_ask = o->http_status == 429 || o->http_status == 503;
    if (!may_ask || !retry_after_parse(o->retry_after, now_wall_ms, &asked) || asked <= delay)
        return delay;
    return asked < p->max_ms ? asked : p->max_ms > delay ? p->max_ms : delay;
}
