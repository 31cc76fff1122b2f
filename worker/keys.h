/* The keys that open webhook secrets, read again when their file changes: an operator adds a key before anything is sealed with
 * it, and takes one away when nothing is any more, without a restart. */
#ifndef WORKER_KEYS_H
#define WORKER_KEYS_H

struct worker;
struct keys;

/* Watches the file that w->keyring was read from. A file that cannot be used is logged and counted, and the old keys stay. With
 * new ones, webhooks whose secrets could not be opened are tried again; those that can sign keep what they have. */
struct keys *keys_new(struct worker *w);
/* NULL is fine. */
void keys_free(struct keys *k);

#endif
