#include "producer/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/mem.h"

#define STEP_BYTES (64 * 1024)

/* The sink's ctx of a state is its tail, so that a fact finds the file it came from. */
struct tail *tail_new(int fd, const struct stat *st, const char *name, const struct tail_options *options)
{
    struct tail *t = mem_zalloc(sizeof(*t));
    struct source_sink sink = {.fact = options->fact, .quarantine = options->quarantine, .ctx = t};
    t->fd = fd;
    t->watch = -1;
    t->device = st->st_dev;
    t->inode = (uint64_t)st->st_ino;
    t->size = st->st_size;
    t->name = mem_strdup(name);
    t->dirty = true;
    t->format = options->format;
    t->state = options->format->state_new(&options->source, &sink);
    t->owner = options->owner;
    t->quarantine = options->quarantine;
    buf_init(&t->bytes, STEP_BYTES + options->format->max_frame_bytes);
    track_init(&t->track);
    return t;
}

void tail_free(struct tail *t)
{
    if (!t)
        return;
    check(t->track.count == 0);
    t->format->state_free(t->state);
    buf_done(&t->bytes);
    close(t->fd);
    free(t->name);
    free(t);
}

static ssize_t read_at(int fd, char *out, size_t len, int64_t offset)
{
    ssize_t got;
    do {
        got = pread(fd, out, len, offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

enum err tail_fingerprint(int fd, uint64_t inode, const struct source_format *format, char out[FINGERPRINT_SIZE])
{
    char *first = mem_alloc(format->max_frame_bytes);
    ssize_t got = read_at(fd, first, format->max_frame_bytes, 0);
    enum err err = got < 0 ? ERR_IO : ERR_OK;
    if (err == ERR_OK) {
        size_t len = got > 0 ? format->frame(slice_of(first, (size_t)got)) : 0;
        out[0] = '\0';
        if (len > 0)
            fingerprint_make(inode, slice_of(first, len), out);
    }
    free(first);
    return err;
}

/* Hands over the frames that are complete. Returns how many bytes they took. */
static size_t frames(struct tail *t, bool (*more)(void *ctx), void *ctx)
{
    size_t at = 0;
    while (at < t->bytes.len && more(ctx)) {
        struct slice rest = slice_of(t->bytes.p + at, t->bytes.len - at);
        size_t len = t->format->frame(rest);
        if (len == 0)
            break;
        if (t->fingerprint[0] == '\0')
            fingerprint_make(t->inode, slice_of(rest.p, len), t->fingerprint);
        t->format->record(t->state, t->offset + (int64_t)at, slice_of(rest.p, len));
        at += len;
    }
    return at;
}

enum err tail_read(struct tail *t, bool (*more)(void *ctx), void *ctx)
{
    char *room = t->bytes.len < t->format->max_frame_bytes ? buf_reserve(&t->bytes, STEP_BYTES) : NULL;
    if (room) {
        ssize_t got = read_at(t->fd, room, STEP_BYTES, t->offset + (int64_t)t->bytes.len);
        if (got < 0)
            return ERR_IO;
        buf_grew(&t->bytes, (size_t)got);
        if (got < STEP_BYTES)
            t->dirty = false;
    }
    size_t taken = frames(t, more, ctx);
    buf_drop(&t->bytes, taken);
    t->offset += (int64_t)taken;
    if (!more(ctx))
        t->dirty = true; /* the rest waits for credit */
    return ERR_OK;
}

bool tail_at_end(const struct tail *t)
{
    return !t->dirty;
}

void tail_give_up_rest(struct tail *t)
{
    if (t->bytes.len == 0)
        return;
    t->quarantine(t, t->offset, buf_slice(&t->bytes), SOURCE_INCOMPLETE);
    t->offset += (int64_t)t->bytes.len;
    buf_reset(&t->bytes);
}

int64_t tail_restart_offset(const struct tail *t)
{
    int64_t offset = t->offset;
    int64_t unacknowledged = track_lowest(&t->track);
    int64_t pending = t->format->pending_offset(t->state);
    if (unacknowledged < offset)
        offset = unacknowledged;
    return pending < offset ? pending : offset;
}
