#include "producer/source/fact.h"

#include <string.h>

#include "util/mem.h"

#define TEXTS 9

void fact_keep(const struct source_fact *fact, struct source_fact *out, char **bytes, size_t *cap)
{
    *out = *fact;
    out->renamed_from = out->uploaded_path = out->traceparent = slice_of(NULL, 0);
    struct slice *texts[TEXTS] = {&out->path,       &out->username,   &out->group,    &out->client_ip, &out->protocol,
                                  &out->session_id, &out->account_id, &out->frontend, &out->home};
    size_t len = 0;
    for (size_t i = 0; i < TEXTS; i++)
        len += texts[i]->len;
    if (len > *cap || !*bytes) {
        *bytes = mem_realloc(*bytes, len + 128);
        *cap = len + 128;
    }
    char *at = *bytes;
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i]->len > 0)
            memmove(at, texts[i]->p, texts[i]->len);
        texts[i]->p = at;
        at += texts[i]->len;
    }
}
