#include "producer/users_known.h"

#include <stdlib.h>

#include "util/file.h"
#include "util/mem.h"
#include "util/uthash.h"

#define SCHEMA "trueftp.users/1 "
#define MAX_BYTES (64 * 1024 * 1024)

struct known_user {
    UT_hash_handle hh;
    size_t len;
    char name[];
};

struct users_known {
    char *path, *file;
    struct known_user *users;
    bool begun, changed;
};

bool users_known_has(const struct users_known *k, struct slice name)
{
    const struct known_user *user;
    HASH_FIND(hh, k->users, name.p, name.len, user);
    return user != NULL;
}

void users_known_add(struct users_known *k, struct slice name)
{
    if (users_known_has(k, name))
        return;
    struct known_user *user = mem_alloc(sizeof(*user) + name.len);
    user->len = name.len;
    memcpy(user->name, name.p, name.len);
    HASH_ADD_KEYPTR(hh, k->users, user->name, user->len, user);
    k->changed = true;
}

static enum err read_set(struct users_known *k, struct slice text, struct errmsg *why)
{
    size_t head = strlen(SCHEMA), len = strlen(k->file);
    if (text.len < head || memcmp(text.p, SCHEMA, head) != 0)
        return errmsg_set(why, ERR_INVALID, "%s: not a set of users; remove it to take those of today as known", k->path);
    text = slice_of(text.p + head, text.len - head);
    if (text.len <= len || memcmp(text.p, k->file, len) != 0 || text.p[len] != '\n')
        return errmsg_set(why, ERR_INVALID, "%s: is not about %s; remove it or give the source another name", k->path, k->file);
    text = slice_of(text.p + len + 1, text.len - len - 1);
    while (text.len > 0) {
        const char *lf = memchr(text.p, '\n', text.len);
        if (!lf)
            return errmsg_set(why, ERR_INVALID, "%s: its last line has no end", k->path);
        users_known_add(k, slice_of(text.p, (size_t)(lf - text.p)));
        text = slice_of(lf + 1, text.len - (size_t)(lf + 1 - text.p));
    }
    k->begun = true;
    k->changed = false;
    return ERR_OK;
}

struct users_known *users_known_new(void)
{
    return mem_zalloc(sizeof(struct users_known));
}

enum err users_known_load(const char *path, const char *file, struct users_known **out, struct errmsg *why)
{
    struct users_known *k = users_known_new();
    struct buf text;
    k->path = mem_strdup(path);
    k->file = mem_strdup(file);
    buf_init(&text, MAX_BYTES);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK)
        err = read_set(k, buf_slice(&text), why);
    else if (err == ERR_NOT_FOUND)
        err = ERR_OK;
    buf_done(&text);
    if (err == ERR_OK)
        *out = k;
    else
        users_known_free(k);
    return err;
}

void users_known_free(struct users_known *k)
{
    struct known_user *user, *next;
    if (!k)
        return;
    HASH_ITER(hh, k->users, user, next) {
        HASH_DEL(k->users, user);
        free(user);
    }
    free(k->path);
    free(k->file);
    free(k);
}

bool users_known_begun(const struct users_known *k)
{
    return k->begun;
}

void users_known_begin(struct users_known *k)
{
    k->begun = k->changed = true;
}

size_t users_known_count(const struct users_known *k)
{
    return HASH_COUNT(k->users);
}

enum err users_known_save(struct users_known *k, struct errmsg *why)
{
    const struct known_user *user, *next;
    struct buf text;
    if (!k->begun || !k->changed)
        return ERR_OK;
    buf_init(&text, MAX_BYTES);
    buf_puts(&text, SCHEMA);
    buf_puts(&text, k->file);
    buf_putc(&text, '\n');
    HASH_ITER(hh, k->users, user, next) {
        buf_put(&text, user->name, user->len);
        buf_putc(&text, '\n');
    }
    enum err err =
        text.err ? errmsg_set(why, text.err, "%s: too many users", k->path) : file_replace(k->path, buf_slice(&text), 0640, why);
    k->changed = err != ERR_OK;
    buf_done(&text);
    return err;
}
