/* A fact that outlives its record. */
#ifndef PRODUCER_SOURCE_FACT_H
#define PRODUCER_SOURCE_FACT_H

#include "producer/source.h"

/* Copies the fact, its texts into *bytes, which is grown from *cap as needed and stays the caller's (free). What belongs to a
 * rename (renamed_from, uploaded_path) is left out, and so is traceparent. suspect must be a literal: it is kept as it is. */
void fact_keep(const struct source_fact *fact, struct source_fact *out, char **bytes, size_t *cap);

#endif
