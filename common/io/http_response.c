#include "http_response.h"

#include <strings.h>

#define LENGTH_DIGITS_MAX 18
#define PENDING_KEPT 4096  /* an endpoint that sends a long head in pieces would leave its room in each request that there is */
#define STATUS_LINE_MIN 16 /* a head shorter than this is looked at again from its start: it may be no HTTP at all */

void http_response_init(struct http_response *r, struct http_fields *fields, size_t keep_bytes)
{
    *r = (struct http_response){.fields = fields};
    buf_init(&r->pending, HTTP_HEAD_MAX + HTTP_BODY_MAX); /* and what came in the same read */
    buf_init(&r->kept, keep_bytes);
}

void http_response_done(struct http_response *r)
{
    buf_done(&r->pending);
    buf_done(&r->kept);
}

void http_response_reset(struct http_response *r)
{
    r->framing = HTTP_FRAMING_HEAD;
    r->head_complete = false;
    r->reusable = false;
    r->status = 0;
    r->why = NULL;
    r->head_bytes = r->body_bytes = r->retry_after_len = 0;
    buf_reset_to(&r->pending, PENDING_KEPT);
    buf_reset(&r->kept);
}

static enum http_progress bad(struct http_response *r, const char *why)
{
    r->why = why;
    return HTTP_BAD;
}

/* -------- fields -------- */

static bool is_named(const struct phr_header *f, struct slice name)
{
    return f->name_len == name.len && strncasecmp(f->name, name.p, name.len) == 0;
}

static struct slice trimmed(struct slice s)
{
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    while (s.len && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.len--;
    }
    return s;
}

/* The next element of a comma-separated list; false: none is left. */
static bool next_element(struct slice *list, struct slice *element)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->p, ',', list->len);
    size_t len = comma ? (size_t)(comma - list->p) : list->len;
    *element = trimmed(slice_of(list->p, len));
    size_t used = comma ? len + 1 : len;
    *list = slice_of(list->p + used, list->len - used);
    return true;
}

static bool is_word(struct slice s, struct slice word)
{
    return s.len == word.len && strncasecmp(s.p, word.p, word.len) == 0;
}

/* What the fields of a final head say of the message. */
struct head {
    bool close, keep_alive;
    bool coded, chunked; /* Transfer-Encoding: there is one; its last coding is chunked */
    bool sized, unclear; /* Content-Length: there is one; they differ or are no number */
    uint64_t length;
};

static void note_connection(struct head *h, struct slice list)
{
    struct slice option;
    while (next_element(&list, &option)) {
        h->close = h->close || is_word(option, SLICE("close"));
        h->keep_alive = h->keep_alive || is_word(option, SLICE("keep-alive"));
    }
}

static void note_coding(struct head *h, struct slice list)
{
    struct slice coding;
    h->coded = true;
    while (next_element(&list, &coding))
        if (coding.len > 0)
            h->chunked = is_word(coding, SLICE("chunked"));
}

static void note_length(struct head *h, struct slice list)
{
    struct slice digits;
    while (next_element(&list, &digits)) {
        uint64_t length = 0;
        bool number = digits.len > 0 && digits.len <= LENGTH_DIGITS_MAX;
        for (size_t i = 0; number && i < digits.len; i++) {
            number = digits.p[i] >= '0' && digits.p[i] <= '9';
            length = length * 10 + (uint64_t)(digits.p[i] - '0');
        }
        if (!number || (h->sized && length != h->length))
            h->unclear = true;
        h->length = length;
        h->sized = true;
    }
    if (!h->sized)
        h->sized = h->unclear = true; /* an empty field */
}

static void note_retry_after(struct http_response *r, struct slice value)
{
    if (value.len > sizeof r->retry_after)
        value.len = 0; /* no time is that long */
    memcpy(r->retry_after, value.p, value.len);
    r->retry_after_len = value.len;
}

static void note_fields(struct http_response *r, struct head *h, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct phr_header *f = &r->fields->f[i];
        struct slice value = trimmed(slice_of(f->value, f->value_len));
        if (!f->name)
            h->close = true; /* a folded line (obsolete): what it means is nothing to build on */
        else if (is_named(f, SLICE("content-length")))
            note_length(h, value);
        else if (is_named(f, SLICE("transfer-encoding")))
            note_coding(h, value);
        else if (is_named(f, SLICE("connection")))
            note_connection(h, value);
        else if (is_named(f, SLICE("retry-after")))
            note_retry_after(r, value);
    }
}

/* -------- the body -------- */

static enum http_progress complete(struct http_response *r, bool clean)
{
    r->reusable = r->reusable && clean;
    return HTTP_COMPLETE;
}

/* RFC 9112, 6.3. Two things that contradict each other frame nothing: the head counts, and the connection is closed. */
static enum http_progress begin_body(struct http_response *r, const struct head *h, int minor)
{
    r->reusable = !h->close && (minor >= 1 || h->keep_alive);
    if (r->status == 204 || r->status == 304) {
        r->framing = HTTP_FRAMING_LENGTH;
        r->left = 0;
    } else if (h->coded) {
        r->framing = h->chunked ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
        r->reusable = r->reusable && h->chunked && !h->sized && minor >= 1;
        r->chunked = (struct phr_chunked_decoder){.consume_trailer = 1};
    } else if (h->unclear) {
        return complete(r, false);
    } else {
        r->framing = h->sized ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CLOSE;
        r->reusable = r->reusable && h->sized;
        r->left = h->length;
    }
    return HTTP_MORE;
}

static void keep(struct http_response *r, const char *p, size_t len)
{
    size_t room = r->kept.max - r->kept.len;
    if (len > 0 && room > 0)
        buf_put(&r->kept, p, len < room ? len : room);
}

static enum http_progress take_chunked(struct http_response *r, char *p, size_t len)
{
    size_t decoded = len;
    ssize_t rest = phr_decode_chunked(&r->chunked, p, &decoded);
    keep(r, p, decoded);
    if (rest == -2)
        return HTTP_MORE;
    return complete(r, rest == 0); /* -1: bad chunks; more than 0: bytes after the response */
}

static enum http_progress take_length(struct http_response *r, const char *p, size_t len)
{
    size_t of_it = len < r->left ? len : (size_t)r->left;
    keep(r, p, of_it);
    r->left -= of_it;
    return r->left == 0 ? complete(r, of_it == len) : HTTP_MORE;
}

static enum http_progress take_body(struct http_response *r, char *p, size_t len)
{
    enum http_progress progress = HTTP_MORE;
    r->body_bytes += len;
    if (r->framing == HTTP_FRAMING_CHUNKED && len > 0)
        progress = take_chunked(r, p, len);
    else if (r->framing == HTTP_FRAMING_LENGTH)
        progress = take_length(r, p, len);
    else
        keep(r, p, len);
    if (progress == HTTP_MORE && r->body_bytes > HTTP_BODY_MAX)
        return complete(r, false);
    return progress;
}

/* -------- the head -------- */

/* A head was read; of 1xx there may be several before the final one. 101 would make this connection something else than HTTP. */
static enum http_progress end_head(struct http_response *r, int minor, size_t field_count)
{
    struct head h = {0};
    if (r->status < 100 || r->status == 101)
        return bad(r, r->status == 101 ? "the endpoint switches protocols, which nobody asked for"
                                       : "no such status as in the answer");
    if (r->status < 200) {
        r->status = 0;
        return HTTP_MORE;
    }
    note_fields(r, &h, field_count);
    r->head_complete = true;
    return begin_body(r, &h, minor);
}

/* Keeps what is left of the bytes for the next time. */
static enum http_progress unfinished(struct http_response *r, const char *p, size_t len)
{
    if (r->head_bytes + len > HTTP_HEAD_MAX)
        return bad(r, "the answer's head is too long");
    if (r->pending.len > 0)
        buf_drop(&r->pending, (size_t)(p - r->pending.p));
    else if (len > 0)
        buf_put(&r->pending, p, len);
    return r->pending.err == ERR_OK ? HTTP_MORE : bad(r, "the answer's head is too long");
}

/* seen: so many bytes were looked at before. */
static enum http_progress take_heads(struct http_response *r, char *p, size_t len, size_t seen)
{
    while (len > 0) {
        int minor = 0, status = 0;
        const char *reason;
        size_t reason_len, field_count = HTTP_FIELDS_MAX;
        int used = phr_parse_response(p, len, &minor, &status, &reason, &reason_len, r->fields->f, &field_count,
                                      seen < STATUS_LINE_MIN ? 0 : seen);
        if (used == -2)
            return unfinished(r, p, len);
        if (used < 0)
            return bad(r, "the answer is not HTTP/1.x, or its head has a bad line or too many lines");
        r->head_bytes += (size_t)used;
        p += used;
        len -= (size_t)used;
        seen = 0;
        if (r->head_bytes > HTTP_HEAD_MAX)
            return bad(r, "the answer's head is too long");
        r->status = status;
        enum http_progress progress = end_head(r, minor, field_count);
        if (r->head_complete && progress == HTTP_MORE)
            progress = take_body(r, p, len);
        if (r->head_complete || progress != HTTP_MORE)
            return progress;
    }
    buf_reset(&r->pending);
    return HTTP_MORE;
}

enum http_progress http_response_take(struct http_response *r, char *p, size_t len)
{
    size_t seen = r->pending.len;
    if (r->head_complete)
        return take_body(r, p, len);
    if (seen == 0)
        return take_heads(r, p, len, 0);
    buf_put(&r->pending, p, len);
    if (r->pending.err != ERR_OK)
        return bad(r, "the answer's head is too long");
    return take_heads(r, r->pending.p, r->pending.len, seen);
}
