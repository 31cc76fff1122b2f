#include "http/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/response.h"
#include "model/base64.h"
#include "util/json.h"
#include "util/mem.h"

#define CURSOR_MAX 1024

void cursor_write(struct buf *out, int64_t number, const char *text)
{
    char plain[CURSOR_MAX / 2];
    struct buf encoded;
    int len = snprintf(plain, sizeof plain, "%lld.%s", (long long)number, text);
    check(len > 0 && (size_t)len < sizeof plain);
    buf_init(&encoded, CURSOR_MAX);
    base64_put(&encoded, slice_of(plain, (size_t)len));
    mem_appended(&encoded);
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.p[i];
        if (c != '=')
            buf_putc(out, (char)(c == '+' ? '-' : c == '/' ? '_' : c));
    }
    buf_done(&encoded);
}

static bool decode(const char *cursor, struct buf *out)
{
    struct buf standard;
    buf_init(&standard, CURSOR_MAX);
    for (const char *c = cursor; *c; c++)
        buf_putc(&standard, (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c));
    while (standard.err == ERR_OK && standard.len % 4 != 0)
        buf_putc(&standard, '=');
    mem_appended(&standard);
    bool good = standard.err == ERR_OK && base64_decode(out, buf_slice(&standard)) == ERR_OK;
    mem_appended(out);
    buf_done(&standard);
    return good;
}

bool cursor_parse(const char *cursor, int64_t *number, char *text, size_t text_size)
{
    struct buf plain;
    buf_init(&plain, CURSOR_MAX);
    bool good = decode(cursor, &plain) && !memchr(buf_cstr(&plain), '\0', plain.len);
    if (good) {
        char *end = NULL;
        long long value = strtoll(buf_cstr(&plain), &end, 10);
        good = end != buf_cstr(&plain) && *end == '.' && strlen(end + 1) < text_size;
        if (good) {
            *number = value;
            memcpy(text, end + 1, strlen(end + 1) + 1);
        }
    }
    buf_done(&plain);
    return good;
}

static int compare(const void *a, const void *b)
{
    const struct page_item *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->id, y->id);
}

void page_reply(struct request *rq, struct page_item *items, size_t count,
                void (*write)(struct request *rq, struct buf *out, const void *thing))
{
    const char *cursor = uri_query(&rq->uri, "cursor");
    char id[256] = "";
    struct page_item after = {.id = id};
    int limit;
    if (!request_limit(rq, &limit))
        return;
    if (cursor && !cursor_parse(cursor, &after.order, id, sizeof id)) {
        reply_problem(rq, PROBLEM_INVALID_CURSOR, "cursor: give next_cursor of the page before as it is");
        return;
    }
    if (count > 0)
        qsort(items, count, sizeof *items, compare);
    size_t first = 0;
    while (cursor && first < count && compare(&items[first], &after) <= 0)
        first++;
    struct buf *out = reply_body(rq);
    size_t last = count - first > (size_t)limit ? first + (size_t)limit : count;
    buf_puts(out, "{\"data\":[");
    for (size_t i = first; i < last; i++) {
        buf_puts(out, i > first ? "," : "");
        write(rq, out, items[i].thing);
    }
    buf_puts(out, "],\"next_cursor\":");
    if (last < count) {
        buf_putc(out, '"');
        cursor_write(out, items[last - 1].order, items[last - 1].id);
        buf_puts(out, "\"}");
    } else {
        buf_puts(out, "null}");
    }
    reply_json(rq, 200);
}
