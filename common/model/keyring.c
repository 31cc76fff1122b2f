/* The key file: read once at the start, written once by the operator's command. Every copy of a key that is made on the way is
 * wiped, which is why the file is not read through a growing buffer. */
#include "model/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/base64.h"
#include "util/mem.h"

#define KEY_TEXT_SIZE 45 /* base64 of a key and NUL */
#define KEY_FILE_MAX 16384
#define MODE_REFUSED (S_IRWXO | S_IWGRP)
#define KEY_ID_RULE "the key id must be 1 to 64 of A-Z a-z 0-9 _ -"

bool key_id_valid(struct slice id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (id.len == 0 || id.len > SEALED_KEY_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!memchr(allowed, id.p[i], sizeof(allowed) - 1))
            return false;
    return true;
}

const struct key *keyring_find(const struct keyring *k, struct slice id)
{
    for (size_t i = 0; i < k->count; i++)
        if (slice_eq(slice_str(k->keys[i].id), id))
            return &k->keys[i];
    return NULL;
}

/* The next word of *line, which moves behind it; empty at the end. */
static struct slice next_word(struct slice *line)
{
    size_t start = 0, end;
    while (start < line->len && strchr(" \t\r", line->p[start]) && line->p[start])
        start++;
    for (end = start; end < line->len && !(line->p[end] && strchr(" \t\r", line->p[end]));)
        end++;
    struct slice word = slice_of(line->p + start, end - start);
    *line = slice_of(line->p + end, line->len - end);
    return word;
}

static bool key_decode(struct slice text, unsigned char out[KEY_SIZE])
{
    struct buf b;
    bool ok = false;
    if (text.len != KEY_TEXT_SIZE - 1)
        return false;
    buf_init(&b, KEY_TEXT_SIZE);
    /* All the room at once: growing would leave a copy of the key behind. */
    (void)mem_reserve(&b, KEY_TEXT_SIZE);
    if (base64_decode(&b, text) == ERR_OK && b.len == KEY_SIZE) {
        memcpy(out, b.p, KEY_SIZE);
        ok = true;
    }
    OPENSSL_cleanse(b.p, KEY_TEXT_SIZE);
    buf_done(&b);
    return ok;
}

/* One line of the key file, without its comment. NULL, or what is wrong with it. Never repeats the key. */
static const char *keyring_add(struct keyring *k, struct slice line)
{
    struct slice id = next_word(&line), key = next_word(&line);
    if (id.len == 0)
        return NULL;
    if (!key_id_valid(id))
        return KEY_ID_RULE;
    if (keyring_find(k, id))
        return "the key id is there twice";
    if (k->count == SEALED_KEYS_MAX)
        return "too many keys";
    struct key *slot = &k->keys[k->count];
    if (!key_decode(key, slot->bytes) || next_word(&line).len > 0)
        return "expected a key id and the base64 of 32 bytes";
    memcpy(slot->id, id.p, id.len);
    k->count++;
    return NULL;
}

static enum err keyring_parse(struct keyring *k, const char *path, struct slice text, struct errmsg *why)
{
    for (unsigned number = 1; text.len > 0; number++) {
        const char *newline = memchr(text.p, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.p) : text.len;
        const char *hash = memchr(text.p, '#', len);
        const char *fault = keyring_add(k, slice_of(text.p, hash ? (size_t)(hash - text.p) : len));
        if (fault)
            return errmsg_set(why, ERR_INVALID, "%s:%u: %s", path, number, fault);
        size_t used = newline ? len + 1 : len;
        text = slice_of(text.p + used, text.len - used);
    }
    if (k->count == 0)
        return errmsg_set(why, ERR_INVALID, "%s: no key in it", path);
    return ERR_OK;
}

static enum err errno_err(const char *path, const char *verb, struct errmsg *why)
{
    int saved = errno;
    enum err err = saved == ENOENT ? ERR_NOT_FOUND : saved == EEXIST ? ERR_EXISTS : ERR_IO;
    errmsg_set(why, err, "%s: cannot %s: %s", path, verb, strerror(saved));
    errno = saved;
    return err;
}

/* Looks at the open file, not at the name, which may mean another one by now. */
static enum err check_permissions(int fd, const char *path, struct errmsg *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno_err(path, "stat", why);
    if (!S_ISREG(st.st_mode))
        return errmsg_set(why, ERR_INVALID, "%s: not a regular file", path);
    if (st.st_mode & MODE_REFUSED)
        return errmsg_set(why, ERR_REFUSED, "%s: mode %04o lets others at the keys: chmod 0600 or 0440", path,
                          (unsigned)st.st_mode & 07777u);
    return ERR_OK;
}

/* At most size bytes; *len = size means that there may be more. */
static enum err read_all(int fd, const char *path, char *text, size_t size, size_t *len, struct errmsg *why)
{
    *len = 0;
    while (*len < size) {
        ssize_t n = read(fd, text + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno_err(path, "read", why);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return ERR_OK;
}

enum err keyring_load(const char *path, struct keyring **out, struct errmsg *why)
{
    char text[KEY_FILE_MAX + 1];
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang the start */
    if (fd < 0)
        return errno_err(path, "open", why);
    enum err err = check_permissions(fd, path, why);
    if (err == ERR_OK)
        err = read_all(fd, path, text, sizeof(text), &len, why);
    close(fd);
    if (err == ERR_OK && len > KEY_FILE_MAX)
        err = errmsg_set(why, ERR_INVALID, "%s: larger than %d bytes", path, KEY_FILE_MAX);
    if (err == ERR_OK) {
        struct keyring *k = mem_zalloc(sizeof(*k));
        err = keyring_parse(k, path, slice_of(text, len), why);
        if (err == ERR_OK)
            *out = k;
        else
            keyring_free(k);
    }
    OPENSSL_cleanse(text, sizeof(text));
    return err;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    OPENSSL_cleanse(k, sizeof(*k));
    free(k);
}

const char *keyring_writing_id(const struct keyring *k)
{
    return k->keys[0].id;
}

static enum err write_all(int fd, const char *path, const char *text, size_t len, struct errmsg *why)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno_err(path, "write", why);
        text += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 ? ERR_OK : errno_err(path, "write", why);
}

/* The name of a new file is durable only when its folder is. */
static enum err sync_folder(const char *path, struct errmsg *why)
{
    char *copy = mem_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = fd >= 0 && fsync(fd) == 0 ? ERR_OK : errno_err(path, "make durable", why);
    if (fd >= 0)
        close(fd);
    free(copy);
    return err;
}

static int key_line(const char *key_id, char *line, size_t size)
{
    unsigned char key[KEY_SIZE], text[KEY_TEXT_SIZE];
    check(RAND_priv_bytes(key, sizeof(key)) == 1); /* a key that can be guessed is worse than none */
    EVP_EncodeBlock(text, key, sizeof(key));
    int len = snprintf(line, size, "%s %s\n", key_id, (const char *)text);
    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));
    return len;
}

enum err keyring_create(const char *path, const char *key_id, struct errmsg *why)
{
    char line[SEALED_KEY_ID_MAX + KEY_TEXT_SIZE + 3];
    if (!key_id_valid(slice_str(key_id)))
        return errmsg_set(why, ERR_INVALID, KEY_ID_RULE);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno_err(path, "create", why);
    int len = key_line(key_id, line, sizeof(line));
    enum err err = write_all(fd, path, line, (size_t)len, why);
    if (close(fd) != 0 && err == ERR_OK)
        err = errno_err(path, "close", why);
    if (err == ERR_OK)
        err = sync_folder(path, why);
    if (err != ERR_OK)
        unlink(path); /* half a key file would stop the next start */
    OPENSSL_cleanse(line, sizeof(line));
    return err;
}
