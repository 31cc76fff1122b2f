#include "http/auth.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "http/response.h"
#include "http/session.h"
#include "util/file.h"

#define PREFIX "tfk_"
#define ID_BYTES 8
#define SECRET_BYTES 32
#define TOKEN_MAX 4096

static void hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static void hash_text(const char *text, char out[AUTH_HASH_SIZE])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, strlen(text), digest);
    hex(digest, sizeof digest, out);
}

void auth_new_key(char key[AUTH_KEY_SIZE], char id[24], char hash[AUTH_HASH_SIZE])
{
    unsigned char bytes[ID_BYTES + SECRET_BYTES];
    char secret[2 * SECRET_BYTES + 1];
    check(RAND_bytes(bytes, sizeof bytes) == 1);
    hex(bytes, ID_BYTES, id);
    hex(bytes + ID_BYTES, SECRET_BYTES, secret);
    (void)snprintf(key, AUTH_KEY_SIZE, PREFIX "%s_%s", id, secret);
    hash_text(key, hash);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(secret, sizeof secret);
}

bool auth_has_scope(const char *scopes, const char *scope)
{
    size_t len = strlen(scope);
    for (const char *p = scopes; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strncmp(p, scope, len) == 0 && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

/* "tfk_<id>_...": the id. */
static bool id_of(const char *key, char id[24])
{
    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
        return false;
    const char *begin = key + strlen(PREFIX);
    size_t len = strcspn(begin, "_");
    if (len == 0 || len >= 24 || begin[len] != '_')
        return false;
    memcpy(id, begin, len);
    id[len] = '\0';
    return true;
}

bool auth_key(const struct api *api, const char *key, const struct account **account, const struct account_key **found)
{
    char id[24], hash[AUTH_HASH_SIZE];
    if (!id_of(key, id) || !definitions_key(api->definitions, id, account, found))
        return false;
    hash_text(key, hash);
    if (CRYPTO_memcmp(hash, (*found)->sha256_hex, AUTH_HASH_SIZE - 1) != 0)
        return false;
    int64_t expires = (*found)->expires_wall_ms;
    return expires == 0 || loop_wall(api->loop) < expires;
}

void auth_principal(struct principal *p, const struct account *a, const struct account_key *key)
{
    *p = (struct principal){.kind = PRINCIPAL_KEY};
    (void)snprintf(p->account_id, sizeof p->account_id, "%s", a->id);
    (void)snprintf(p->key_id, sizeof p->key_id, "%s", key->id);
    p->may_write = auth_has_scope(key->scopes, "write");
    p->may_read = auth_has_scope(key->scopes, "read");
}

/* Read anew each time: it may be exchanged without a restart. */
static bool is_admin(const struct api *api, const char *token)
{
    struct buf file;
    struct errmsg why;
    char wanted[AUTH_HASH_SIZE], given[AUTH_HASH_SIZE];
    if (!*api->settings.admin_token_file)
        return false;
    buf_init(&file, TOKEN_MAX);
    bool read = file_read(api->settings.admin_token_file, &file, &why) == ERR_OK;
    while (file.len > 0 && strchr("\r\n \t", file.p[file.len - 1]))
        buf_truncate(&file, file.len - 1);
    hash_text(buf_cstr(&file), wanted);
    hash_text(token, given);
    bool same = read && file.len > 0 && CRYPTO_memcmp(wanted, given, sizeof wanted) == 0;
    if (file.p)
        OPENSSL_cleanse(file.p, file.len);
    buf_done(&file);
    return same;
}

bool auth_refuse(struct request *rq)
{
    ++*rq->api->stats.unauthorized;
    reply_header(rq, "WWW-Authenticate", "Bearer");
    reply_problem(rq, PROBLEM_UNAUTHORIZED, "a valid key is needed, as Authorization: Bearer ...");
    return false;
}

static bool allow(struct request *rq, bool may, const char *scope)
{
    if (!may)
        reply_problem(rq, PROBLEM_SCOPE_REQUIRED, "the key has no scope \"%s\"", scope);
    return may;
}

static bool check_scope(struct request *rq)
{
    if (rq->route->scope == SCOPE_OWN)
        return true;
    return rq->route->scope == SCOPE_READ ? allow(rq, rq->principal.may_read, "read")
                                          : allow(rq, rq->principal.may_write, "write");
}

static void admit(struct request *rq, const struct account *a, const struct account_key *key)
{
    auth_principal(&rq->principal, a, key);
    audit_key_used(definitions_audit(rq->api->definitions), a->id, key->id, loop_wall(rq->api->loop));
}

static bool check_key(struct request *rq, const char *text)
{
    const struct account *account;
    const struct account_key *key;
    if (!auth_key(rq->api, text, &account, &key))
        return auth_refuse(rq);
    admit(rq, account, key);
    return check_scope(rq);
}

static bool check_session(struct request *rq)
{
    const struct account *account;
    const struct account_key *key;
    struct session session;
    if (!session_of(rq, &session, &account, &key))
        return auth_refuse(rq);
    admit(rq, account, key);
    rq->principal.kind = PRINCIPAL_SESSION;
    memcpy(rq->principal.session_id, session.id, sizeof session.id);
    sessions_used(rq->api->sessions, &session, loop_wall(rq->api->loop));
    if (rq->method != METHOD_GET && !session_vouches(rq, &session)) {
        reply_problem(rq, PROBLEM_CSRF_FAILED, "a change by a session needs its X-CSRF-Token, and an Origin that is the Host");
        return false;
    }
    return rq->route->scope == SCOPE_SESSION || check_scope(rq);
}

bool auth_check(struct request *rq)
{
    const char *header = request_header(rq, "Authorization");
    const char *token = header && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 + strspn(header + 7, " ") : NULL;
    if (rq->route->scope == SCOPE_NONE)
        return true;
    if (rq->route->scope == SCOPE_SESSION || (!header && rq->route->scope != SCOPE_ADMIN))
        return check_session(rq);
    if (!token)
        return auth_refuse(rq);
    if (rq->route->scope != SCOPE_ADMIN)
        return check_key(rq, token);
    if (!is_admin(rq->api, token))
        return auth_refuse(rq);
    rq->principal.kind = PRINCIPAL_ADMIN;
    return true;
}
