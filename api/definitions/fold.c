#include "definitions/fold.h"

enum fold_verdict fold_record(struct fold *f, int64_t version, bool same)
{
    if (!f->known || (!f->gone && version > f->version)) {
        *f = (struct fold){.known = true, .version = version};
        return FOLD_TAKEN;
    }
    f->shadowed = f->gone || version != f->version || !same;
    return f->shadowed ? FOLD_LOST : FOLD_REPEATED;
}

bool fold_tombstone(struct fold *f)
{
    bool was_there = !f->gone;
    *f = (struct fold){.known = true, .gone = true, .version = f->version};
    return was_there;
}
