/* The inside of a keyring, for keyring.c and sealed.c alone; everybody else includes "model/sealed.h". */
#ifndef MODEL_KEYRING_H
#define MODEL_KEYRING_H

#include <stdbool.h>

#include "model/sealed.h"

#define KEY_SIZE 32 /* AES-256 */

struct key {
    char id[SEALED_KEY_ID_MAX + 1];
    unsigned char bytes[KEY_SIZE];
};

/* Keys live in a fixed array, never in a growing one, so that wiping it leaves no copy behind. */
struct keyring {
    size_t count; /* at least one; the first writes */
    struct key keys[SEALED_KEYS_MAX];
};

bool key_id_valid(struct slice id);
/* NULL: no key of this id. */
const struct key *keyring_find(const struct keyring *k, struct slice id);

#endif
