#include "ctl/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "util/mem.h"

#define CELL_MAX (8UL * 1024 * 1024)
#define WIDTH_MAX 60 /* a longer cell moves the rest of its line */
#define GAP 2

/* -------- values -------- */

static void put_json(struct buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text) {
        display_put_json(out, slice_str(text));
    }
    free(text);
}

static void put_array(struct buf *out, const json_t *value)
{
    const json_t *item = NULL;
    size_t i = 0;
    if (json_array_size(value) == 0) {
        buf_putc(out, '-');
    }
    json_array_foreach((json_t *)(uintptr_t)value, i, item)
    {
        buf_puts(out, i > 0 ? "," : "");
        table_put_value(out, item);
    }
}

void table_put_value(struct buf *out, const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING:
        display_put(out, slice_of(json_string_value(value), json_string_length(value)));
        break;
    case JSON_INTEGER:
        buf_put_i64(out, json_integer_value(value));
        break;
    case JSON_REAL:
        buf_printf(out, "%.4g", json_real_value(value));
        break;
    case JSON_TRUE:
        buf_puts(out, "yes");
        break;
    case JSON_FALSE:
        buf_puts(out, "no");
        break;
    case JSON_NULL:
        buf_putc(out, '-');
        break;
    case JSON_ARRAY:
        put_array(out, value);
        break;
    case JSON_OBJECT:
        put_json(out, value);
        break;
    }
}

static const json_t *member_of(const json_t *item, const char *name)
{
    const char *dot = strchr(name, '.');
    if (!dot) {
        return json_object_get(item, name);
    }
    char *outer = mem_dup(name, (size_t)(dot - name));
    const json_t *inner = json_object_get(item, outer);
    free(outer);
    return inner ? member_of(inner, dot + 1) : NULL;
}

static void put_cell(struct buf *out, const struct column *c, const json_t *item)
{
    size_t before = out->len;
    if (c->put) {
        c->put(out, item);
    } else {
        table_put_value(out, member_of(item, c->member));
    }
    if (out->len == before) {
        buf_putc(out, '-');
    }
}

/* -------- lines -------- */

/* Characters, not bytes. */
static size_t width_of(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len; i++) {
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return width;
}

/* NULL: none. */
static const char *colour_of(struct slice word)
{
    static const struct {
        const char *word, *colour;
    } known[] = {
        {"delivered", "\033[32m"}, {"healthy", "\033[32m"}, {"enabled", "\033[32m"}, {"done", "\033[32m"},
        {"retrying", "\033[33m"},  {"parked", "\033[33m"},  {"paused", "\033[33m"},  {"running", "\033[33m"},
        {"failed", "\033[31m"},    {"failing", "\033[31m"}, {"missing", "\033[31m"}, {"disabled", "\033[31m"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (slice_eq(word, slice_str(known[i].word))) {
            return known[i].colour;
        }
    }
    return NULL;
}

static void put_padded(struct buf *out, struct slice text, size_t width, bool last, bool colour)
{
    const char *code = colour ? colour_of(text) : NULL;
    size_t own = width_of(text.p, text.len);
    buf_puts(out, code ? code : "");
    buf_put_slice(out, text);
    buf_puts(out, code ? "\033[0m" : "");
    if (!last) {
        buf_printf(out, "%*s", (int)((own < width ? width - own : 0) + GAP), "");
    }
}

static void put_titles(const struct table *t, struct buf *out)
{
    struct buf title;
    buf_init(&title, CELL_MAX);
    for (size_t i = 0; i < t->count; i++) {
        buf_reset(&title);
        display_put(&title, slice_str(t->columns[i].title));
        put_padded(out, buf_slice(&title), t->widths[i], i + 1 == t->count, false);
    }
    buf_putc(out, '\n');
    buf_done(&title);
}

/* Cells of all rows, row by row. */
static struct buf *cells_of(const struct table *t, const json_t *rows)
{
    struct buf *cells = mem_array(NULL, json_array_size(rows) * t->count + 1, sizeof *cells);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t c = 0; c < t->count; c++) {
            struct buf *cell = &cells[r * t->count + c];
            buf_init(cell, CELL_MAX);
            put_cell(cell, &t->columns[c], json_array_get(rows, r));
        }
    }
    return cells;
}

static void measure(struct table *t, const struct buf *cells, size_t rows)
{
    for (size_t c = 0; c < t->count; c++) {
        size_t title = strlen(t->columns[c].title);
        t->widths[c] = t->widths[c] > title ? t->widths[c] : title;
        for (size_t r = 0; r < rows; r++) {
            const struct buf *cell = &cells[r * t->count + c];
            size_t width = width_of(cell->p, cell->len);
            if (width > t->widths[c] && width <= WIDTH_MAX) {
                t->widths[c] = width;
            }
        }
    }
}

void table_put(struct table *t, const json_t *rows, struct buf *out)
{
    size_t count = json_array_size(rows);
    struct buf *cells = cells_of(t, rows);
    if (!t->begun) {
        measure(t, cells, count);
        put_titles(t, out);
        t->begun = true;
    }
    for (size_t i = 0; i < count * t->count; i++) {
        bool last = i % t->count + 1 == t->count;
        put_padded(out, buf_slice(&cells[i]), t->widths[i % t->count], last, t->colour);
        buf_puts(out, last ? "\n" : "");
        buf_done(&cells[i]);
    }
    free(cells);
}

/* -------- one thing -------- */

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static size_t widest_name(const json_t *item)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t width = 0;
    json_object_foreach((json_t *)(uintptr_t)item, name, value)
    {
        if (strlen(name) > width && !is_table(value)) {
            width = strlen(name);
        }
    }
    return width;
}

static void put_part(const char *name, const json_t *rows, bool colour, struct buf *out)
{
    struct column columns[TABLE_COLUMNS_MAX];
    struct table t = {.columns = columns, .colour = colour};
    const char *member = NULL;
    json_t *value = NULL;
    json_object_foreach(json_array_get(rows, 0), member, value)
    {
        if (t.count < TABLE_COLUMNS_MAX) {
            columns[t.count++] = (struct column){member, member, NULL};
        }
    }
    buf_putc(out, '\n');
    display_put(out, slice_str(name));
    buf_puts(out, ":\n");
    table_put(&t, rows, out);
}

void table_put_item(const json_t *item, bool colour, struct buf *out)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t width = widest_name(item);
    struct buf cell;
    buf_init(&cell, CELL_MAX);
    json_object_foreach((json_t *)(uintptr_t)item, name, value)
    {
        if (!is_table(value)) {
            buf_reset(&cell);
            display_put(&cell, slice_str(name));
            put_padded(out, buf_slice(&cell), width, false, false);
            buf_reset(&cell);
            table_put_value(&cell, value);
            put_padded(out, buf_slice(&cell), 0, true, colour);
            buf_putc(out, '\n');
        }
    }
    json_object_foreach((json_t *)(uintptr_t)item, name, value)
    {
        if (is_table(value)) {
            put_part(name, value, colour, out);
        }
    }
    buf_done(&cell);
}
