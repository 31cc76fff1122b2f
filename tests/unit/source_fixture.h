/* What a log format makes of bytes: facts and quarantined bytes are collected, and a folder of samples is held against what each
 * means (`<case>.log` and `<case>.events.jsonl`). Fails the test that calls. */
#ifndef SOURCE_FIXTURE_H
#define SOURCE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/source.h"
#include "util/buf.h"

#define MAX_FACTS 4096

struct seen_fact {
    struct source_fact f;
    char *path, *from, *suspect, *uploaded, *text[3]; /* copies: user, group, address */
};

struct seen {
    struct seen_fact facts[MAX_FACTS];
    size_t count;
    enum source_reason reasons[64];
    int64_t reason_offsets[64];
    size_t quarantined;
};

extern struct seen seen;

/* The format of all that follows. */
void fixture_use(const struct source_format *f);
/* Empties seen. */
void forget(void);
/* A state that reports to seen, which is emptied. */
struct source_state *state_new(int64_t window_ms);
struct source_state *state_with(const struct source_options *options);
/* Frames all that is complete; returns the bytes that were taken. */
size_t feed(struct source_state *st, const char *p, size_t len, int64_t offset);
/* A whole log, with a state of its own. */
void read_text(const char *text, size_t len, int64_t window_ms);

void read_sample(const char *folder, const char *name, struct buf *log, struct buf *expected);
/* Every sample of the folder gives its events and nothing else. Returns how many there are. */
int compare_samples(const char *folder);

#endif
