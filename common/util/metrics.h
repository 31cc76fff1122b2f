/* Metrics in Prometheus' text format (exposition format 0.0.4). A metric is registered once, at start; the
 * returned cell is then changed in place, so counting costs one addition. Names start with "trueftp_", units are
 * base units (seconds, bytes), and labels never carry an account, a URL or a delivery. */
#ifndef UTIL_METRICS_H
#define UTIL_METRICS_H

#include <stdint.h>

#include "util/buf.h"

struct metrics;
struct histogram;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* labels: `outcome="delivered",class="2xx"` or NULL. Several calls with one name and other labels make one family
 * (help and type of the first). The same name and labels twice return the same cell. All cells live as long as m. */
uint64_t *metrics_counter(struct metrics *m, const char *name, const char *help, const char *labels);
/* Counts in a cell that belongs to another thread than the one that writes the metrics out. */
static inline void metrics_add(uint64_t *counter, uint64_t n)
{
    (void)__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}
double *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *labels);
/* A gauge whose value is asked for when the metrics are read. */
void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels, double (*fn)(void *ctx),
                      void *ctx);
/* bounds: ascending upper bounds, copied; +Inf is added. */
struct histogram *metrics_histogram(struct metrics *m, const char *name, const char *help, const char *labels,
                                    const double *bounds, size_t count);
/* NaN is not counted. */
void histogram_observe(struct histogram *h, double value);

/* Appends the whole text, families in order of registration. */
void metrics_write(struct metrics *m, struct buf *out);

#endif
