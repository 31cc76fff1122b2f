/* Running a loop in a test until a fact is true, with a limit that only a failing test reaches. */
#ifndef TESTS_SPIN_H
#define TESTS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"

/* Asks after every turn. false: limit_ms passed first. */
bool spin_until(struct loop *l, bool (*is_true)(void *ctx), void *ctx, int64_t limit_ms);
/* Until *count is at least n. */
bool spin_until_count(struct loop *l, const int *count, int n, int64_t limit_ms);
/* For a time, when nothing must happen. */
void spin_for(struct loop *l, int64_t ms);

#endif
