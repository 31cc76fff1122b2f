/* A second implementation of the address rules of model/address.h, for tests to compare with. It is written differently on
 * purpose: addresses are integers, rules are ranges [first, last] written out instead of computed from prefixes, IPv6 is decided
 * by what is allowed. */
#ifndef ADDRESS_ORACLE_H
#define ADDRESS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct range4 {
    uint32_t first, last;
};

/* The upper 64 bits are enough: no rule that decides divides a /64, but for what lies outside 2000::/3 anyway. */
struct range6 {
    uint64_t first, last;
};

#define ORACLE_DENIED4 15
#define ORACLE_ALLOWED6 5
extern const struct range4 oracle_denied4[ORACLE_DENIED4];
extern const struct range6 oracle_allowed6[ORACLE_ALLOWED6];

bool oracle_denies4(uint32_t ip);
/* upper: the first 64 bits. */
bool oracle_denies6(uint64_t upper);

#endif
