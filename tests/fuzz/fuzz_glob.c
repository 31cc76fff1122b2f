/* Path patterns against a second implementation, by recursion as the words of glob.h have it. The input is a pattern, a line end
 * and a path; long ones are only run, since the second is exponential. */
#include "fuzz.h"

#include "model/glob.h"

#define REFERENCE_PATTERN 24
#define REFERENCE_PATH 40

/* 1: matches, 2: does not; for each offset of both, 0: not known yet. */
static char known[REFERENCE_PATTERN + 1][REFERENCE_PATH + 1];

/* The byte of a set at *at, which it moves behind it. */
static unsigned char set_byte(struct slice p, size_t *at)
{
    *at += p.p[*at] == '\\';
    return (unsigned char)p.p[(*at)++];
}

/* Whether the set that begins at *at holds c; *at moves behind its ']'. The pattern has been checked. */
static bool set_holds(struct slice p, size_t *at, unsigned char c)
{
    bool holds = false, negated = p.p[++*at] == '!';
    *at += negated;
    for (bool first = true; first || p.p[*at] != ']'; first = false) {
        unsigned char low = set_byte(p, at), high = low;
        if (p.p[*at] == '-' && p.p[*at + 1] != ']') {
            ++*at;
            high = set_byte(p, at);
        }
        holds = holds || (low <= c && c <= high);
    }
    ++*at;
    return holds != negated && c != '/';
}

static bool matches(struct slice p, size_t at, struct slice path, size_t i);

static bool star(struct slice p, size_t at, struct slice path, size_t i)
{
    bool any = at + 1 < p.len && p.p[at + 1] == '*';
    size_t next = at + 1 + any;
    if (matches(p, next, path, i))
        return true;
    return i < path.len && (any || path.p[i] != '/') && matches(p, at, path, i + 1);
}

static bool decide(struct slice p, size_t at, struct slice path, size_t i)
{
    if (at == p.len)
        return i == path.len;
    if (p.p[at] == '*')
        return star(p, at, path, i);
    if (i == path.len)
        return false;
    if (p.p[at] == '[')
        return set_holds(p, &at, (unsigned char)path.p[i]) && matches(p, at, path, i + 1);
    if (p.p[at] == '?')
        return path.p[i] != '/' && matches(p, at + 1, path, i + 1);
    at += p.p[at] == '\\';
    return p.p[at] == path.p[i] && matches(p, at + 1, path, i + 1);
}

static bool matches(struct slice p, size_t at, struct slice path, size_t i)
{
    if (!known[at][i])
        known[at][i] = decide(p, at, path, i) ? 1 : 2;
    return known[at][i] == 1;
}

static bool reference(struct slice p, struct slice path)
{
    memset(known, 0, sizeof known);
    if (p.p[0] == '/')
        return matches(p, 0, path, 0);
    for (size_t i = 0; i < path.len; i++)
        if (path.p[i] == '/' && matches(p, 0, path, i + 1))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = fuzz_slice(data, size), patterns[3], path = {"/", 1};
    struct slice first = fuzz_cut(&rest, '\n');
    patterns[0] = first;
    patterns[1] = fuzz_cut(&rest, '\n');
    patterns[2] = rest;
    char *exact = malloc(first.len + 1); /* of the exact size, so that a read beyond it is seen */
    check(exact != NULL);
    memcpy(exact, first.p, first.len);
    bool found = glob_match(slice_of(exact, first.len), patterns[1]);
    if (glob_check(slice_of(exact, first.len), NULL) == ERR_OK && exact[0] != '!' && first.len <= REFERENCE_PATTERN &&
        patterns[1].len <= REFERENCE_PATH)
        check(found == reference(first, patterns[1]));
    free(exact);
    (void)glob_list_match(patterns, 3, path);
    (void)glob_list_match(patterns, 2, rest);
    return 0;
}
