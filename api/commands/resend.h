/* Sending a delivery again: the event's own data to the same webhook, as the next generation, which has an id of its own and
 * names the first one. */
#ifndef COMMANDS_RESEND_H
#define COMMANDS_RESEND_H

#include "commands/command.h"

struct resend {
    struct command command; /* points into what follows */
    char *account_id, *webhook_id, *original, *path, *text;
    bool newest; /* no generation after it is known */
};

/* From the view. ERR_NOT_FOUND: the webhook has no such delivery; ERR_REFUSED: its body is not kept any more; ERR_IO: the view
 * failed. The caller frees *out. */
MUST_CHECK enum err resend_new(struct api *api, const char *account_id, const char *webhook_id, const struct uuid *id,
                               struct resend **out, struct errmsg *why);
void resend_free(struct resend *r); /* NULL is fine */

#endif
