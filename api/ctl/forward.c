#include "ctl/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/signature.h"
#include "util/mem.h"

struct forward_keys {
    struct signer *trueftp, *standard; /* NULL: the webhook does not have that scheme */
};

enum err forward_keys_new(struct slice secret, const char *scheme, struct forward_keys **out, struct errmsg *why)
{
    struct forward_keys *k = mem_zalloc(sizeof *k);
    bool both = strcmp(scheme, "both") == 0, standard = both || strcmp(scheme, "standard") == 0;
    k->trueftp = both || !standard ? signer_new_trueftp(secret) : NULL;
    k->standard = standard ? signer_new_standard(secret) : NULL;
    if ((standard && !k->standard) || (!k->trueftp && !k->standard)) {
        forward_keys_free(k);
        return errmsg_set(why, ERR_INVALID, "the webhook signs by Standard Webhooks: the secret must be whsec_ and base64");
    }
    *out = k;
    return ERR_OK;
}

void forward_keys_free(struct forward_keys *k)
{
    if (k) {
        signer_free(k->trueftp);
        signer_free(k->standard);
        free(k);
    }
}

static void add_number(struct http_headers *out, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    http_headers_add(out, name, text);
}

bool forward_withheld(const json_t *delivery)
{
    const char *name = NULL;
    json_t *value = NULL;
    bool withheld = false;
    json_object_foreach(json_object_get(delivery, "request_headers"), name, value)
    {
        withheld = withheld || json_is_null(value);
    }
    return withheld;
}

void forward_headers(const struct forward_keys *k, const json_t *delivery, struct slice body, int64_t timestamp_s,
                     struct http_headers *out)
{
    const char *name = NULL, *id = json_string_value(json_object_get(delivery, "delivery_id"));
    json_t *value = NULL;
    char trueftp[SIGNATURE_TRUEFTP_SIZE], standard[SIGNATURE_STANDARD_SIZE];
    json_object_foreach(json_object_get(delivery, "request_headers"), name, value)
    {
        if (json_is_string(value)) {
            http_headers_add(out, name, json_string_value(value));
        }
    }
    add_number(out, "X-TrueFTP-Timestamp", timestamp_s);
    add_number(out, "X-TrueFTP-Attempt", json_integer_value(json_object_get(delivery, "attempt")));
    if (k->trueftp) {
        sign_trueftp(k->trueftp, timestamp_s, body, trueftp);
        http_headers_add(out, "X-TrueFTP-Signature", trueftp);
    }
    if (k->standard) {
        sign_standard(k->standard, slice_str(id ? id : ""), timestamp_s, body, standard);
        add_number(out, "webhook-timestamp", timestamp_s);
        http_headers_add(out, "webhook-signature", standard);
    }
}
