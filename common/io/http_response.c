/* The response as it comes in. The head is followed line by line, because only that tells when the final head is complete: from
 * that moment the delivery has its answer, whatever the body does. */
#include <strings.h>

#include "http_internal.h"

static size_t stop(struct http_request *rq, enum http_stop why)
{
    rq->stop = why;
    return 0; /* fewer bytes than were offered: libcurl ends the transfer and the connection */
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The code of "HTTP/1.1 200 OK", 100 to 999; 0: this is no status line. */
static int status_code(struct slice line)
{
    size_t i = 5;
    if (line.len < 12 || strncmp(line.p, "HTTP/", 5) != 0)
        return 0;
    while (i < line.len && (is_digit(line.p[i]) || line.p[i] == '.'))
        i++;
    size_t version_end = i;
    while (i < line.len && line.p[i] == ' ')
        i++;
    if (i == version_end || i + 3 > line.len || !is_digit(line.p[i]) || !is_digit(line.p[i + 1]) || !is_digit(line.p[i + 2]))
        return 0;
    if (i + 3 < line.len && is_digit(line.p[i + 3]))
        return 0;
    int code = (line.p[i] - '0') * 100 + (line.p[i + 1] - '0') * 10 + (line.p[i + 2] - '0');
    return code >= 100 ? code : 0;
}

static struct slice trimmed(struct slice s)
{
    while (s.len && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\r' || s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    while (s.len && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.len--;
    }
    return s;
}

static void take_field(struct http_request *rq, struct slice line)
{
    static const char name[] = "retry-after:";
    const size_t name_len = sizeof name - 1;
    if (line.len < name_len || strncasecmp(line.p, name, name_len) != 0)
        return;
    struct slice value = trimmed(slice_of(line.p + name_len, line.len - name_len));
    if (value.len > sizeof rq->retry_after)
        value.len = 0; /* no time is that long */
    if (value.len)
        memcpy(rq->retry_after, value.p, value.len);
    rq->retry_after_len = value.len;
}

/* The empty line. Of 1xx there may be several before the final head; 101 would make this connection something else than HTTP. */
static bool head_ends(struct http_request *rq)
{
    if (rq->status == 101)
        return false;
    if (rq->status < 200) {
        rq->head = HTTP_HEAD_STATUS;
        rq->status = 0;
        rq->retry_after_len = 0;
        return true;
    }
    rq->head = HTTP_HEAD_COMPLETE;
    http_client_watch_body(rq);
    return true;
}

static bool is_empty_line(struct slice line)
{
    return (line.len == 2 && line.p[0] == '\r' && line.p[1] == '\n') || (line.len == 1 && line.p[0] == '\n');
}

static bool take_line(struct http_request *rq, struct slice line)
{
    if (rq->head == HTTP_HEAD_COMPLETE)
        return true; /* a trailer */
    if (rq->head == HTTP_HEAD_FIELDS) {
        if (is_empty_line(line))
            return head_ends(rq);
        take_field(rq, line);
        return true;
    }
    rq->status = status_code(line);
    rq->head = HTTP_HEAD_FIELDS;
    return rq->status != 0;
}

size_t http_response_header(char *p, size_t size, size_t count, void *userp)
{
    struct http_request *rq = userp;
    struct slice line = slice_of(p, size * count);
    rq->head_bytes += line.len;
    if (rq->head_bytes > HTTP_HEAD_MAX || !take_line(rq, line))
        return stop(rq, HTTP_STOP_BAD_HEAD);
    return line.len;
}

size_t http_response_body(char *p, size_t size, size_t count, void *userp)
{
    struct http_request *rq = userp;
    size_t len = size * count;
    size_t room = DELIVERY_RESPONSE_BYTES - rq->response.len;
    buf_put(&rq->response, p, len < room ? len : room);
    rq->body_bytes += len;
    if (rq->body_bytes > HTTP_BODY_MAX)
        return stop(rq, HTTP_STOP_ENOUGH);
    return len;
}
