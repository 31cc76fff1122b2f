#include "util/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/mem.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct histogram {
    double *bounds;
    uint64_t *buckets; /* count + 1 of them, each on its own; the sums are made when written */
    size_t count;
    double sum;
};

/* One line of a family, or one histogram. */
struct cell {
    STAILQ_ENTRY(cell) entry;
    char *labels; /* "" for none */
    uint64_t counter;
    double gauge;
    double (*fn)(void *ctx);
    void *fn_ctx;
    struct histogram histogram;
};

struct family {
    STAILQ_ENTRY(family) entry;
    char *name;
    char *help;
    enum metric_type type;
    STAILQ_HEAD(, cell) cells;
};

struct metrics {
    STAILQ_HEAD(, family) families;
};

struct metrics *metrics_new(void)
{
    struct metrics *m = mem_zalloc(sizeof *m);
    STAILQ_INIT(&m->families);
    return m;
}

static void cell_free(struct cell *cell)
{
    free(cell->labels);
    free(cell->histogram.bounds);
    free(cell->histogram.buckets);
    free(cell);
}

static void family_free(struct family *family)
{
    struct cell *cell;
    while ((cell = STAILQ_FIRST(&family->cells))) {
        STAILQ_REMOVE_HEAD(&family->cells, entry);
        cell_free(cell);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    struct family *family;
    while ((family = STAILQ_FIRST(&m->families))) {
        STAILQ_REMOVE_HEAD(&m->families, entry);
        family_free(family);
    }
    free(m);
}

/* [a-zA-Z_:][a-zA-Z0-9_:]*, of which the first letter is always ours. */
static bool name_valid(const char *name)
{
    return strncmp(name, "trueftp_", 8) == 0 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:")] == '\0';
}

static struct family *get_family(struct metrics *m, const char *name, const char *help, enum metric_type type)
{
    struct family *family;
    STAILQ_FOREACH(family, &m->families, entry)
        if (strcmp(family->name, name) == 0) {
            check(family->type == type);
            return family;
        }
    check(name_valid(name));
    family = mem_zalloc(sizeof *family);
    family->name = mem_strdup(name);
    family->help = mem_strdup(help);
    family->type = type;
    STAILQ_INIT(&family->cells);
    STAILQ_INSERT_TAIL(&m->families, family, entry);
    return family;
}

static struct cell *get_cell(struct family *family, const char *labels)
{
    struct cell *cell;
    if (!labels)
        labels = "";
    STAILQ_FOREACH(cell, &family->cells, entry)
        if (strcmp(cell->labels, labels) == 0)
            return cell;
    check(!strchr(labels, '\n'));
    cell = mem_zalloc(sizeof *cell);
    cell->labels = mem_strdup(labels);
    STAILQ_INSERT_TAIL(&family->cells, cell, entry);
    return cell;
}

uint64_t *metrics_counter(struct metrics *m, const char *name, const char *help, const char *labels)
{
    return &get_cell(get_family(m, name, help, METRIC_COUNTER), labels)->counter;
}

double *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *labels)
{
    return &get_cell(get_family(m, name, help, METRIC_GAUGE), labels)->gauge;
}

void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels, double (*fn)(void *ctx),
                      void *ctx)
{
    struct cell *cell = get_cell(get_family(m, name, help, METRIC_GAUGE), labels);
    cell->fn = fn;
    cell->fn_ctx = ctx;
}

static bool ascending(const double *bounds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            return false;
    return true;
}

struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *help, const char *labels,
                                    const double *bounds, size_t count)
{
    struct histogram *h = &get_cell(get_family(m, name, help, METRIC_HISTOGRAM), labels)->histogram;
    if (h->buckets) {
        check(h->count == count);
        return h;
    }
    check(ascending(bounds, count));
    h->bounds = mem_dup(bounds, count * sizeof *bounds);
    h->buckets = mem_zalloc((count + 1) * sizeof *h->buckets);
    h->count = count;
    return h;
}

/* Bounds are few and most values small, so a walk from below beats a search. */
void histogram_observe(struct histogram *h, double value)
{
    if (isnan(value))
        return;
    size_t i = 0;
    while (i < h->count && value > h->bounds[i])
        i++;
    h->buckets[i]++;
    h->sum += value;
}

/* The shortest text that reads back as the same number. */
static void put_double(struct buf *out, double value)
{
    if (isnan(value)) {
        buf_puts(out, "NaN");
        return;
    }
    if (isinf(value)) {
        buf_puts(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    char text[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_puts(out, text);
}

/* name[suffix]{labels,le="..."} and a space; le: NULL for none. */
static void put_series(struct buf *out, const char *name, const char *suffix, const char *labels, const double *le)
{
    buf_puts(out, name);
    buf_puts(out, suffix);
    if (*labels || le) {
        buf_putc(out, '{');
        buf_puts(out, labels);
        if (le) {
            buf_puts(out, *labels ? ",le=\"" : "le=\"");
            put_double(out, *le);
            buf_putc(out, '"');
        }
        buf_putc(out, '}');
    }
    buf_putc(out, ' ');
}

static void write_histogram(const char *name, const struct cell *cell, struct buf *out)
{
    const struct histogram *h = &cell->histogram;
    uint64_t total = 0;
    for (size_t i = 0; i <= h->count; i++) {
        double le = i < h->count ? h->bounds[i] : (double)INFINITY;
        total += h->buckets[i];
        put_series(out, name, "_bucket", cell->labels, &le);
        buf_printf(out, "%" PRIu64 "\n", total);
    }
    put_series(out, name, "_sum", cell->labels, NULL);
    put_double(out, h->sum);
    buf_putc(out, '\n');
    put_series(out, name, "_count", cell->labels, NULL);
    buf_printf(out, "%" PRIu64 "\n", total);
}

static void write_cell(const struct family *family, const struct cell *cell, struct buf *out)
{
    if (family->type == METRIC_HISTOGRAM) {
        write_histogram(family->name, cell, out);
        return;
    }
    put_series(out, family->name, "", cell->labels, NULL);
    if (family->type == METRIC_COUNTER)
        buf_printf(out, "%" PRIu64, __atomic_load_n(&cell->counter, __ATOMIC_RELAXED));
    else
        put_double(out, cell->fn ? cell->fn(cell->fn_ctx) : cell->gauge);
    buf_putc(out, '\n');
}

static void write_help(const struct family *family, struct buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buf_printf(out, "# HELP %s ", family->name);
    for (const char *p = family->help; *p; p++) {
        if (*p == '\\')
            buf_puts(out, "\\\\");
        else if (*p == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *p);
    }
    buf_printf(out, "\n# TYPE %s %s\n", family->name, types[family->type]);
}

void metrics_write(struct metrics *m, struct buf *out)
{
    const struct family *family;
    const struct cell *cell;
    STAILQ_FOREACH(family, &m->families, entry) {
        write_help(family, out);
        STAILQ_FOREACH(cell, &family->cells, entry)
            write_cell(family, cell, out);
    }
}
