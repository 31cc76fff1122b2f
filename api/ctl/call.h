/* A call of the REST API as a command: a row of data, and the one function that carries any of them out. */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/table.h"

enum call_shape {
    CALL_ITEM,     /* one thing */
    CALL_LIST,     /* pages of {"data":[...],"next_cursor":...}, followed up to --limit */
    CALL_TOTALS,   /* a list with totals beside its data */
    CALL_NOTHING,  /* 204 */
    CALL_DOCUMENT, /* JSON that is for no table */
};

struct call {
    const char *operation; /* operationId of the description; NULL: it is one of another row's too */
    const char *method;
    const char *path; /* below the base; each {} is an argument */
    enum call_shape shape;
    const struct field *fields;
    size_t field_count;
    const struct column *columns; /* CALL_LIST, CALL_TOTALS */
    size_t column_count;
    const char *done;     /* CALL_NOTHING: what is said */
    const char *argument; /* member of the body that the argument is, where it is not in the path; NULL: it is */
};

#define CALL_LIMIT_DEFAULT 100

/* How many items of a list are wanted; 0: all. */
#define FIELD_LIMIT                                                                                                              \
    {                                                                                                                            \
        "limit", FIELD_INT, AS_LIMIT, "limit", "N", "items at most, 0 for all (default 100)", 0, INT32_MAX, false                \
    }

/* Makes the request of a call: arguments into the path, slots into query, body and headers. rq must be ended with
 * client_request_done, also on failure. now_wall_ms: for ages. ERR_INVALID: why says which option. */
MUST_CHECK enum err call_request(const struct call *call, const char *const *arguments, const struct slot *slots,
                                 int64_t now_wall_ms, struct client_request *rq, struct errmsg *why);
/* The run of every command that has a call; args are its slots. */
int call_run(struct ctl *ctl, const void *args);
/* The path of a call with its arguments, for commands that are more than one. */
void call_path(struct buf *out, const char *path, const char *const *arguments);

#endif
