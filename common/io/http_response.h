/* A response to one POST as its bytes come in (RFC 9112). Pure: no I/O, no clock. The heads and the chunked coding are parsed by
 * picohttpparser; what frames the body and whether the connection can be used again is decided here.
 *
 * The final status line with complete headers is all that a delivery needs. So everything after the head is read for display
 * alone, within bounds, and whatever is wrong with it costs the connection, never the delivery. */
#ifndef IO_HTTP_RESPONSE_H
#define IO_HTTP_RESPONSE_H

#include <picohttpparser.h>
#include <stdint.h>

#include "util/buf.h"

#define HTTP_HEAD_MAX 65536  /* all header bytes of a response, 1xx included */
#define HTTP_FIELDS_MAX 1024 /* header lines of one head */
#define HTTP_BODY_MAX 65536  /* bytes of a body that are read, its chunks' sizes included */
#define HTTP_RETRY_AFTER_MAX 128

/* Room for one head's fields while it is parsed; one for all responses. */
struct http_fields {
    struct phr_header f[HTTP_FIELDS_MAX];
};

enum http_progress {
    HTTP_MORE,     /* the response goes on */
    HTTP_COMPLETE, /* nothing more is to be read; `reusable` says whether the connection is good for another request */
    HTTP_BAD,      /* no final head can come of this: `why` */
};

enum http_framing { HTTP_FRAMING_HEAD, HTTP_FRAMING_LENGTH, HTTP_FRAMING_CHUNKED, HTTP_FRAMING_CLOSE };

struct http_response {
    enum http_framing framing; /* of what is read next */
    bool head_complete;        /* of a final response: status and retry_after hold */
    bool reusable;
    int status;
    const char *why;
    size_t head_bytes, body_bytes;
    uint64_t left; /* of a body with a length */
    struct phr_chunked_decoder chunked;
    struct http_fields *fields;
    struct buf pending; /* an unfinished head; memory is taken only for one that did not come in one piece */
    struct buf kept;    /* the body's first bytes */
    size_t retry_after_len;
    char retry_after[HTTP_RETRY_AFTER_MAX];
};

/* keep_bytes of the body are kept. fields must outlive it. */
void http_response_init(struct http_response *r, struct http_fields *fields, size_t keep_bytes);
void http_response_done(struct http_response *r);
/* For the next response. What memory a usual one needs is kept. */
void http_response_reset(struct http_response *r);
/* Nothing of it has been read. */
static inline bool http_response_untouched(const struct http_response *r)
{
    return r->head_bytes == 0 && r->pending.len == 0;
}
/* The next bytes; they are decoded in place. Not after anything but HTTP_MORE was returned. */
enum http_progress http_response_take(struct http_response *r, char *p, size_t len);

#endif
