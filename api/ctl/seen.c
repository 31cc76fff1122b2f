#include "ctl/seen.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/uthash.h"

#define KEPT 8192

struct entry {
    char *text;
    UT_hash_handle hh; /* also the order in which they came */
};

struct seen {
    struct entry *entries;
};

struct seen *seen_new(void)
{
    return mem_zalloc(sizeof(struct seen));
}

static void forget(struct seen *s, struct entry *e)
{
    HASH_DEL(s->entries, e);
    free(e->text);
    free(e);
}

void seen_free(struct seen *s)
{
    while (s && s->entries) {
        forget(s, s->entries);
    }
    free(s);
}

bool seen_before(struct seen *s, const char *text)
{
    struct entry *e = NULL;
    HASH_FIND_STR(s->entries, text, e);
    if (e) {
        return true;
    }
    if (HASH_COUNT(s->entries) == KEPT) {
        forget(s, s->entries);
    }
    e = mem_zalloc(sizeof *e);
    e->text = mem_strdup(text);
    HASH_ADD_KEYPTR(hh, s->entries, e->text, strlen(e->text), e);
    return false;
}
