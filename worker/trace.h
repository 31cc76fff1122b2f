/* W3C Trace Context (https://www.w3.org/TR/trace-context/), as far as deliveries need it: the trace that an event belongs to, and
 * the header that says so to the endpoint. `tracestate` and `baggage` are never passed on: they are the frontend's own affair.
 * Pure. */
#ifndef WORKER_TRACE_H
#define WORKER_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

#define TRACE_ID_SIZE 32     /* hex digits of a trace id */
#define TRACE_PARENT_SIZE 56 /* "00-<32>-<16>-<2>" and a NUL */

struct trace {
    struct slice id; /* 32 lower-case hex digits, a part of what was parsed; empty: none */
    bool sampled;
};

/* Reads a traceparent value, of any version. false: it is none (section 3.2.2), and the trace is as if there were no header. */
bool trace_parse(struct slice value, struct trace *out);

/* Writes the traceparent of one attempt: the same trace, a span of its own. span is random; 0, which means no span, becomes 1. */
void trace_format(const struct trace *trace, uint64_t span, char out[TRACE_PARENT_SIZE]);

#endif
