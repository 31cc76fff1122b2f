#include "producer/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

#define SCHEMA "trueftp.checkpoint/1"
#define MAX_BYTES (1024 * 1024)

void checkpoint_init(struct checkpoint *c)
{
    *c = (struct checkpoint){0};
}

void checkpoint_done(struct checkpoint *c)
{
    free(c->files);
    checkpoint_init(c);
}

bool checkpoint_add(struct checkpoint *c, const struct checkpoint_file *file)
{
    if (c->count == CHECKPOINT_MAX_FILES)
        return false;
    c->files = mem_array(c->files, c->count + 1, sizeof(*c->files));
    c->files[c->count++] = *file;
    return true;
}

void checkpoint_write(struct buf *out, const struct checkpoint *c, const char *log)
{
    buf_puts(out, "{\"schema\":\"" SCHEMA "\",\"log\":");
    json_put_string(out, slice_str(log));
    buf_puts(out, ",\"files\":[");
    for (size_t i = 0; i < c->count; i++) {
        const struct checkpoint_file *f = &c->files[i];
        buf_printf(out, "%s\n{\"inode\":%llu,\"fingerprint\":\"%s\",\"offset\":%lld,\"size\":%lld}", i ? "," : "",
                   (unsigned long long)f->inode, f->fingerprint, (long long)f->offset, (long long)f->size);
    }
    buf_puts(out, "]}\n");
}

static bool fingerprint_ok(const char *text)
{
    size_t len = strlen(text);
    return (len == 0 || len == FINGERPRINT_SIZE - 1) && strspn(text, "0123456789abcdef") == len;
}

static bool read_file(json_t *entry, struct checkpoint *c)
{
    json_int_t inode, offset, size;
    const char *fingerprint;
    if (json_unpack(entry, "{s:I, s:s, s:I, s:I}", "inode", &inode, "fingerprint", &fingerprint, "offset", &offset, "size",
                    &size) != 0)
        return false;
    if (!fingerprint_ok(fingerprint) || offset < 0 || size < 0)
        return false;
    struct checkpoint_file file = {.inode = (uint64_t)inode, .offset = offset, .size = size};
    memcpy(file.fingerprint, fingerprint, strlen(fingerprint));
    return checkpoint_add(c, &file);
}

static enum err read_root(json_t *root, const char *path, const char *log, struct checkpoint *c, struct errmsg *why)
{
    const char *schema, *of;
    json_t *files, *entry;
    size_t i;
    if (json_unpack(root, "{s:s, s:s, s:o}", "schema", &schema, "log", &of, "files", &files) != 0 || !json_is_array(files) ||
        strcmp(schema, SCHEMA) != 0)
        return errmsg_set(why, ERR_INVALID, "%s: not a checkpoint (%s)", path, SCHEMA);
    if (strcmp(of, log) != 0)
        return errmsg_set(why, ERR_INVALID, "%s: is the checkpoint of %s, not of %s; remove it or give the source another name",
                          path, of, log);
    json_array_foreach(files, i, entry)
    {
        if (!read_file(entry, c))
            return errmsg_set(why, ERR_INVALID, "%s: file %zu of the list is malformed", path, i);
    }
    c->existed = true;
    return ERR_OK;
}

enum err checkpoint_load(const char *path, const char *log, struct checkpoint *c, struct errmsg *why)
{
    struct buf text;
    buf_init(&text, MAX_BYTES);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK) {
        json_error_t bad;
        json_t *root = json_loadb(buf_cstr(&text), text.len, JSON_REJECT_DUPLICATES, &bad);
        err = root ? read_root(root, path, log, c, why)
                   : errmsg_set(why, ERR_INVALID, "%s: line %d: %s; remove it to read the log from its beginning", path, bad.line,
                                bad.text);
        json_decref(root);
    } else if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    }
    buf_done(&text);
    return err;
}

enum err checkpoint_lock(const char *dir, int *fd, struct errmsg *why)
{
    char path[4096];
    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return errmsg_set(why, ERR_IO, "%s: %s", dir, strerror(errno));
    if ((size_t)snprintf(path, sizeof(path), "%s/lock", dir) >= sizeof(path))
        return errmsg_set(why, ERR_IO, "%s: the path is too long", dir);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock < 0)
        return errmsg_set(why, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        int reason = errno;
        close(lock);
        if (reason == EWOULDBLOCK)
            return errmsg_set(why, ERR_REFUSED, "%s: another trueftp-producer uses this folder", path);
        return errmsg_set(why, ERR_IO, "%s: %s", path, strerror(reason));
    }
    *fd = lock;
    return ERR_OK;
}
