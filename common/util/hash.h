/* The hash function of the tables (uthash) on a delivery's way, which leads through a dozen of them: those of uthash read byte by
 * byte. Who does not include this has the build's function. A table has one function wherever it is used. */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stdint.h>
#include <string.h>

#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hashv) ((hashv) = hash_bytes(key, len))

extern const char hash_place;

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes a step, as in wyhash. Where the program is loaded is part of it, so that nobody outside can choose keys that meet.
 */
static inline uint32_t hash_bytes(const void *key, size_t len)
{
    const unsigned char *p = key;
    uint64_t h = (uint64_t)(uintptr_t)&hash_place ^ len, word = 0;
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        h = hash_mix(h ^ word, 0x9e3779b97f4a7c15U);
    }
    word = 0;
    memcpy(&word, p, len);
    h = hash_mix(h ^ word ^ 0x2d358dccaa6c78a5U, 0x8bb84b93962eacc9U);
    return (uint32_t)(h ^ h >> 32);
}

#endif
