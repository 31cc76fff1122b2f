/* uthash with a hash function whose cases do not fall through unmarked, which clang warns of. */
#ifndef PRODUCER_HASH_H
#define PRODUCER_HASH_H

#define HASH_FUNCTION HASH_OAT
#include <uthash.h>

#endif
