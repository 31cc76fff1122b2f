#include "ctl/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_MAX (1024UL * 1024)
#define RETRY_MAX_MS 60000

void sse_init(struct sse *s, int64_t retry_ms, void (*on_event)(void *ctx, const char *name, struct slice data), void *ctx)
{
    *s = (struct sse){.on_event = on_event, .ctx = ctx, .retry_ms = retry_ms};
    buf_init(&s->line, EVENT_MAX);
    buf_init(&s->data, EVENT_MAX);
}

void sse_done(struct sse *s)
{
    buf_done(&s->line);
    buf_done(&s->data);
}

void sse_restart(struct sse *s)
{
    buf_reset(&s->line);
    buf_reset(&s->data);
    s->name[0] = '\0';
    s->after_cr = false;
    (void)snprintf(s->id, sizeof s->id, "%s", s->last_id);
}

/* The empty line: what was gathered is an event, if it has data. The id counts also without. */
static void dispatch(struct sse *s)
{
    (void)snprintf(s->last_id, sizeof s->last_id, "%s", s->id);
    if (s->data.len > 0) {
        s->on_event(s->ctx, *s->name ? s->name : "message", slice_of(s->data.p, s->data.len - 1)); /* without the last newline */
    }
    buf_reset(&s->data);
    s->name[0] = '\0';
}

static void take_retry(struct sse *s, const char *text)
{
    if (*text && strspn(text, "0123456789") == strlen(text)) {
        long long ms = strtoll(text, NULL, 10);
        s->retry_ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    }
}

static void take_field(struct sse *s, const char *name, const char *value, size_t value_len)
{
    if (strcmp(name, "data") == 0) {
        buf_put(&s->data, value, value_len);
        buf_putc(&s->data, '\n');
    } else if (strcmp(name, "event") == 0) {
        (void)snprintf(s->name, sizeof s->name, "%s", value);
    } else if (strcmp(name, "id") == 0 && strlen(value) == value_len && value_len < sizeof s->id) {
        (void)snprintf(s->id, sizeof s->id, "%s", value);
    } else if (strcmp(name, "retry") == 0) {
        take_retry(s, value);
    }
}

/* The line is cut in place. One that begins with a colon is a comment. */
static void take_line(struct sse *s)
{
    if (s->line.len == 0) {
        dispatch(s);
    } else if (s->line.p[0] != ':') {
        char *colon = memchr(s->line.p, ':', s->line.len), *value = s->line.p + s->line.len;
        if (colon) {
            *colon = '\0';
            value = colon + 1;
            value += *value == ' ';
        }
        take_field(s, s->line.p, value, (size_t)(s->line.p + s->line.len - value));
    }
    buf_reset(&s->line);
}

/* A line ends with CR LF, LF or CR. */
enum err sse_feed(struct sse *s, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.p[i];
        if (c == '\n' && s->after_cr) {
            s->after_cr = false;
            continue;
        }
        s->after_cr = c == '\r';
        if (c == '\n' || c == '\r') {
            take_line(s);
        } else {
            buf_putc(&s->line, c);
        }
        if (s->line.err != ERR_OK || s->data.err != ERR_OK) {
            return ERR_TOO_BIG;
        }
    }
    return ERR_OK;
}
