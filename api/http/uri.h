/* The target of a request, as it stood in the request line: path segments and query pairs, percent-decoded one by one, so that a
 * %2F never makes another path. */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "util/buf.h"

#define URI_MAX_BYTES 8192
#define URI_MAX_SEGMENTS 12
#define URI_MAX_PAIRS 24

struct uri_pair {
    const char *name, *value;
};

struct uri {
    const char *segments[URI_MAX_SEGMENTS]; /* of "/a/b": "a", "b"; of "/": none */
    size_t segment_count;
    struct uri_pair pairs[URI_MAX_PAIRS];
    size_t pair_count;
    char *storage; /* what all of them point into */
};

/* raw: "/path?query". Decoded text is UTF-8 without NUL. ERR_INVALID, ERR_TOO_BIG: why says what is wrong; *out needs no uri_done
 * then. */
MUST_CHECK enum err uri_parse(const char *raw, struct uri *out, struct errmsg *why);
/* out may be zeroed. */
void uri_done(struct uri *u);
/* The value of a query parameter, NULL: it is not there. */
const char *uri_query(const struct uri *u, const char *name);

#endif
