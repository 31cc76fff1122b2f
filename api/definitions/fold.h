/* The version rule of definitions: of two records that change the same version, the first in the log's order counts. The loser is
 * still there, and compaction would keep it instead of the winner: so whoever sees that a key's last record has lost appends the
 * winner again, as the next version (docs/decisions/0011-definitions.md). A definition that was deleted stays so: a record that
 * comes behind the tombstone was made by somebody who had not seen it. */
#ifndef DEFINITIONS_FOLD_H
#define DEFINITIONS_FOLD_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of one key; all zero at first. */
struct fold {
    bool known;
    bool gone;
    int64_t version;
    bool shadowed; /* the key's last record is a loser: the winner must be appended again */
};

enum fold_verdict {
    FOLD_TAKEN,    /* it is the definition now */
    FOLD_REPEATED, /* the same once more */
    FOLD_LOST,
};

/* same: its bytes are those of the definition as it is. A version beyond the next one is taken: compaction took what was between.
 */
enum fold_verdict fold_record(struct fold *f, int64_t version, bool same);
/* True: it was there, or may have been. */
bool fold_tombstone(struct fold *f);

#endif
