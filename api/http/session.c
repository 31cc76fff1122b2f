#include "http/session.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api.h"
#include "http/sessions.h"

#define RANDOM_BYTES 16
#define ID_PREFIX "ses_"
/* No webhook has an empty account: no envelope of a secret can be taken for a session, or the other way round. */
#define SEAL_ACCOUNT SLICE("")
#define SEAL_NAME SLICE("session")
#define SEAL_VERSION 2 /* of the text in it */

/* -------- the cookie -------- */

/* 32 hexadecimal digits and a NUL. */
static void random_digits(char out[2 * RANDOM_BYTES + 1])
{
    unsigned char bytes[RANDOM_BYTES];
    check(RAND_bytes(bytes, sizeof bytes) == 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void session_begin(struct session *s, const struct account *a, const struct account_key *key, int64_t now_wall_ms)
{
    *s = (struct session){.expires_wall_ms = now_wall_ms + SESSION_LIFE_MS};
    (void)snprintf(s->account_id, sizeof s->account_id, "%s", a->id);
    (void)snprintf(s->key_id, sizeof s->key_id, "%s", key->id);
    if (key->expires_wall_ms > 0 && key->expires_wall_ms < s->expires_wall_ms)
        s->expires_wall_ms = key->expires_wall_ms;
    memcpy(s->id, ID_PREFIX, sizeof ID_PREFIX);
    random_digits(s->id + strlen(ID_PREFIX));
    random_digits(s->csrf);
}

enum err session_seal(const struct keyring *k, const struct session *s, struct buf *out)
{
    char text[SESSION_TEXT_MAX];
    int len =
        snprintf(text, sizeof text, "%" PRId64 " %s %s %s %s", s->expires_wall_ms, s->id, s->csrf, s->key_id, s->account_id);
    check(len > 0 && (size_t)len < sizeof text);
    return sealed_seal(k, SEAL_ACCOUNT, SEAL_NAME, SEAL_VERSION, slice_of(text, (size_t)len), out);
}

/* The next word of the text, which ends at a space. False: it is empty or does not fit. */
static bool take_word(const char **text, char *out, size_t size)
{
    size_t len = strcspn(*text, " ");
    if (len == 0 || len >= size)
        return false;
    memcpy(out, *text, len);
    out[len] = '\0';
    *text += len + ((*text)[len] == ' ');
    return true;
}

static bool parse(const char *text, struct session *s)
{
    char expires[20];
    if (!take_word(&text, expires, sizeof expires) || !take_word(&text, s->id, sizeof s->id) ||
        !take_word(&text, s->csrf, sizeof s->csrf) || !take_word(&text, s->key_id, sizeof s->key_id) ||
        !take_word(&text, s->account_id, sizeof s->account_id))
        return false;
    s->expires_wall_ms = strtoll(expires, NULL, 10); /* what was sealed is ours: a number */
    return *text == '\0' && strlen(s->csrf) == SESSION_CSRF_SIZE - 1;
}

enum err session_open(const struct keyring *k, const char *text, int64_t now_wall_ms, struct session *out)
{
    struct session s = {0};
    struct errmsg why;
    struct buf plain;
    buf_init(&plain, SESSION_TEXT_MAX);
    enum err err = sealed_open(k, SEAL_ACCOUNT, SEAL_NAME, SEAL_VERSION, slice_str(text), &plain, &why);
    bool good = err == ERR_OK && parse(buf_cstr(&plain), &s) && now_wall_ms < s.expires_wall_ms;
    if (plain.p)
        OPENSSL_cleanse(plain.p, plain.len);
    buf_done(&plain);
    if (!good)
        return ERR_REFUSED;
    *out = s;
    return ERR_OK;
}

/* -------- requests -------- */

bool session_of(const struct request *rq, struct session *out, const struct account **account, const struct account_key **key)
{
    const struct api *api = rq->api;
    int64_t now = loop_wall(api->loop);
    const char *cookie = MHD_lookup_connection_value(rq->connection, MHD_COOKIE_KIND, SESSION_COOKIE);
    if (!cookie || session_open(api->keyring, cookie, now, out) != ERR_OK)
        return false;
    if (!definitions_key(api->definitions, out->key_id, account, key) || strcmp((*account)->id, out->account_id) != 0)
        return false;
    return ((*key)->expires_wall_ms == 0 || now < (*key)->expires_wall_ms) && !sessions_has_ended(api->sessions, out->id);
}

bool session_origin_is_host(const char *origin, const char *host)
{
    const char *begin = origin ? strstr(origin, "://") : NULL;
    return begin && host && *host && strcasecmp(begin + 3, host) == 0;
}

bool session_vouches(const struct request *rq, const struct session *s)
{
    const char *token = request_header(rq, "X-CSRF-Token");
    if (!token || strlen(token) != SESSION_CSRF_SIZE - 1 || CRYPTO_memcmp(token, s->csrf, SESSION_CSRF_SIZE - 1) != 0)
        return false;
    return session_origin_is_host(request_header(rq, "Origin"), request_header(rq, "Host"));
}
