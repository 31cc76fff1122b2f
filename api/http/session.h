/* The dashboard's sessions: a person signs in with an API key, and the browser keeps a cookie instead of it. The cookie is sealed
 * with the key file's keys, so every replica accepts it at once, and names the API key, which is looked up with each request, and
 * itself. So a session ends when its time is over, as soon as the key is revoked, or when somebody ends it (sessions.h).
 *
 * A browser sends a cookie along with whatever page asks for it: a change must carry the session's CSRF token, which only a page
 * from here can have read, and an Origin that is the request's own Host. */
#ifndef HTTP_SESSION_H
#define HTTP_SESSION_H

#include "http/request.h"
#include "model/account.h"
#include "model/sealed.h"

#define SESSION_COOKIE "__Host-trueftp"
#define SESSION_LIFE_MS (12LL * 3600 * 1000)
#define SESSION_CSRF_SIZE 33 /* with its NUL */
#define SESSION_TEXT_MAX 1024

struct session {
    char id[SESSION_ID_SIZE];
    char account_id[129];
    char key_id[65];
    char csrf[SESSION_CSRF_SIZE];
    int64_t expires_wall_ms;
};

/* A new one for a key, with a fresh CSRF token; it ends with the key's own time. */
void session_begin(struct session *s, const struct account *a, const struct account_key *key, int64_t now_wall_ms);
/* Appends the cookie's value. */
MUST_CHECK enum err session_seal(const struct keyring *k, const struct session *s, struct buf *out);
/* ERR_REFUSED: it is none of ours, or its time is over. */
MUST_CHECK enum err session_open(const struct keyring *k, const char *text, int64_t now_wall_ms, struct session *out);

/* The session of the request's cookie, with the key that it began with. False: there is none that is good. */
bool session_of(const struct request *rq, struct session *out, const struct account **account, const struct account_key **key);
/* Whether a change that came with the cookie was made by a page from here. */
bool session_vouches(const struct request *rq, const struct session *s);
/* Whether an Origin header names the host that was asked. */
bool session_origin_is_host(const char *origin, const char *host);

#endif
