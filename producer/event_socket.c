#include "producer/event_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "producer/source/jsonl_record.h"
#include "producer/source/line.h"
#include "util/mem.h"

#define READ_BYTES (64 * 1024)
#define ANSWERS_BYTES (256 * 1024) /* one read of lines of one byte, each answered with its fault */
#define DATAGRAMS_PER_TURN 256
#define BACKLOG 64

/* A connection. It is closed only in event_socket_flush, so that no callback frees what it works on. */
struct client {
    struct event_socket *es;
    int fd;
    struct loop_io *io;
    struct line_state lines;
    struct buf in;
    struct buf answers; /* of lines that are not on disk yet */
    struct buf out;     /* to be written */
    size_t accepted;    /* of the answers, how many are ok */
    bool ended;         /* the client sends nothing more */
    bool broken;
    TAILQ_ENTRY(client) link;
};

TAILQ_HEAD(client_list, client);

struct event_socket {
    struct event_socket_options o;
    char *path;
    int fd;
    struct loop_io *io;
    struct client_list clients;
    size_t client_count;
    struct buf scratch;
    size_t accepted; /* datagrams that are not on disk yet */
    bool stopped;
};

/* -------- lines -------- */

/* True: the line was put into the spool. */
static bool take_line(struct event_socket *es, struct slice line, struct errmsg *why)
{
    struct source_fact fact;
    enum source_reason bad;
    if (jsonl_record_parse(line, &es->scratch, &fact, &bad, why)) {
        line_spool_put(es->o.spool, line);
        return true;
    }
    es->o.refused(es->o.ctx, line, bad, why->text);
    return false;
}

static void answer_line(struct client *c, int64_t offset, struct slice frame)
{
    struct errmsg why;
    struct slice line;
    if (!line_take(&c->lines, offset, frame, &line)) {
        c->es->o.refused(c->es->o.ctx, frame, SOURCE_OVERLONG, NULL);
        if (!c->lines.cut)
            buf_printf(&c->answers, "refused longer than %d bytes\n", JSONL_MAX_LINE_BYTES);
    } else if (jsonl_is_blank(line)) {
        return;
    } else if (take_line(c->es, line, &why)) {
        buf_puts(&c->answers, "ok\n");
        c->accepted++;
    } else {
        buf_printf(&c->answers, "refused %.200s\n", why.text);
    }
}

/* Room for the answers of one more read. */
static bool may_read(const struct client *c)
{
    return !c->ended && !c->broken && !c->es->stopped && c->in.len < JSONL_MAX_LINE_BYTES && c->out.len < READ_BYTES &&
           c->answers.len == 0 && !line_spool_full(c->es->o.spool);
}

static void take_lines(struct client *c)
{
    size_t at = 0, len;
    while (at < c->in.len && c->answers.len < ANSWERS_BYTES &&
           (len = line_frame(slice_of(c->in.p + at, c->in.len - at), JSONL_MAX_LINE_BYTES)) > 0) {
        answer_line(c, 0, slice_of(c->in.p + at, len));
        at += len;
    }
    buf_drop(&c->in, at);
}

static void read_client(struct client *c)
{
    char *room = buf_reserve(&c->in, READ_BYTES);
    check(room != NULL);
    ssize_t got = read(c->fd, room, READ_BYTES);
    if (got < 0) {
        c->broken = errno != EAGAIN && errno != EINTR;
        return;
    }
    buf_grew(&c->in, (size_t)got);
    c->ended = got == 0;
    take_lines(c);
}

/* A line without its LF is no line: nobody knows whether there was more of it. */
static void refuse_rest(struct client *c)
{
    if (c->ended && c->in.len > 0)
        c->es->o.refused(c->es->o.ctx, buf_slice(&c->in), SOURCE_INCOMPLETE, NULL);
    if (c->ended)
        buf_reset(&c->in);
}

/* -------- clients -------- */

static void write_client(struct client *c)
{
    while (c->out.len > 0 && !c->broken) {
        ssize_t put = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            c->broken = errno != EAGAIN;
            return;
        }
        buf_drop(&c->out, (size_t)put);
    }
}

static void on_client(void *ctx, int events)
{
    struct client *c = ctx;
    if (events & LOOP_WRITE)
        write_client(c);
    if ((events & LOOP_READ) && may_read(c))
        read_client(c);
}

static void close_client(struct client *c)
{
    struct event_socket *es = c->es;
    TAILQ_REMOVE(&es->clients, c, link);
    es->client_count--;
    loop_io_free(c->io);
    close(c->fd);
    buf_done(&c->in);
    buf_done(&c->answers);
    buf_done(&c->out);
    free(c);
}

static void on_connection(void *ctx, int events)
{
    struct event_socket *es = ctx;
    (void)events;
    int fd = accept4(es->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return; /* gone already, or out of descriptors: asked again at once or when one is free */
    struct client *c = mem_zalloc(sizeof(*c));
    c->es = es;
    c->fd = fd;
    buf_init(&c->in, READ_BYTES + JSONL_MAX_LINE_BYTES);
    buf_init(&c->answers, 2 * ANSWERS_BYTES);
    buf_init(&c->out, 4 * ANSWERS_BYTES);
    c->io = loop_io_new(es->o.loop, fd, LOOP_READ, on_client, c);
    TAILQ_INSERT_TAIL(&es->clients, c, link);
    es->client_count++;
}

/* Whatever was answered with ok is not on disk. */
static void put_again(struct client *c, const char *why)
{
    const char *at = c->answers.p, *stop = at + c->answers.len;
    while (at < stop) {
        const char *lf = memchr(at, '\n', (size_t)(stop - at));
        struct slice answer = slice_of(at, (size_t)(lf - at) + 1);
        if (slice_eq(answer, SLICE("ok\n")))
            buf_printf(&c->out, "again %.200s\n", why);
        else
            buf_put_slice(&c->out, answer);
        at = lf + 1;
    }
}

/* why NULL: what was put is on disk. */
static void give_answers(struct client *c, const char *why)
{
    if (why) {
        put_again(c, why);
    } else {
        buf_put_slice(&c->out, buf_slice(&c->answers));
        if (c->accepted > 0)
            c->es->o.accepted(c->es->o.ctx, c->accepted);
    }
    c->broken = c->broken || c->out.err != ERR_OK;
    c->accepted = 0;
    buf_reset(&c->answers);
    write_client(c);
}

/* The next lines of what was read already, then what may come. */
static void go_on(struct client *c)
{
    if (!c->broken && c->out.len < READ_BYTES && !line_spool_full(c->es->o.spool))
        take_lines(c);
    if (c->answers.len == 0)
        refuse_rest(c);
    loop_io_set(c->io, (may_read(c) ? LOOP_READ : 0) | (c->out.len > 0 ? LOOP_WRITE : 0));
}

/* -------- datagrams -------- */

static void on_datagram(void *ctx, int events)
{
    struct event_socket *es = ctx;
    struct errmsg why;
    (void)events;
    char *bytes = mem_alloc(JSONL_MAX_LINE_BYTES);
    for (int i = 0; i < DATAGRAMS_PER_TURN && !line_spool_full(es->o.spool); i++) {
        ssize_t got = recv(es->fd, bytes, JSONL_MAX_LINE_BYTES, MSG_TRUNC);
        if (got < 0)
            break; /* nothing more */
        struct slice line = slice_of(bytes, got > JSONL_MAX_LINE_BYTES ? JSONL_MAX_LINE_BYTES : (size_t)got);
        if (line.len > 0 && line.p[line.len - 1] == '\n')
            line.len--;
        if (got > JSONL_MAX_LINE_BYTES)
            es->o.refused(es->o.ctx, line, SOURCE_OVERLONG, NULL);
        else if (line.len > 0 && memchr(line.p, '\n', line.len))
            es->o.refused(es->o.ctx, line, SOURCE_JSON, "more than one line in a datagram");
        else if (!jsonl_is_blank(line) && take_line(es, line, &why))
            es->accepted++;
    }
    free(bytes);
}

/* -------- the socket -------- */

static enum err failed(const char *path, const char *what, struct errmsg *why)
{
    return errmsg_set(why, ERR_IO, "socket %s: %s: %s", path, what, strerror(errno));
}

/* Removes what a former process left. */
static enum err remove_stale(const struct sockaddr_un *address, int type, struct errmsg *why)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0)
        return errno == ENOENT ? ERR_OK : failed(address->sun_path, "stat", why);
    if (!S_ISSOCK(st.st_mode))
        return errmsg_set(why, ERR_EXISTS, "socket %s: there is another file of that name", address->sun_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    if (fd >= 0)
        close(fd);
    if (answers)
        return errmsg_set(why, ERR_EXISTS, "socket %s: another process listens there", address->sun_path);
    return unlink(address->sun_path) == 0 ? ERR_OK : failed(address->sun_path, "unlink", why);
}

static enum err open_socket(struct event_socket *es, struct errmsg *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int type = es->o.datagram ? SOCK_DGRAM : SOCK_STREAM;
    size_t len = strlen(es->path);
    if (len >= sizeof(address.sun_path))
        return errmsg_set(why, ERR_IO, "socket %s: longer than %zu bytes", es->path, sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, es->path, len);
    enum err err = remove_stale(&address, type, why);
    if (err != ERR_OK)
        return err;
    es->fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (es->fd < 0)
        return failed(es->path, "socket", why);
    if (bind(es->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || chmod(es->path, es->o.mode) != 0 ||
        (!es->o.datagram && listen(es->fd, BACKLOG) != 0))
        return failed(es->path, "listen", why);
    return ERR_OK;
}

enum err event_socket_new(const struct event_socket_options *o, struct event_socket **out, struct errmsg *why)
{
    struct event_socket *es = mem_zalloc(sizeof(*es));
    es->o = *o;
    es->path = mem_strdup(o->path);
    es->o.path = es->path;
    es->fd = -1;
    TAILQ_INIT(&es->clients);
    buf_init(&es->scratch, 2 * JSONL_MAX_LINE_BYTES);
    enum err err = open_socket(es, why);
    if (err != ERR_OK) {
        event_socket_free(es);
        return err;
    }
    es->io = loop_io_new(o->loop, es->fd, LOOP_READ, o->datagram ? on_datagram : on_connection, es);
    *out = es;
    return ERR_OK;
}

void event_socket_free(struct event_socket *es)
{
    if (!es)
        return;
    while (!TAILQ_EMPTY(&es->clients))
        close_client(TAILQ_FIRST(&es->clients));
    loop_io_free(es->io);
    if (es->io)
        unlink(es->path);
    if (es->fd >= 0)
        close(es->fd);
    buf_done(&es->scratch);
    free(es->path);
    free(es);
}

static void settle_datagrams(struct event_socket *es, const char *why)
{
    if (es->accepted > 0 && why)
        es->o.lost(es->o.ctx, es->accepted, why);
    else if (es->accepted > 0)
        es->o.accepted(es->o.ctx, es->accepted);
    es->accepted = 0;
}

/* Returns whether there are answers for the next turn. */
static bool settle_clients(struct event_socket *es, const char *why)
{
    struct client *c, *next;
    bool left = false;
    for (c = TAILQ_FIRST(&es->clients); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->answers.len > 0)
            give_answers(c, why);
        go_on(c);
        left = left || c->answers.len > 0;
        bool said = c->ended && c->in.len == 0 && c->answers.len == 0 && c->out.len == 0;
        if (c->broken || said)
            close_client(c);
    }
    return left;
}

bool event_socket_flush(struct event_socket *es)
{
    struct errmsg why;
    enum err err = line_spool_sync(es->o.spool, &why);
    settle_datagrams(es, err == ERR_OK ? NULL : why.text);
    bool left = settle_clients(es, err == ERR_OK ? NULL : why.text);
    bool room = es->o.datagram ? !line_spool_full(es->o.spool) : es->client_count < EVENT_SOCKET_MAX_CLIENTS;
    loop_io_set(es->io, room && !es->stopped ? LOOP_READ : 0);
    return left;
}

void event_socket_stop(struct event_socket *es)
{
    es->stopped = true;
    (void)event_socket_flush(es);
}
