/* The greeting: what is said on each new connection before it counts as up. All of it leaves in one write; the replies come
 * back in order, and the first that is not as it must be breaks the connection. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "io/redis_internal.h"
#include "util/file.h"
#include "util/mem.h"

#define PASSWORD_FILE_MAX 4096

/* fn of one step; the last one that is content opens the connection to everybody. */
static void step(struct redis *r, redis_fn *fn, int argc, const char *const *argv)
{
    r->greeting_left++;
    redis_send(r, fn, r, argc, argv, NULL);
}

static void step_done(struct redis *r)
{
    if (--r->greeting_left == 0 && !r->broken)
        redis_came_up(r);
}

/* NULL: the connection was lost meanwhile; that has been said already. */
static bool step_failed(struct redis *r, const redisReply *reply, const char *what)
{
    if (!reply)
        return true;
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    redis_break(r, "%s: %.200s", what, reply->str);
    return true;
}

/* This user may not ask, or the server does not know the command (managed ones take some away). */
static bool is_denied(const redisReply *reply)
{
    return reply && (redis_reply_is(reply, "NOPERM") || redis_reply_is(reply, "ERR unknown command"));
}

static void on_auth(void *ctx, redisReply *reply)
{
    struct redis *r = ctx;
    if (!step_failed(r, reply, "authentication"))
        step_done(r);
}

static void on_select(void *ctx, redisReply *reply)
{
    struct redis *r = ctx;
    if (!step_failed(r, reply, "choosing the database"))
        step_done(r);
}

/* A replica would refuse the first write. Where ROLE may not be asked, that is how it shows. */
static void on_role(void *ctx, redisReply *reply)
{
    struct redis *r = ctx;
    if (!is_denied(reply)) {
        if (step_failed(r, reply, "asking for the role"))
            return;
        const redisReply *role = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ? reply->element[0] : NULL;
        if (!role || role->type != REDIS_REPLY_STRING || strcmp(role->str, "master") != 0) {
            redis_break(r, "this server is not a primary (role %.20s)", role && role->str ? role->str : "unknown");
            return;
        }
    }
    step_done(r);
}

static const char *policy_in(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_STRING)
        return NULL;
    return reply->element[1]->str;
}

/* Any other policy drops keys when memory is short, and with them scheduled retries and idempotency keys. */
static void on_policy(void *ctx, redisReply *reply)
{
    struct redis *r = ctx;
    bool denied = is_denied(reply);
    if (!denied && step_failed(r, reply, "reading maxmemory-policy"))
        return;
    const char *policy = denied ? NULL : policy_in(reply);
    if (!policy && !r->warning.text[0]) /* a password file's is worth more */
        (void)errmsg_set(&r->warning, ERR_REFUSED, "maxmemory-policy could not be checked (%.200s); it must be noeviction",
                         denied ? reply->str : "the server does not tell it");
    else if (policy && strcmp(policy, "noeviction") != 0) {
        redis_break(r, "maxmemory-policy is %.40s; it must be noeviction, or retries would be lost", policy);
        return;
    }
    step_done(r);
}

static bool script_failed(struct redis *r, const redisReply *reply)
{
    if (step_failed(r, reply, "loading a script"))
        return true;
    for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < r->script_count; i++) {
        if (strcmp(reply->str, r->scripts[i]->sha1) == 0)
            return false;
    }
    redis_break(r, "loading a script: the server does not know it by the SHA-1 that it has here");
    return true;
}

static void on_script(void *ctx, redisReply *reply)
{
    struct redis *r = ctx;
    if (!script_failed(r, reply))
        step_done(r);
}

static void on_late_script(void *ctx, redisReply *reply)
{
    (void)script_failed(ctx, reply);
}

enum err redis_read_password(const char *path, struct redis_url *url, struct errmsg *why)
{
    struct buf text;
    if (!path || !*path)
        return ERR_OK;
    buf_init(&text, PASSWORD_FILE_MAX);
    enum err err = file_read(path, &text, why);
    size_t len = text.len > 0 ? strcspn(text.p, "\r\n") : 0;
    if (err == ERR_OK && (len == 0 || len >= sizeof url->password))
        err = errmsg_set(why, ERR_INVALID, "%s: its first line must be a password of 1 to %zu bytes", path,
                         sizeof url->password - 1);
    if (err == ERR_OK) {
        memcpy(url->password, text.p, len);
        url->password[len] = '\0';
    }
    if (text.p)
        explicit_bzero(text.p, text.cap);
    buf_done(&text);
    return err;
}

/* A file that cannot be read now leaves the password that was read before. */
static void authenticate(struct redis *r)
{
    struct errmsg why;
    if (redis_read_password(r->options.password_file, &r->url, &why) != ERR_OK)
        r->warning = why;
    const char *const argv[] = {"AUTH", r->url.user[0] ? r->url.user : r->url.password, r->url.password};
    if (r->url.password[0])
        step(r, on_auth, r->url.user[0] ? 3 : 2, argv);
}

static void select_database(struct redis *r)
{
    char db[16];
    snprintf(db, sizeof db, "%d", r->url.db);
    if (r->url.db != 0)
        step(r, on_select, 2, (const char *const[]){"SELECT", db});
}

void redis_greet(struct redis *r)
{
    r->greeting_left = 0;
    r->warning.text[0] = '\0';
    authenticate(r);
    select_database(r);
    step(r, on_role, 1, (const char *const[]){"ROLE"});
    step(r, on_policy, 3, (const char *const[]){"CONFIG", "GET", "maxmemory-policy"});
    for (size_t i = 0; i < r->script_count; i++)
        step(r, on_script, 3, (const char *const[]){"SCRIPT", "LOAD", r->scripts[i]->source});
}

/* -------- scripts -------- */

static void hex_sha1(const char *text, char out[41])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    check(EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) == 1 && len == 20);
    for (unsigned i = 0; i < len; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[40] = '\0';
}

/* On a connection that is up or greeting already it is loaded at once, before any command that uses it. */
void redis_script_register(struct redis *r, struct redis_script *s)
{
    hex_sha1(s->source, s->sha1);
    r->scripts = mem_array(r->scripts, r->script_count + 1, sizeof(struct redis_script *));
    r->scripts[r->script_count++] = s;
    if (r->state >= LINK_GREETING && !r->broken)
        redis_send(r, on_late_script, r, 3, (const char *const[]){"SCRIPT", "LOAD", s->source}, NULL);
}
