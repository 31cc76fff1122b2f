/* A real redis-server for tests, on a free port of 127.0.0.1, keeping nothing: started, stopped, killed, asked. The program is
 * the one that TRUEFTP_REDIS_SERVER names, else redis-server on PATH; when there is none the test fails. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <signal.h>
#include <stdarg.h>

struct redis_server {
    int port;
    int pid; /* 0: not running */
};

/* extra: further arguments of the program, NULL at the end; may be NULL. Returns when it answers. Keeps s->port when it is not 0.
 */
void redis_server_start(struct redis_server *s, const char *const *extra);
/* SIGSTOP, SIGCONT, SIGKILL, ...; after a deadly one it waits for the end. */
void redis_server_signal(struct redis_server *s, int signo);
/* Kills it where it still runs. */
void redis_server_stop(struct redis_server *s);
/* Sends one command over a connection of its own; an error reply fails the test. */
void redis_server_do(const struct redis_server *s, const char *format, ...);
/* The integer answer of a command. */
long long redis_server_ask(const struct redis_server *s, const char *format, ...);

/* A port that nobody listens on. */
int free_port(void);

#endif
