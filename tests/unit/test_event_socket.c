/* Lines from a Unix socket: checked, spooled, answered; the spool's files and their end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/loop.h"
#include "producer/event_socket.h"
#include "util/file.h"
#include "util/mem.h"

#define LINE "{\"event\":\"file.deleted\",\"timestamp\":\"2026-06-08T12:00:00Z\",\"path\":\"/a\"}"
#define BAD "{\"event\":\"file.deleted\",\"path\":\"/a\"}"
#define PATIENCE_MS 10000

struct world {
    char folder[64], spool_folder[96], socket[96];
    struct loop *loop;
    struct loop_turn *turn;
    struct loop_timer *beat;
    struct line_spool *spool;
    struct event_socket *es;
    size_t accepted, lost, refused;
    enum source_reason reason;
    bool (*enough)(struct world *w);
    int client;
    char got[65536];
    size_t got_len, want;
    int64_t deadline_ms;
};

static void on_refused(void *ctx, struct slice line, enum source_reason reason, const char *why)
{
    struct world *w = ctx;
    (void)why;
    assert_true(line.len > 0);
    w->refused++;
    w->reason = reason;
}

static void on_lost(void *ctx, size_t lines, const char *why)
{
    struct world *w = ctx;
    assert_true(strlen(why) > 0);
    w->lost += lines;
}

static void on_accepted(void *ctx, size_t lines)
{
    struct world *w = ctx;
    w->accepted += lines;
}

static bool on_turn(void *ctx)
{
    struct world *w = ctx;
    bool left = w->es && event_socket_flush(w->es);
    if (w->enough && w->enough(w))
        loop_stop(w->loop);
    return left;
}

static void on_beat(void *ctx)
{
    struct world *w = ctx;
    if (loop_now(w->loop) > w->deadline_ms)
        loop_stop(w->loop);
    loop_timer_arm(w->beat, 2);
}

static void wait_for(struct world *w, bool (*enough)(struct world *w))
{
    w->enough = enough;
    w->deadline_ms = loop_now(w->loop) + PATIENCE_MS;
    loop_timer_arm(w->beat, 0);
    loop_run(w->loop);
    if (!enough(w))
        fail_msg("%zu accepted, %zu refused, %zu lost, got `%.200s`", w->accepted, w->refused, w->lost, w->got);
}

static bool has_answers(struct world *w)
{
    ssize_t got = recv(w->client, w->got + w->got_len, sizeof(w->got) - 1 - w->got_len, MSG_DONTWAIT);
    w->got_len += got > 0 ? (size_t)got : 0;
    w->got[w->got_len] = '\0';
    size_t lines = 0;
    for (size_t i = 0; i < w->got_len; i++)
        lines += w->got[i] == '\n';
    return lines >= w->want;
}

static bool has_taken(struct world *w)
{
    return w->accepted + w->refused + w->lost >= w->want;
}

static void open_world(struct world *w, int64_t max_bytes, bool datagram)
{
    struct errmsg why;
    struct event_socket_options o = {.loop = w->loop,
                                     .path = w->socket,
                                     .datagram = datagram,
                                     .mode = 0600,
                                     .refused = on_refused,
                                     .lost = on_lost,
                                     .accepted = on_accepted,
                                     .ctx = w};
    if (line_spool_new(w->spool_folder, max_bytes, &w->spool, &why) != ERR_OK)
        fail_msg("%s", why.text);
    o.spool = w->spool;
    if (event_socket_new(&o, &w->es, &why) != ERR_OK)
        fail_msg("%s", why.text);
}

static void close_world(struct world *w)
{
    event_socket_free(w->es);
    line_spool_free(w->spool);
    w->es = NULL;
    w->spool = NULL;
}

static struct sockaddr_un address_of(const struct world *w)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", w->socket);
    return address;
}

static void connect_client(struct world *w, int type)
{
    struct sockaddr_un address = address_of(w);
    w->client = socket(AF_UNIX, type, 0);
    assert_int_equal(0, connect(w->client, (struct sockaddr *)&address, sizeof(address)));
    w->got_len = 0;
}

static void say(struct world *w, const char *text)
{
    assert_int_equal((ssize_t)strlen(text), send(w->client, text, strlen(text), MSG_NOSIGNAL));
}

/* What stands in a file of the spool behind its first line. */
static char *spooled(const struct world *w, const char *name)
{
    char path[256];
    struct buf text;
    struct errmsg why;
    buf_init(&text, 1 << 24);
    snprintf(path, sizeof(path), "%s/%s", w->spool_folder, name);
    assert_int_equal(ERR_OK, file_read(path, &text, &why));
    assert_memory_equal("# ", text.p, 2);
    char *rest = mem_strdup(strchr(text.p, '\n') + 1);
    buf_done(&text);
    return rest;
}

static void expect_spooled(const struct world *w, const char *expected)
{
    char *text = spooled(w, LINE_SPOOL_FILE);
    assert_string_equal(expected, text);
    free(text);
}

static void lines_are_answered_in_order(void **state)
{
    struct world *w = *state;
    open_world(w, 1 << 24, false);
    connect_client(w, SOCK_STREAM);
    w->want = 4;
    say(w, LINE "\n\n# comment\n" BAD "\nnonsense\n" LINE "\nrest");
    wait_for(w, has_answers);
    assert_true(strncmp(w->got, "ok\nrefused timestamp: missing\nrefused ", 38) == 0);
    assert_string_equal("\nok\n", w->got + w->got_len - 4);
    expect_spooled(w, LINE "\n" LINE "\n");
    assert_int_equal(2, w->accepted);
    assert_int_equal(2, w->refused);
    shutdown(w->client, SHUT_WR);
    w->want = 5;
    wait_for(w, has_taken);
    assert_int_equal(SOURCE_INCOMPLETE, w->reason);
}

static void a_line_too_long_is_refused_once(void **state)
{
    struct world *w = *state;
    open_world(w, 1 << 24, false);
    connect_client(w, SOCK_STREAM);
    char *text = mem_alloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    w->want = 2;
    say(w, text);
    say(w, LINE "\n" LINE "\n");
    wait_for(w, has_answers);
    assert_string_equal("refused longer than 65536 bytes\nok\n", w->got);
    expect_spooled(w, LINE "\n");
    free(text);
}

static void many_clients(void **state)
{
    enum { CLIENTS = 40, LINES = 50 };
    struct world *w = *state;
    int clients[CLIENTS];
    open_world(w, 1 << 24, false);
    for (int i = 0; i < CLIENTS; i++) {
        connect_client(w, SOCK_STREAM);
        clients[i] = w->client;
        for (int k = 0; k < LINES; k++)
            say(w, LINE "\n");
        shutdown(w->client, SHUT_WR);
    }
    w->want = CLIENTS * LINES;
    wait_for(w, has_taken);
    w->want = LINES;
    for (int i = 0; i < CLIENTS; i++) {
        w->client = clients[i];
        w->got_len = 0;
        wait_for(w, has_answers);
        assert_int_equal(3 * LINES, w->got_len);
        if (i < CLIENTS - 1)
            close(clients[i]);
    }
    assert_int_equal(CLIENTS * LINES, w->accepted);
    assert_int_equal(0, w->refused);
}

static void datagrams(void **state)
{
    struct world *w = *state;
    open_world(w, 1 << 24, true);
    connect_client(w, SOCK_DGRAM);
    w->want = 4;
    say(w, LINE);
    say(w, LINE "\n");
    say(w, BAD);
    say(w, LINE "\n" LINE);
    say(w, "# comment");
    wait_for(w, has_taken);
    assert_int_equal(2, w->accepted);
    assert_int_equal(2, w->refused);
    expect_spooled(w, LINE "\n" LINE "\n");
}

static void what_cannot_be_written_is_said(void **state)
{
    struct world *w = *state;
    struct rlimit limit, old;
    open_world(w, 1 << 24, false);
    connect_client(w, SOCK_STREAM);
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &old));
    limit = old;
    limit.rlim_cur = 60; /* the first line and a part of the second */
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
    w->want = 2;
    say(w, LINE "\n" BAD "\n");
    wait_for(w, has_answers);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &old));
    assert_true(strncmp(w->got, "again ", 6) == 0);
    assert_non_null(strstr(w->got, "\nrefused timestamp: missing\n"));
    assert_int_equal(0, w->accepted);
    w->want = 3;
    say(w, LINE "\n");
    wait_for(w, has_answers);
    assert_string_equal("\nok\n", w->got + w->got_len - 4);
    char *text = spooled(w, LINE_SPOOL_FILE); /* the torn line has an end, and the whole one stands alone */
    assert_non_null(strstr(text, "\n" LINE "\n"));
    assert_int_equal('{', text[0]);
    free(text);
}

static size_t files(const struct world *w)
{
    size_t count = 0;
    DIR *dir = opendir(w->spool_folder);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        count += strncmp(entry->d_name, LINE_SPOOL_FILE, strlen(LINE_SPOOL_FILE)) == 0;
    closedir(dir);
    return count;
}

/* As the follower would: every renamed file but the last was read and acknowledged. */
static void acknowledge(struct world *w, const char *name)
{
    char path[256];
    struct stat st;
    struct checkpoint c;
    snprintf(path, sizeof(path), "%s/%s", w->spool_folder, name);
    assert_int_equal(0, stat(path, &st));
    checkpoint_init(&c);
    struct checkpoint_file at = {.inode = (uint64_t)st.st_ino, .offset = st.st_size - 1, .size = st.st_size};
    checkpoint_add(&c, &at);
    size_t before = files(w);
    line_spool_drop(w->spool, &c);
    assert_int_equal(before, files(w)); /* not all of it */
    c.files[0].offset = st.st_size;
    line_spool_drop(w->spool, &c);
    assert_int_equal(before - 1, files(w));
    checkpoint_done(&c);
}

static void a_spool_is_bounded_and_goes_on(void **state)
{
    struct world *w = *state;
    size_t lines = 0;
    struct errmsg why;
    open_world(w, 64 * 1024, false); /* eight files of 8 KiB */
    for (; !line_spool_full(w->spool) && lines < 100000; lines++) {
        line_spool_put(w->spool, SLICE(LINE));
        assert_true(line_spool_waiting(w->spool));
        assert_int_equal(ERR_OK, line_spool_sync(w->spool, &why));
    }
    assert_true(lines > 64 * 1024 / sizeof(LINE) * 9 / 10 && lines <= 64 * 1024 / sizeof(LINE) + 1);
    assert_int_equal(8, files(w));
    connect_client(w, SOCK_STREAM); /* waits: nothing of it is read */
    say(w, LINE "\n");
    for (int i = 0; i < 3; i++)
        assert_false(event_socket_flush(w->es));
    acknowledge(w, LINE_SPOOL_FILE ".00000001");
    assert_false(line_spool_full(w->spool));
    w->want = 1;
    wait_for(w, has_answers);
    assert_string_equal("ok\n", w->got);
}

static void a_restart_goes_on_behind_what_is_there(void **state)
{
    struct world *w = *state;
    struct errmsg why;
    char path[256];
    open_world(w, 16 * 1024, false);
    for (int i = 0; i < 50; i++) {
        line_spool_put(w->spool, SLICE(LINE));
        assert_int_equal(ERR_OK, line_spool_sync(w->spool, &why));
    }
    assert_int_equal(2, files(w));
    close_world(w);
    snprintf(path, sizeof(path), "%s/" LINE_SPOOL_FILE, w->spool_folder);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(5, write(fd, "{\"eve", 5)); /* a crash inside a line */
    close(fd);
    open_world(w, 16 * 1024, false);
    line_spool_put(w->spool, SLICE(LINE));
    assert_int_equal(ERR_OK, line_spool_sync(w->spool, &why));
    char *text = spooled(w, LINE_SPOOL_FILE);
    assert_string_equal("\n{\"eve\n" LINE "\n", strstr(text, "\n{\"eve\n"));
    free(text);
    acknowledge(w, LINE_SPOOL_FILE ".00000001");
}

static void a_socket_in_use_is_left_alone(void **state)
{
    struct world *w = *state;
    struct errmsg why;
    struct event_socket *second;
    struct event_socket_options o = {.loop = w->loop, .path = w->socket, .mode = 0600};
    open_world(w, 1 << 24, false);
    o.spool = w->spool;
    assert_int_equal(ERR_EXISTS, event_socket_new(&o, &second, &why));
    assert_non_null(strstr(why.text, "another process"));
    close_world(w);
    assert_int_equal(-1, access(w->socket, F_OK));
    int left = socket(AF_UNIX, SOCK_STREAM, 0); /* what a killed process leaves */
    struct sockaddr_un address = address_of(w);
    assert_int_equal(0, bind(left, (struct sockaddr *)&address, sizeof(address)));
    close(left);
    open_world(w, 1 << 24, false);
    struct stat st;
    assert_int_equal(0, stat(w->socket, &st));
    assert_int_equal(0600, st.st_mode & 0777);
    close_world(w);
    int file = open(w->socket, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(ERR_OK, line_spool_new(w->spool_folder, 1 << 24, &w->spool, &why));
    assert_int_equal(ERR_EXISTS, event_socket_new(&o, &second, &why));
    unlink(w->socket);
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    snprintf(w->folder, sizeof(w->folder), "/tmp/trueftp-test.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->spool_folder, sizeof(w->spool_folder), "%s/spool", w->folder);
    snprintf(w->socket, sizeof(w->socket), "%s/socket", w->folder);
    w->loop = loop_new();
    w->turn = loop_turn_new(w->loop, 0, on_turn, w);
    w->beat = loop_timer_new(w->loop, on_beat, w);
    w->client = -1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char path[400];
    if (w->client >= 0)
        close(w->client);
    close_world(w);
    DIR *dir = opendir(w->spool_folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", w->spool_folder, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(w->spool_folder);
    rmdir(w->folder);
    loop_timer_free(w->beat);
    loop_turn_free(w->turn);
    loop_free(w->loop);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_answered_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_too_long_is_refused_once, setup, teardown),
        cmocka_unit_test_setup_teardown(many_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(datagrams, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_spool_is_bounded_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_goes_on_behind_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_in_use_is_left_alone, setup, teardown),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
