#include "ctl/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"

#define READ_BYTES 65536

static enum err read_stdin(struct buf *out, struct errmsg *why)
{
    char bytes[READ_BYTES];
    enum err err = ERR_OK;
    ssize_t n = 1;
    while (err == ERR_OK && n != 0) {
        n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n < 0 && errno != EINTR) {
            err = errmsg_set(why, ERR_IO, "standard input: %s", strerror(errno));
        }
        buf_put(out, bytes, n > 0 ? (size_t)n : 0);
        if (out->err != ERR_OK) {
            err = errmsg_set(why, ERR_TOO_BIG, "standard input: longer than %zu bytes", out->max);
        }
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return err;
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
