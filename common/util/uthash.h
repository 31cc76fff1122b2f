/* uthash, in programs: a table that finds no memory ends the process as mem.h says, where uthash alone would exit without a word.
 */
#ifndef UTIL_UTHASH_H
#define UTIL_UTHASH_H

#include <uthash.h>

#include "util/mem.h"

#undef uthash_malloc
#define uthash_malloc(size) mem_alloc(size)

#endif
