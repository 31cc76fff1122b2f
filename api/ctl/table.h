/* JSON for a person: rows under titles, and one thing as lines of name and value. Everything that comes from outside goes through
 * display_put (ctl/display.h). */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "util/buf.h"

struct column {
    const char *title;
    const char *member;                               /* "latency_ms.p95": of a member; may be NULL with put */
    void (*put)(struct buf *out, const json_t *item); /* instead of the member's value */
};

#define TABLE_COLUMNS_MAX 16

/* A table whose rows come page by page: the first page decides how wide the columns are. */
struct table {
    const struct column *columns;
    size_t count;
    bool colour; /* of states */
    bool begun;
    size_t widths[TABLE_COLUMNS_MAX]; /* what is set before the first page is kept at least */
};

/* Appends one line for each element of rows, before the first of all the titles. */
void table_put(struct table *t, const json_t *rows, struct buf *out);
/* Appends a line for each member: name and value; members that are arrays of objects follow as tables of their own. */
void table_put_item(const json_t *item, bool colour, struct buf *out);
/* Appends a value: "-" for null, yes or no, elements with commas between, objects as JSON. */
void table_put_value(struct buf *out, const json_t *value);

#endif
