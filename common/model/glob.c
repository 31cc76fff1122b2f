/* Path patterns. A pattern is run as a nondeterministic automaton whose states are the offsets of its tokens: a bit set of the
 * offsets that can be reached, advanced by one byte of the path at a time. So the cost is bounded by length times length,
 * whatever a customer writes; backtracking, as fnmatch does it, is exponential in the number of stars. Suffixes cost nothing
 * more: the start state is added again after each '/'. */
#include "model/glob.h"

#include <stdint.h>

#define MAX_PATTERN 1024
#define WORDS (MAX_PATTERN / 64 + 1) /* offsets 0 to MAX_PATTERN, the last meaning "matched" */

enum token_kind { TOKEN_BYTE, TOKEN_ANY, TOKEN_SET, TOKEN_STAR, TOKEN_STARS };

struct token {
    enum token_kind kind;
    unsigned char byte; /* of TOKEN_BYTE */
    size_t next;        /* offset of the token behind it */
};

struct states {
    uint64_t bits[WORDS];
    size_t words; /* in use */
};

/* One member of a set at p: a byte or an escaped byte; returns the offset behind it, or 0 where the pattern ends. */
static size_t set_byte(struct slice p, size_t at, unsigned char *byte)
{
    if (at < p.len && p.p[at] == '\\') {
        at++;
    }
    if (at >= p.len) {
        return 0;
    }
    *byte = (unsigned char)p.p[at];
    return at + 1;
}

/* Walks the set that starts with '[' at `at`. Returns the offset behind ']', 0 where it is not closed; *has: it contains c. */
static size_t set_walk(struct slice p, size_t at, unsigned char c, bool *has)
{
    bool negated = at + 1 < p.len && p.p[at + 1] == '!';
    bool found = false;
    size_t first = at + 1 + negated;

    at = first;
    while (at < p.len && (p.p[at] != ']' || at == first)) {
        unsigned char low = 0, high = 0;
        at = set_byte(p, at, &low);
        if (at == 0) {
            return 0;
        }
        high = low;
        if (at + 1 < p.len && p.p[at] == '-' && p.p[at + 1] != ']') {
            at = set_byte(p, at + 1, &high);
            if (at == 0) {
                return 0;
            }
        }
        found = found || (c >= low && c <= high);
    }
    *has = found != negated && c != '/';
    return at < p.len ? at + 1 : 0;
}

/* The token at an offset below p.len. What glob_check refuses is taken as literal bytes. */
static struct token token_at(struct slice p, size_t at)
{
    bool has = false;
    size_t behind = 0;
    char c = p.p[at];

    if (c == '*' && at + 1 < p.len && p.p[at + 1] == '*') {
        return (struct token){TOKEN_STARS, 0, at + 2};
    }
    if (c == '*') {
        return (struct token){TOKEN_STAR, 0, at + 1};
    }
    if (c == '?') {
        return (struct token){TOKEN_ANY, 0, at + 1};
    }
    if (c == '[') {
        behind = set_walk(p, at, 0, &has);
        if (behind > 0) {
            return (struct token){TOKEN_SET, 0, behind};
        }
    }
    if (c == '\\' && at + 1 < p.len) {
        return (struct token){TOKEN_BYTE, (unsigned char)p.p[at + 1], at + 2};
    }
    return (struct token){TOKEN_BYTE, (unsigned char)c, at + 1};
}

enum err glob_check(struct slice pattern, struct errmsg *why)
{
    bool has = false;

    if (pattern.len > MAX_PATTERN) {
        return errmsg_set(why, ERR_INVALID, "longer than %d bytes", MAX_PATTERN);
    }
    if (pattern.len > 0 && pattern.p[0] == '!') {
        pattern = slice_of(pattern.p + 1, pattern.len - 1);
    }
    if (pattern.len == 0) {
        return errmsg_set(why, ERR_INVALID, "empty pattern");
    }
    for (size_t at = 0; at < pattern.len; at = token_at(pattern, at).next) {
        if (pattern.p[at] == '[' && set_walk(pattern, at, 0, &has) == 0) {
            return errmsg_set(why, ERR_INVALID, "'[' without its ']'");
        }
        if (pattern.p[at] == '\\' && at + 1 == pattern.len) {
            return errmsg_set(why, ERR_INVALID, "a '\\' at the end");
        }
    }
    return ERR_OK;
}

/* Adds the state at an offset, and those that its stars reach by matching nothing. */
static void states_add(struct states *s, struct slice pattern, size_t at)
{
    for (;;) {
        uint64_t bit = (uint64_t)1 << (at % 64);
        if (s->bits[at / 64] & bit) {
            return;
        }
        s->bits[at / 64] |= bit;
        if (at == pattern.len || pattern.p[at] != '*') {
            return;
        }
        at = token_at(pattern, at).next;
    }
}

static bool states_has(const struct states *s, size_t at)
{
    return (s->bits[at / 64] >> (at % 64) & 1) != 0;
}

static bool token_accepts(struct slice pattern, size_t at, const struct token *t, unsigned char c)
{
    bool has = false;
    switch (t->kind) {
    case TOKEN_BYTE:
        return c == t->byte;
    case TOKEN_SET:
        return set_walk(pattern, at, c, &has) > 0 && has;
    case TOKEN_STARS:
        return true;
    case TOKEN_ANY:
    case TOKEN_STAR:
        break;
    }
    return c != '/';
}

/* Takes one byte from every state. A star stays where it is. */
static void states_step(const struct states *from, struct states *to, struct slice pattern, unsigned char c)
{
    for (size_t w = 0; w < from->words; w++) {
        for (uint64_t bits = from->bits[w]; bits != 0; bits &= bits - 1) {
            size_t at = w * 64 + (size_t)__builtin_ctzll(bits);
            if (at == pattern.len) {
                continue;
            }
            struct token t = token_at(pattern, at);
            if (token_accepts(pattern, at, &t, c)) {
                states_add(to, pattern, t.kind == TOKEN_STAR || t.kind == TOKEN_STARS ? at : t.next);
            }
        }
    }
}

static void states_clear(struct states *s, struct slice pattern)
{
    s->words = pattern.len / 64 + 1;
    memset(s->bits, 0, s->words * sizeof s->bits[0]);
}

/* The bytes that pattern and path share before the first token that is not a plain byte: most paths differ here. */
static bool literal_prefix(struct slice pattern, struct slice path, size_t *len)
{
    size_t i = 0;
    while (i < pattern.len && !memchr("*?[\\", pattern.p[i], 4)) {
        if (i == path.len || path.p[i] != pattern.p[i]) {
            return false;
        }
        i++;
    }
    *len = i;
    return true;
}

bool glob_match(struct slice pattern, struct slice path)
{
    struct states now, next;
    size_t at = 0;
    bool anchored = pattern.len > 0 && pattern.p[0] == '/';

    if (pattern.len == 0 || pattern.len > MAX_PATTERN || (anchored && !literal_prefix(pattern, path, &at))) {
        return false;
    }
    pattern = slice_of(pattern.p + at, pattern.len - at);
    states_clear(&now, pattern);
    if (anchored) {
        states_add(&now, pattern, 0);
    }
    for (; at < path.len; at++) {
        states_clear(&next, pattern);
        states_step(&now, &next, pattern, (unsigned char)path.p[at]);
        if (!anchored && path.p[at] == '/') {
            states_add(&next, pattern, 0);
        }
        now = next;
    }
    return states_has(&now, pattern.len);
}

bool glob_list_match(const struct slice *patterns, size_t count, struct slice path)
{
    bool positive = false; /* the list has a pattern without '!' */
    bool matched = false;  /* one of them matches */
    bool refused = false;  /* the last one that matches is a '!' */

    for (size_t i = 0; i < count; i++) {
        bool negated = patterns[i].len > 0 && patterns[i].p[0] == '!';
        struct slice pattern = negated ? slice_of(patterns[i].p + 1, patterns[i].len - 1) : patterns[i];
        positive = positive || !negated;
        if (glob_match(pattern, path)) {
            matched = matched || !negated;
            refused = negated;
        }
    }
    return (matched || !positive) && !refused;
}
