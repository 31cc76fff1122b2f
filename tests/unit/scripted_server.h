/* An HTTP server for tests that does exactly what a script says, byte by byte, on a thread of its own. The request's path picks
 * the script. */
#ifndef TESTS_SCRIPTED_SERVER_H
#define TESTS_SCRIPTED_SERVER_H

#include <stddef.h>

#include "util/buf.h"

enum step_op {
    STEP_END,    /* the answer is complete; the connection waits for the next request */
    STEP_SEND,   /* text */
    STEP_FILL,   /* n bytes of 'a' */
    STEP_WAIT,   /* n ms */
    STEP_REPEAT, /* goes back n steps, for ever */
    STEP_CLOSE,
    STEP_RESET,
    STEP_CLOSE_NEXT, /* STEP_END, but the next request on this connection is read and then answered by closing it */
};

struct step {
    enum step_op op;
    const char *text;
    int n;
};

struct script {
    const char *path;
    struct step steps[8];
};

struct scripted_server;

/* scripts ends with a NULL path; a path that is in none gets the first. Listens on 127.0.0.5. */
struct scripted_server *scripted_server_start(const struct script *scripts);
void scripted_server_stop(struct scripted_server *s);
int scripted_server_port(const struct scripted_server *s);
/* Connections accepted and requests read so far. */
int scripted_server_accepted(struct scripted_server *s);
int scripted_server_requests(struct scripted_server *s);
/* The last request's bytes, head and body. */
void scripted_server_last(struct scripted_server *s, struct buf *out);

#endif
