#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "redis_server.h"

#define MAX_ARGUMENTS 32
#define START_LIMIT_MS 10000

int free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

static redisContext *open_connection(const struct redis_server *s)
{
    const struct timeval limit = {.tv_sec = 5};
    return redisConnectWithTimeout("127.0.0.1", s->port, limit);
}

/* It answers, be it that it wants a password. */
static int answers(const struct redis_server *s)
{
    redisContext *c = open_connection(s);
    assert_non_null(c);
    redisReply *reply = c->err ? NULL : redisCommand(c, "PING");
    int good = reply != NULL;
    if (reply)
        freeReplyObject(reply);
    redisFree(c);
    return good;
}

static void run_server(int port, const char *const *extra)
{
    const char *program = getenv("TRUEFTP_REDIS_SERVER");
    char number[16];
    snprintf(number, sizeof number, "%d", port);
    if (!program || !*program)
        program = "redis-server";
    const char *argv[MAX_ARGUMENTS] = {program, "--port",       number, "--bind",     "127.0.0.1", "--save",
                                       "",      "--appendonly", "no",   "--loglevel", "warning",   "--enable-debug-command",
                                       "yes"};
    size_t argc = 13;
    for (; extra && *extra && argc + 1 < MAX_ARGUMENTS; extra++)
        argv[argc++] = *extra;
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing running */
    execvp(program, (char *const *)(uintptr_t)argv);
    fprintf(stderr, "redis-server cannot be run (%s: %s); install it or set TRUEFTP_REDIS_SERVER\n", program, strerror(errno));
    _exit(127);
}

void redis_server_start(struct redis_server *s, const char *const *extra)
{
    if (s->port == 0)
        s->port = free_port();
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        run_server(s->port, extra);
    for (int waited_ms = 0; !answers(s); waited_ms += 10) {
        assert_true(waited_ms < START_LIMIT_MS);
        assert_int_equal(waitpid(s->pid, NULL, WNOHANG), 0); /* it has not ended */
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

void redis_server_signal(struct redis_server *s, int signo)
{
    assert_int_equal(kill(s->pid, signo), 0);
    if (signo == SIGSTOP || signo == SIGCONT)
        return;
    assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
    s->pid = 0;
}

void redis_server_stop(struct redis_server *s)
{
    if (s->pid > 0)
        redis_server_signal(s, SIGKILL);
}

static redisReply *ask(const struct redis_server *s, const char *format, va_list ap)
{
    redisContext *c = open_connection(s);
    assert_non_null(c);
    assert_int_equal(c->err, 0);
    redisReply *reply = redisvCommand(c, format, ap);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s: %s", format, reply->str);
    redisFree(c);
    return reply;
}

void redis_server_do(const struct redis_server *s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    freeReplyObject(ask(s, format, ap));
    va_end(ap);
}

long long redis_server_ask(const struct redis_server *s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    redisReply *reply = ask(s, format, ap);
    va_end(ap);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    long long value = reply->integer;
    freeReplyObject(reply);
    return value;
}
