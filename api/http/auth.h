/* Who asks: an account's API key, or the operator's token, as bearer credentials; or a session of the dashboard (session.h). A
 * key is "tfk_<id>_<secret>": it is looked up by its id, and the SHA-256 of the whole is compared in constant time. The tenant
 * comes from the key alone. */
#ifndef HTTP_AUTH_H
#define HTTP_AUTH_H

#include "http/request.h"
#include "model/account.h"

#define AUTH_KEY_SIZE 90 /* of a key, with its NUL */
#define AUTH_HASH_SIZE 65

/* Fills rq->principal for the route's scope. False: the request has been answered with 401 or 403. */
bool auth_check(struct request *rq);
/* The same for a key in hand: the account and key that it is, when it is one and has not expired. */
bool auth_key(const struct api *api, const char *key, const struct account **account, const struct account_key **found);
/* Fills a principal from a key that is good. */
void auth_principal(struct principal *p, const struct account *a, const struct account_key *key);

/* Answers with 401; false. */
bool auth_refuse(struct request *rq);

/* A new random key, its id and the hash that is kept of it. */
void auth_new_key(char key[AUTH_KEY_SIZE], char id[24], char hash[AUTH_HASH_SIZE]);
bool auth_has_scope(const char *scopes, const char *scope);

#endif
