#include "ctl/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"

#define READ_BYTES 65536

static enum err read_stdin(struct buf *out, struct errmsg *why)
{
    for (;;) {
        char *room = buf_reserve(out, READ_BYTES);
        if (!room) {
            return errmsg_set(why, ERR_TOO_BIG, "standard input: longer than %zu bytes", out->max);
        }
        ssize_t n = read(STDIN_FILENO, room, READ_BYTES);
        if (n < 0 && errno != EINTR) {
            return errmsg_set(why, ERR_IO, "standard input: %s", strerror(errno));
        }
        if (n == 0) {
            return ERR_OK;
        }
        buf_grew(out, n > 0 ? (size_t)n : 0);
    }
}

enum err read_input(const char *path, struct buf *out, struct errmsg *why)
{
    return strcmp(path, "-") == 0 ? read_stdin(out, why) : file_read(path, out, why);
}

enum err secret_read(const char *secret, const char *file, struct buf *out, struct errmsg *why)
{
    enum err err = ERR_OK;
    buf_init(out, READ_BYTES * 2);
    if (!secret == !file) {
        return errmsg_set(why, ERR_INVALID, "one of --secret and --secret-file is needed");
    }
    if (secret) {
        buf_puts(out, secret);
    } else {
        err = read_input(file, out, why);
    }
    if (err == ERR_OK && file && out->len > 0 && out->p[out->len - 1] == '\n') {
        buf_truncate(out, out->len - 1);
    }
    if (err == ERR_OK && (out->len == 0 || out->len > SEALED_SECRET_MAX)) {
        err = errmsg_set(why, ERR_INVALID, "the secret must have 1 to %d bytes", SEALED_SECRET_MAX);
    }
    return err;
}

void secret_done(struct buf *secret)
{
    if (secret->p) {
        OPENSSL_cleanse(secret->p, secret->len);
    }
    buf_done(secret);
}
