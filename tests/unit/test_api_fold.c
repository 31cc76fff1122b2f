/* The version rule: scripts of records, and what is known after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "definitions/fold.h"

/* A script: two characters a record, its version and its content; "xx" is a tombstone. */
static const struct {
    const char *name, *script;
    int64_t version;
    char content; /* '-': gone */
    bool shadowed;
} cases[] = {
    {"one after the other", "1a2b3c", 3, 'c', false},
    {"the first of a version counts", "1a2b2c", 2, 'b', true},
    {"the winner again, as the next version", "1a2b2c3b", 3, 'b', false},
    {"two who repair", "1a2b2c3b3b", 3, 'b', false},
    {"a repair that loses against a change", "1a2b2c3d3b", 3, 'd', true},
    {"the same record twice", "1a1a", 1, 'a', false},
    {"compaction took what was between", "7g9i", 9, 'i', false},
    {"an old record is late", "3c2b", 3, 'c', true},
    {"an old record again", "1a2b1a", 2, 'b', true},
    {"deleted", "1axx", 1, '-', false},
    {"a change that had not seen the deletion", "1axx2b", 1, '-', true},
    {"deleted again", "1axx2bxx", 1, '-', false},
    {"a tombstone alone, and what it hid", "xx5e", 0, '-', true},
};

static void the_first_of_each_version_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fold f = {0};
        char content = '-';
        for (const char *p = cases[i].script; *p; p += 2) {
            if (*p == 'x') {
                (void)fold_tombstone(&f);
                content = '-';
            } else if (fold_record(&f, *p - '0', content == p[1]) == FOLD_TAKEN) {
                content = p[1];
            }
        }
        if (f.version != cases[i].version || content != cases[i].content || f.shadowed != cases[i].shadowed)
            fail_msg("%s: version %d, content '%c', shadowed %d", cases[i].name, (int)f.version, content, f.shadowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_of_each_version_wins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
