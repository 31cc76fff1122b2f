/* The Unix socket: the input is what a client says before it closes its side. Each line that says something is answered by one
 * line, `ok`, `refused ...` or, with a spool that cannot be written, `again ...`; what was answered with ok stands in the spool.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/loop.h"
#include "producer/event_socket.h"
#include "util/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char folder[64], spool_folder[80], path[80];
    struct loop *loop;
    struct event_socket *es;
    int client;
    const char *input;
    size_t left, accepted, refused;
    struct buf answers;
    bool closed;
} w;

static void on_refused(void *ctx, struct slice line, enum source_reason reason, const char *why)
{
    (void)ctx, (void)why;
    check(line.len > 0 && reason < SOURCE_REASON_COUNT);
    w.refused++;
}

static void on_lost(void *ctx, size_t lines, const char *why)
{
    (void)ctx, (void)why;
    check(lines == 0); /* a stream loses nothing */
}

static void on_accepted(void *ctx, size_t lines)
{
    (void)ctx;
    w.accepted += lines;
}

static void talk(void)
{
    char piece[65536];
    ssize_t n = w.left > 0 ? send(w.client, w.input, w.left, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (n > 0) {
        w.input += n;
        w.left -= (size_t)n;
        if (w.left == 0)
            shutdown(w.client, SHUT_WR);
    }
    while ((n = recv(w.client, piece, sizeof(piece), MSG_DONTWAIT)) > 0)
        buf_put(&w.answers, piece, (size_t)n);
    w.closed = n == 0;
}

static bool on_turn(void *ctx)
{
    (void)ctx;
    (void)event_socket_flush(w.es);
    talk();
    if (w.closed)
        loop_stop(w.loop);
    return true;
}

static void remove_spool(void)
{
    char file[512];
    struct dirent *entry;
    DIR *dir = opendir(w.spool_folder);
    while (dir && (entry = readdir(dir))) {
        snprintf(file, sizeof(file), "%s/%s", w.spool_folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(file);
    }
    if (dir)
        closedir(dir);
}

static void connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", w.path);
    w.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(connect(w.client, (struct sockaddr *)&address, sizeof(address)) == 0);
}

/* Every answer is well formed, and there is one for each line that was taken or put aside; of the last line, which nobody ended,
 * the client hears nothing. */
static void check_answers(void)
{
    size_t ok = 0, refused = 0;
    char *line = w.answers.len > 0 ? w.answers.p : NULL;
    for (char *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        ok += strcmp(line, "ok") == 0;
        refused += strncmp(line, "refused ", 8) == 0;
        check(strcmp(line, "ok") == 0 || strncmp(line, "refused ", 8) == 0);
    }
    check(ok == w.accepted && refused <= w.refused && w.refused <= refused + 1);
}

static void check_spool(void)
{
    char file[512];
    struct buf text;
    struct errmsg why;
    size_t lines = 0;
    buf_init(&text, 64 * 1024 * 1024);
    snprintf(file, sizeof(file), "%s/" LINE_SPOOL_FILE, w.spool_folder);
    if (file_read(file, &text, &why) == ERR_OK) {
        for (size_t i = 0; i < text.len; i++)
            lines += text.p[i] == '\n';
    }
    check(w.accepted == (lines > 0 ? lines - 1 : 0)); /* its first line is its own */
    buf_done(&text);
}

static void prepare(void)
{
    if (w.loop)
        return;
    snprintf(w.folder, sizeof(w.folder), "/dev/shm/fuzz_socket.XXXXXX");
    check(mkdtemp(w.folder) != NULL);
    snprintf(w.spool_folder, sizeof(w.spool_folder), "%s/spool", w.folder);
    snprintf(w.path, sizeof(w.path), "%s/socket", w.folder);
    w.loop = loop_new();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_spool *spool;
    struct errmsg why;
    prepare();
    if (size == 0)
        return 0;
    check(line_spool_new(w.spool_folder, 64 * 1024 * 1024, &spool, &why) == ERR_OK);
    struct event_socket_options o = {.loop = w.loop,
                                     .path = w.path,
                                     .mode = 0600,
                                     .spool = spool,
                                     .refused = on_refused,
                                     .lost = on_lost,
                                     .accepted = on_accepted};
    check(event_socket_new(&o, &w.es, &why) == ERR_OK);
    w.input = (const char *)data;
    w.left = size;
    w.accepted = w.refused = 0;
    w.closed = false;
    buf_init(&w.answers, 16 * 1024 * 1024);
    connect_client();
    struct loop_turn *turn = loop_turn_new(w.loop, LOOP_ORDER_WORK, on_turn, NULL);
    loop_run(w.loop);
    loop_turn_free(turn);
    check_answers();
    check_spool();
    close(w.client);
    event_socket_free(w.es);
    line_spool_free(spool);
    buf_done(&w.answers);
    remove_spool();
    return 0;
}
