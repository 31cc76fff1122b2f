/* What a command of the API can be given: one table per call, from which its options, --help and the request come. */
#ifndef CTL_FIELD_H
#define CTL_FIELD_H

#include <jansson.h>

#include "ctl/http.h"
#include "ctl/options.h"

enum field_kind {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_CSV,     /* "a,b": an array */
    FIELD_LIST,    /* may be repeated: an array; one empty text: an empty one */
    FIELD_HEADERS, /* "Name: value", may be repeated: an object; one empty text: an empty one */
    FIELD_PAST,    /* a time, or an age as 90s, 15m, 2h, 7d */
    FIELD_FUTURE,  /* a time, or as far ahead */
    FIELD_FILE,    /* a file's content, a text; an empty name: null */
    FIELD_FALSE,   /* a flag that says no */
    FIELD_ENABLE,  /* these three set `enabled`, and exclude each other */
    FIELD_PAUSE,
    FIELD_DISABLE,
};

enum field_place {
    IN_QUERY,
    IN_BODY, /* "limits.webhooks" is a member of the member limits */
    /* The rest are no parts of the request by themselves. */
    AS_LIMIT,           /* items of a list */
    AS_IDEMPOTENCY_KEY, /* the header; a new one where it is not given */
    AS_IF_MATCH,        /* a version, as If-Match */
    AS_BODY_FILE,       /* JSON that the options are put into */
};

struct field {
    const char *option; /* without its dashes */
    enum field_kind kind;
    enum field_place place;
    const char *name; /* of the parameter or member */
    const char *arg;  /* what stands for the value in --help; NULL for a flag */
    const char *help;
    int64_t min, max; /* FIELD_INT */
    bool required;
};

/* Where options_parse puts a field's value. */
struct slot {
    const char *text;
    int64_t number; /* FIELD_UNSET: not given */
    bool flag;
    struct opt_list list;
};

#define FIELD_UNSET INT64_MIN

/* The options of the fields; the i-th's value goes to slots[i] of the target. The array is the caller's to free. */
struct opt *field_options(const struct field *fields, size_t count);

/* Puts what was given into the query (",name=value" with & between, percent-encoded, appended), the body (an object, changed) and
 * the headers. ERR_INVALID: why names the option. */
MUST_CHECK enum err fields_apply(const struct field *fields, size_t count, const struct slot *slots, int64_t now_wall_ms,
                                 struct buf *query, json_t *body, struct http_headers *headers, struct errmsg *why);
/* The slot of the field of that place; NULL: there is none. */
const struct slot *field_slot(const struct field *fields, size_t count, const struct slot *slots, enum field_place place);

/* An RFC 3339 time as it is, or "15m", "2h", "7d", "90s" from now (back, or ahead). */
MUST_CHECK enum err field_time(const char *text, int64_t now_wall_ms, bool ahead, char out[40]);
/* Appends text percent-encoded. */
void put_encoded(struct buf *out, const char *text);

#endif
