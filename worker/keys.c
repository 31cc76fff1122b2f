#include "keys.h"

#include <stdlib.h>

#include "io/file_watch.h"
#include "table.h"
#include "util/log.h"
#include "util/mem.h"
#include "worker.h"

struct keys {
    struct worker *worker;
    struct file_watch *watch;
};

static void on_changed(void *ctx)
{
    struct worker *w = ((struct keys *)ctx)->worker;
    struct keyring *fresh;
    struct errmsg why;
    if (keyring_load(w->settings.common.secrets_key_file, &fresh, &why) != ERR_OK) {
        ++*w->stats.key_file_errors;
        log_error("key_file_unusable", LOG_STR("error", why.text), LOG_STR("meaning", "the keys read before stay in use"));
        return;
    }
    keyring_free(w->keyring);
    w->keyring = fresh;
    log_info("key_file_read", LOG_STR("writing_key", keyring_writing_id(fresh)),
             LOG_INT("webhooks_mended", w->table ? table_reopen(w->table) : 0));
}

struct keys *keys_new(struct worker *w)
{
    struct keys *k = mem_zalloc(sizeof *k);
    k->worker = w;
    k->watch = file_watch_new(w->loop, w->settings.common.secrets_key_file, on_changed, k);
    return k;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    file_watch_free(k->watch);
    free(k);
}
