/* What the fuzz targets of all log formats do: the input is a log, read in one piece and in pieces, with a release and a flush.
 * What must hold whatever the input: frames are bounded and never empty, every byte is in one frame, a fact has an absolute path
 * (or a user) and lies in what was read, pieces make no difference, and a complete log leaves nothing pending after a flush but a
 * line cut short. */
#ifndef FUZZ_SOURCE_H
#define FUZZ_SOURCE_H

#include "producer/source.h"

int fuzz_source(const struct source_format *format, const uint8_t *data, size_t size);

#endif
