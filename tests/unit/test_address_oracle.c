/* The second implementation of the address rules, against address_denied_by on pseudo-random addresses.
 *
 * Most addresses lie near the edges of a range, where mistakes are. The seed is new in each run and printed;
 * ORACLE_SEED=n replays one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "address_oracle.h"
#include "model/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ADDRESSES 2000000

/* Edges of what is denied by default, where a hole would be worst. */
static const struct range6 special6[] = {
    {0, 0},                                     /* ::, ::1, mapped, compatible, translated */
    {0x0064ff9b00000000u, 0x0064ff9b00000000u}, /* 64:ff9b::/64 */
    {0x0064ff9b00010000u, 0x0064ff9b0001ffffu}, /* 64:ff9b:1::/48 */
    {0x0100000000000000u, 0x0100000000000000u}, /* 100::/64 */
    {0x2002000000000000u, 0x2002ffffffffffffu}, /* 2002::/16 */
    {0x5f00000000000000u, 0x5f00ffffffffffffu}, /* 5f00::/16 */
    {0xfc00000000000000u, 0xfdffffffffffffffu}, /* fc00::/7 */
    {0xfe80000000000000u, 0xfebfffffffffffffu}, /* fe80::/10 */
    {0xfec0000000000000u, 0xfeffffffffffffffu}, /* fec0::/10 */
    {0xff00000000000000u, 0xffffffffffffffffu}, /* ff00::/8 */
};

/* Lower halves that carry an IPv4 address or look special. */
static const uint64_t lower6[] = {
    0, 1, 0x7f000001u, 0x0000ffff7f000001u, 0x0000ffff08080808u, 0xffff00007f000001u, 0x00005efe0a000001u, UINT64_MAX,
};

static struct address address4(uint32_t ip)
{
    struct address a = {.v6 = false};
    for (int i = 0; i < 4; i++)
        a.bytes[i] = (uint8_t)(ip >> (24 - 8 * i));
    return a;
}

static struct address address6(uint64_t upper, uint64_t lower)
{
    struct address a = {.v6 = true};
    for (int i = 0; i < 8; i++) {
        a.bytes[i] = (uint8_t)(upper >> (56 - 8 * i));
        a.bytes[8 + i] = (uint8_t)(lower >> (56 - 8 * i));
    }
    return a;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t read_seed(void)
{
    const char *given = getenv("ORACLE_SEED");
    struct timespec now;
    if (given) {
        char *end;
        errno = 0;
        uint64_t seed = strtoull(given, &end, 10);
        assert_true(errno == 0 && end != given && *end == '\0');
        return seed;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* -2 to 2, or a distance of some power of two: wrong prefix lengths show there. */
static uint64_t near_edge(uint64_t *seed, unsigned bits)
{
    uint64_t r = next_random(seed);
    if (r & 1)
        return (r >> 8) % 5 - 2;
    uint64_t step = (uint64_t)1 << ((r >> 8) % bits);
    return (r & 2) ? step : 0 - step;
}

/* Seven of eight are near an edge. */
static uint32_t pick4(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    if (r % 8 == 0)
        return (uint32_t)(r >> 16);
    const struct range4 *range = &oracle_denied4[(r >> 8) % ORACLE_DENIED4];
    uint32_t edge = (r >> 3) & 1 ? range->first : range->last;
    return edge + (uint32_t)near_edge(seed, 32);
}

static uint64_t pick_upper6(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    if (r % 8 == 0)
        return next_random(seed);
    if (r % 8 == 1) /* anywhere in 2000::/3 */
        return 0x2000000000000000u | next_random(seed) >> 3;
    size_t i = (size_t)(r >> 8) % (ORACLE_ALLOWED6 + COUNT(special6));
    const struct range6 *range = i < ORACLE_ALLOWED6 ? &oracle_allowed6[i] : &special6[i - ORACLE_ALLOWED6];
    uint64_t edge = (r >> 3) & 1 ? range->first : range->last;
    return edge + near_edge(seed, 64);
}

static uint64_t pick_lower6(uint64_t *seed)
{
    uint64_t r = next_random(seed);
    return r & 1 ? next_random(seed) : lower6[(r >> 8) % COUNT(lower6)];
}

static void compare(const struct address *a, bool expected, uint64_t seed)
{
    const char *rule = address_denied_by(a);
    char text[64];
    if ((rule != NULL) == expected)
        return;
    address_format(a, text);
    fail_msg("ORACLE_SEED=%" PRIu64 ": %s is %s, expected %s", seed, text, rule ? rule : "allowed",
             expected ? "denied" : "allowed");
}

/* Both sides of the verdict must have been met often, or the weights are off. */
static void test_both_implementations_agree(void **state)
{
    (void)state;
    const uint64_t first_seed = read_seed();
    uint64_t seed = first_seed;
    size_t denied[2] = {0, 0};
    print_message("seed %" PRIu64 "\n", first_seed);
    for (size_t i = 0; i < ADDRESSES / 2; i++) {
        uint32_t ip = pick4(&seed);
        uint64_t upper = pick_upper6(&seed), lower = pick_lower6(&seed);
        struct address a4 = address4(ip), a6 = address6(upper, lower);
        compare(&a4, oracle_denies4(ip), first_seed);
        compare(&a6, oracle_denies6(upper), first_seed);
        denied[0] += oracle_denies4(ip);
        denied[1] += oracle_denies6(upper);
    }
    for (int family = 0; family < 2; family++) {
        print_message("IPv%d: %zu of %d denied\n", family ? 6 : 4, denied[family], ADDRESSES / 2);
        assert_true(denied[family] > ADDRESSES / 10 && denied[family] < ADDRESSES / 2 - ADDRESSES / 20);
    }
}

/* Each edge and its two neighbours, so that none is left to chance. */
static void test_every_edge(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < 3; step++) {
        for (size_t i = 0; i < 2 * ORACLE_DENIED4; i++) {
            uint32_t edge = i % 2 ? oracle_denied4[i / 2].last : oracle_denied4[i / 2].first;
            uint32_t ip = edge + (uint32_t)step - 1;
            struct address a = address4(ip);
            compare(&a, oracle_denies4(ip), 0);
        }
        for (size_t i = 0; i < 2 * ORACLE_ALLOWED6; i++) {
            uint64_t edge = i % 2 ? oracle_allowed6[i / 2].last : oracle_allowed6[i / 2].first;
            struct address low = address6(edge + step - 1, 0), high = address6(edge + step - 1, UINT64_MAX);
            compare(&low, oracle_denies6(edge + step - 1), 0);
            compare(&high, oracle_denies6(edge + step - 1), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_implementations_agree),
        cmocka_unit_test(test_every_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
