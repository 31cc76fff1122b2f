/* JSON lines from a Unix socket (source/jsonl_record.h), for programs that have no log of their own. A line is checked, appended
 * to a spool and on disk before it counts; the spool is followed like any log.
 *
 * Stream: each line (but empty ones and comments) is answered by a line, in order:
 *
 *   ok                it is on disk and will be published
 *   refused REASON    it is wrong and was put aside; the same line will never be taken
 *   again REASON      it could not be written; send it again
 *
 * Datagram: one line each, and no answer; what cannot be written is counted and lost. A spool at its bound makes writers wait. */
#ifndef PRODUCER_EVENT_SOCKET_H
#define PRODUCER_EVENT_SOCKET_H

#include "io/loop.h"
#include "producer/line_spool.h"
#include "producer/source.h"

#define EVENT_SOCKET_MAX_CLIENTS 256

struct event_socket;

struct event_socket_options {
    struct loop *loop;
    const char *path; /* copied. What a former process left there is removed; a socket that answers is not */
    bool datagram;
    unsigned mode;            /* of the socket's file */
    struct line_spool *spool; /* stays the caller's */
    /* A line was put aside; why may be NULL. lost: datagrams that were right, but the spool did not take them. */
    void (*refused)(void *ctx, struct slice line, enum source_reason reason, const char *why);
    void (*lost)(void *ctx, size_t lines, const char *why);
    void (*accepted)(void *ctx, size_t lines);
    void *ctx;
};

/* ERR_IO, ERR_EXISTS (somebody answers at path); why says what. */
MUST_CHECK enum err event_socket_new(const struct event_socket_options *o, struct event_socket **out, struct errmsg *why);
/* Removes the socket's file. */
void event_socket_free(struct event_socket *es);

/* Once a turn: what was read is brought to disk and answered; reading goes on where the spool has room again. True: come again at
 * once. */
bool event_socket_flush(struct event_socket *es);
/* Takes no more lines and no more clients. */
void event_socket_stop(struct event_socket *es);

#endif
