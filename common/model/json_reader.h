/* Reading an object's members without building a tree (the hot path's counterpart of json_members.h). The first failure sticks in
 * r->err, and later calls do nothing, so a reader asks for what it needs and looks once. Messages name the member with
 * its place, as in "data.size: must be ...".
 *
 * Strings come as slices: into the JSON itself where nothing is escaped, else into a scratch buffer, which must not move
 * while slices point into it: so its room is reserved once, by json_scratch_room. */
#ifndef MODEL_JSON_READER_H
#define MODEL_JSON_READER_H

#include "util/json.h"

#define JSON_READER_MEMBERS 64

struct json_reader {
    struct json_member members[JSON_READER_MEMBERS];
    size_t count;
    uint64_t names;    /* a bit for each name there is: most that are asked for and absent are known by it */
    size_t next;       /* where the next search starts: whoever asks in the order of writing finds at once */
    const char *where; /* "", "data.", ...: stands before the names in messages */
    enum err err;
    struct errmsg *why;
};

/* Splits text, the whole of an object. text, where and why must outlive r. */
void json_reader_open(struct json_reader *r, struct slice text, const char *where, struct errmsg *why);
/* Fails with ERR_INVALID and "<where><name>: <problem>", if nothing failed before. */
void json_reader_fail(struct json_reader *r, const char *name, const char *problem);

/* The member, or NULL: not there, null, or (a failure) of another kind. */
const struct json_member *json_reader_get(struct json_reader *r, const char *name, enum json_kind kind);
/* As above, but its absence is a failure too. */
const struct json_member *json_reader_need(struct json_reader *r, const char *name, enum json_kind kind);
/* The text between a string's quotes, as written: for identifiers, names and times, none of which has anything to escape (a
 * failure where one has). Empty when it is absent. */
struct slice json_reader_plain(struct json_reader *r, const char *name);
struct slice json_reader_need_plain(struct json_reader *r, const char *name);
/* An integer from min to max; fallback when it is absent. */
int64_t json_reader_int(struct json_reader *r, const char *name, int64_t min, int64_t max, int64_t fallback);
int64_t json_reader_need_int(struct json_reader *r, const char *name, int64_t min, int64_t max);

/* Empties scratch and makes room for every string of json decoded once, and for path_base64 (may be NULL) once more. No room is
 * taken where nothing will need it. ERR_TOO_BIG (scratch's limit) or ERR_NO_MEMORY. */
MUST_CHECK enum err json_scratch_room(struct buf *scratch, struct slice json, const struct json_member *path_base64);
/* The decoded string of m, which may be NULL (an empty slice). */
struct slice json_scratch_text(struct buf *scratch, const struct json_member *m);
/* The exact bytes of a path: path_base64 decoded where it is there, else path as text. Both are strings or NULL. ERR_INVALID:
 * path_base64 is not base64. */
MUST_CHECK enum err json_scratch_path(struct buf *scratch, const struct json_member *path, const struct json_member *path_base64,
                                      struct slice *out);

#endif
