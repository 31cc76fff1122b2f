/* What trueftpctl reads of an answer and shows on a terminal: the event stream, problems, tables. Whatever the API, or what
 * stands in its place, says: nothing of it may rule the terminal, and the stream means the same however it is cut. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/sse.h"
#include "ctl/table.h"
#include "util/utf8.h"

#define TEXT_MAX (64UL * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void gather(void *ctx, const char *name, struct slice data)
{
    buf_puts(ctx, name);
    buf_putc(ctx, '=');
    buf_put_slice(ctx, data);
    buf_putc(ctx, ';');
}

static void read_stream(struct slice bytes, size_t cut, struct buf *out, char last_id[SSE_ID_SIZE])
{
    struct sse s;
    buf_init(out, TEXT_MAX);
    sse_init(&s, 1000, gather, out);
    enum err err = sse_feed(&s, slice_of(bytes.p, cut));
    err = err == ERR_OK ? sse_feed(&s, slice_of(bytes.p + cut, bytes.len - cut)) : err;
    memcpy(last_id, s.last_id, SSE_ID_SIZE);
    check(err == ERR_OK || err == ERR_TOO_BIG);
    sse_done(&s);
}

static void check_stream(struct slice bytes)
{
    struct buf whole, halves;
    char id[SSE_ID_SIZE], id_of_halves[SSE_ID_SIZE];
    read_stream(bytes, 0, &whole, id);
    read_stream(bytes, bytes.len / 2, &halves, id_of_halves);
    check(slice_eq(buf_slice(&whole), buf_slice(&halves)) && strcmp(id, id_of_halves) == 0);
    buf_done(&whole);
    buf_done(&halves);
}

/* Newlines are ours. */
static void check_text(const struct buf *text)
{
    check(text->err == ERR_OK && utf8_valid(buf_slice(text)));
    for (size_t i = 0; i < text->len; i++) {
        check((unsigned char)text->p[i] >= 0x20 || text->p[i] == '\n');
        check((unsigned char)text->p[i] != 0x7f);
    }
    check(!text->p || !strstr(text->p, "\xe2\x80\xae"));
}

static void check_answer(struct slice bytes)
{
    static const struct column columns[] = {{"ID", "id", NULL}, {"B", "a.b", NULL}};
    json_t *json = json_loadb(bytes.p, bytes.len, JSON_ALLOW_NUL, NULL);
    struct table t = {.columns = columns, .count = 2};
    struct buf text;
    buf_init(&text, TEXT_MAX);
    (void)problem_explain(422, bytes, NULL, 0, &text);
    check_text(&text);
    buf_reset(&text);
    if (json_is_object(json)) {
        table_put_item(json, false, &text);
    } else if (json) {
        table_put(&t, json, &text);
    }
    check_text(&text);
    buf_done(&text);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    check_stream(bytes);
    check_answer(bytes);
    return 0;
}
