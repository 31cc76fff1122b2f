/* Typed members of a jansson object, for documents that are not on the hot path. A member that is missing or null leaves the
 * field as it was (its default). ERR_INVALID: why says "<where><name>: <problem>". */
#ifndef MODEL_JSON_MEMBERS_H
#define MODEL_JSON_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* Parses text, which must be an object without a member twice. The caller owns *out (json_decref). */
MUST_CHECK enum err json_members_load(struct slice text, json_t **out, struct errmsg *why);

/* Replaces *field, an allocated string, by a copy of the member. */
MUST_CHECK enum err json_member_string(const json_t *o, const char *where, const char *name, char **field, struct errmsg *why);
/* An integer from min to max. */
MUST_CHECK enum err json_member_int64(const json_t *o, const char *where, const char *name, int64_t min, int64_t max,
                                      int64_t *field, struct errmsg *why);
MUST_CHECK enum err json_member_int(const json_t *o, const char *where, const char *name, int min, int max, int *field,
                                    struct errmsg *why);
MUST_CHECK enum err json_member_bool(const json_t *o, const char *where, const char *name, bool *field, struct errmsg *why);
/* An RFC 3339 time. */
MUST_CHECK enum err json_member_time(const json_t *o, const char *where, const char *name, int64_t *field, struct errmsg *why);
/* For records that others wrote, where what is missing or of another type is as good as empty: at most size bytes with the
 * NUL. */
void json_take_text(char *out, size_t size, const json_t *o, const char *name);
/* An RFC 3339 time; 0: it is missing or none. */
int64_t json_take_time(const json_t *o, const char *name);
/* An array of at most max elements, borrowed; NULL when it is absent. */
MUST_CHECK enum err json_member_array(const json_t *o, const char *where, const char *name, size_t max, const json_t **out,
                                      struct errmsg *why);
/* An object, borrowed; NULL when it is absent. */
MUST_CHECK enum err json_member_object(const json_t *o, const char *where, const char *name, const json_t **out,
                                       struct errmsg *why);

/* Writers: ,"name":"..." with the comma; a time in milliseconds since 1970, null when it is 0. */
void json_put_member(struct buf *out, const char *name, const char *value);
void json_put_member_int(struct buf *out, const char *name, int64_t value);
void json_put_member_time(struct buf *out, const char *name, int64_t wall_ms);

#endif
