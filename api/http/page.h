/* Lists of things in memory, a page at a time, the oldest first. A cursor is opaque to clients: base64 of the last item's time
 * and id. */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http/request.h"

struct page_item {
    int64_t order; /* ascending; then by id */
    const char *id;
    const void *thing;
};

/* Answers with {"data":[...],"next_cursor":...} of the items after the request's cursor, or with what is wrong about limit or
 * cursor. items are sorted here. */
void page_reply(struct request *rq, struct page_item *items, size_t count,
                void (*write)(struct request *rq, struct buf *out, const void *thing));

/* Cursors, for other lists too: "<number>.<text>" in base64 without anything that a URL would need to escape. */
void cursor_write(struct buf *out, int64_t number, const char *text);
/* False: not one of ours. text is "" in a cursor without. */
bool cursor_parse(const char *cursor, int64_t *number, char *text, size_t text_size);

#endif
