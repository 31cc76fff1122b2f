/* The dashboard's sessions of all accounts, as the audit topic tells of them: begun, used, ended. A cookie is good by itself
 * (session.h); this is what shows an account its sessions, and ends one of them, on every replica, as soon as that has read it.
 *
 * An entry lives as long as the session could, 12 hours, and the audit topic is kept for a year: so a replica that starts knows
 * every end that still matters before it answers anything. (A topic of their own was rejected: it would hold the same, and the
 * beginning and the end of a session belong into the trail anyhow. So was accepting only sessions that are known: a browser's
 * next request may reach a replica that has not read of the first one.) */
#ifndef HTTP_SESSIONS_H
#define HTTP_SESSIONS_H

#include "definitions/writer.h"
#include "http/session.h"

#define SESSIONS_OF_ACCOUNT 100 /* one more ends the oldest */
#define SESSION_AGENT_MAX 256   /* bytes */

struct sessions;

/* One that has not ended. */
struct known_session {
    char id[SESSION_ID_SIZE];
    char account_id[129], key_id[65];
    char user_agent[SESSION_AGENT_MAX + 1]; /* as the browser said it: any bytes */
    int64_t created_wall_ms, expires_wall_ms;
    int64_t used_wall_ms; /* to the minute on the replica that saw it, to the hour on others */
};

struct sessions *sessions_new(struct api *api);
void sessions_free(struct sessions *ss); /* NULL is fine */
/* Begins to follow the audit topic; as soon as there are definitions. */
void sessions_follow(struct sessions *ss);
/* Forgets those whose time is over; once a second. */
void sessions_sweep(struct sessions *ss, int64_t now_wall_ms);

/* Tells of a new one. fn: when Kafka has it, or not. */
void sessions_begin(struct sessions *ss, const struct session *s, const char *user_agent, const char *request_id,
                    writer_done_fn *fn, void *ctx);
/* Tells that it ended, and ends it here when Kafka has that. */
void sessions_end(struct sessions *ss, const struct known_session *ks, const char *actor, const char *request_id,
                  writer_done_fn *fn, void *ctx);
/* It was used now. */
void sessions_used(struct sessions *ss, const struct session *s, int64_t now_wall_ms);

/* ss may be NULL, id "": no session. */
bool sessions_has_ended(const struct sessions *ss, const char *id);
/* NULL: the account has none of that id. */
const struct known_session *sessions_find(const struct sessions *ss, const char *account_id, const char *id);
/* Calls fn with each of the account's; it must not begin or end any. */
void sessions_each(const struct sessions *ss, const char *account_id, void (*fn)(void *ctx, const struct known_session *ks),
                   void *ctx);

#endif
