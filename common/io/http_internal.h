/* What the files of the HTTP client share; nobody else includes this.
 *
 *   http_client.c    the client: turn work, counters
 *   http_request.c   requests: begin, resolve, exchange, end
 *   http_deadline.c  when requests have had their time: a timer wheel
 *   http_endpoint.c  endpoints, their prepared heads, and the addresses of their hosts
 *   http_conn.c      connections: kept for the next request, closed when they are old or too many
 *   http_wire.c      bytes to and from a connection
 *   http_response.h  the response as it comes in (pure)
 *   http_connect.c   libcurl makes a connection: options, callbacks
 *   http_proxy.c     the operator's egress proxy: its address, and what its failures mean
 *   http_shard.c     libcurl's multi handles on the loop
 *   http_socket.c    the descriptors of connections on the loop
 *   http_outcome.c   what was seen -> the result (pure)
 *   http_tls.c       the certificates we trust, loaded once; sessions to resume; what is seen of a handshake
 *   http_tls_own.c   TLS as one customer wants it: authorities, client certificate, pins
 *
 * libcurl connects (CURLOPT_CONNECT_ONLY): name, TCP, TLS and its verification are its business. Requests and responses are ours:
 * libcurl's own cost three times what the system calls take. */
#ifndef IO_HTTP_INTERNAL_H
#define IO_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "io/http_client.h"
#include "io/http_proxy.h"
#include "io/http_response.h"
#include "util/buf.h"
#include "util/hash.h"
#include "util/uthash.h"

#define HTTP_SHARDS 64
#define HTTP_TURN_ORDER (LOOP_ORDER_FLUSH - 50) /* after work that posts, before what endings bring about is flushed */
#define HTTP_BODY_MS 2000                       /* for how long a body is read after the head */
#define HTTP_FRESH_MS 1000          /* how long an answer of the resolver is used without asking again (its own least TTL) */
#define HTTP_RESOLVER_OURS_MS 30000 /* no name at all for so long: our resolver's failure */
#define HTTP_IDLE_MS 60000          /* how long a connection is kept unused */
#define HTTP_LIFE_MS 300000         /* and how long at all */
#define HTTP_READ_MAX 65536         /* bytes of one read */
#define HTTP_WHEEL_SLOTS 2048
#define HTTP_WHEEL_MS 16

/* -------- outcome -------- */

/* How a request ended, as far as it was seen. */
enum http_end {
    HTTP_END_HEAD,      /* a final head is complete, whatever came after it */
    HTTP_END_CONNECT,   /* libcurl could not connect: code */
    HTTP_END_REFUSED,   /* the target policy refused the address */
    HTTP_END_NO_SOCKET, /* socket() failed: descriptors, memory */
    HTTP_END_NO_NAME,   /* libcurl wanted to resolve by itself */
    HTTP_END_CLOSED,    /* the peer closed or reset the connection */
    HTTP_END_ALERT,     /* the peer ended TLS with an alert, after the handshake */
    HTTP_END_BAD,       /* what came is no answer */
    HTTP_END_TIMEOUT,   /* of a request on a connection; while connecting, libcurl keeps the time */
};

struct http_facts {
    enum http_end end;
    CURLcode code;
    bool connected;     /* TCP */
    int os_errno;       /* of the last failing system call; 0: none */
    long verified;      /* X509_V_OK, or why the peer's certificate was not accepted */
    int tls_alert;      /* that the peer sent; 0: none */
    bool asked;         /* the peer asked for a client certificate */
    long tunnel_status; /* of the egress proxy's answer to CONNECT; 0: none */
};

struct http_verdict {
    enum delivery_error error;
    enum delivery_reason reason;
    bool ours;
    const char *words; /* NULL: others say it better (libcurl, the rule, the parser) */
};

struct http_verdict http_judge(const struct http_facts *f);

/* -------- the egress proxy -------- */

/* It was given as an address: nothing is resolved. */
bool http_proxy_is_literal(const struct http_proxy *p);
/* Its address has been resolved. */
bool http_proxy_is_known(const struct http_proxy *p);
/* NULL: this is the proxy. Otherwise the rule. */
const char *http_proxy_refused(const struct http_proxy *p, const struct address *a, uint16_t port);
/* Appends its addresses as CURLOPT_RESOLVE has them. */
void http_proxy_put_addresses(const struct http_proxy *p, struct buf *out);
/* Appends the target as CURLOPT_CONNECT_TO has it. */
void http_proxy_put_target(const struct address *a, uint16_t port, struct buf *out);
MUST_CHECK bool http_proxy_set(const struct http_proxy *p, CURL *e);
/* For how long it has made no tunnel though asked; 0: it does. */
double http_proxy_failing_s(const struct http_proxy *p);
/* It made a tunnel. */
void http_proxy_worked(struct http_proxy *p);
/* It made none, to the host of this hash. */
struct http_verdict http_proxy_judge(struct http_proxy *p, const struct http_facts *f, unsigned host);

/* -------- hosts -------- */

/* What connections can serve: scheme, host and port, and TLS as it is wanted. */
struct http_host {
    struct http_client *client;
    struct http_shard *shard;
    char *key;                      /* "https://host:port", behind the digest of tls */
    struct http_tls *tls;           /* NULL: the defaults */
    size_t name_at;                 /* where in it "host:port" begins */
    int refs;                       /* endpoints and connections */
    struct resolver_answer *answer; /* checked and sorted; NULL: not resolved yet, or refused */
    const char *rule;               /* why the last answer was refused */
    int64_t resolved_ms;
    unsigned hash;                /* of key */
    unsigned turn;                /* which address is next, through a proxy */
    TAILQ_HEAD(, http_conn) idle; /* the last used first */
    CURLSH *sessions;             /* of TLS, to resume; NULL: none yet */
    UT_hash_handle hh;
};

struct http_endpoint {
    struct http_client *client;
    struct target target;
    struct http_host *host;
    char *head; /* request line and Host */
    size_t head_len;
    int refs; /* the owner and each request in flight */
    LIST_ENTRY(http_endpoint) link;
};

enum http_answer_result { HTTP_ANSWER_GOOD, HTTP_ANSWER_REFUSED };

/* Takes a new answer over; HTTP_ANSWER_REFUSED when the policy refuses one of its addresses: *rule says why. */
enum http_answer_result http_host_take_answer(struct http_host *host, const struct resolver_answer *answer, const char **rule);
/* Appends the host's addresses as CURLOPT_RESOLVE has them. */
void http_host_put_addresses(const struct http_host *host, struct buf *out);
void http_host_unref(struct http_host *host);
void http_endpoint_unref(struct http_endpoint *ep);

/* -------- connections -------- */

enum http_conn_state {
    HTTP_CONN_CONNECTING, /* libcurl has it */
    HTTP_CONN_BUSY,       /* a request is on it */
    HTTP_CONN_IDLE,       /* on its host's list and the client's, for the next */
    HTTP_CONN_CLOSED,     /* on the client's dead list until the end of the turn */
};

struct http_socket;

struct http_conn {
    struct http_client *client;
    struct http_host *host;
    enum http_conn_state state;
    bool tls;
    bool certificate_asked;           /* the peer asked for a client certificate */
    bool used;                        /* a request was answered on it */
    bool attached;                    /* libcurl takes it for a connection in use */
    int tls_alert;                    /* that the peer sent; 0: none */
    struct http_request *rq;          /* for which it connects, or that is on it */
    struct http_socket *sock;         /* NULL: not connected, or libcurl closed it */
    TAILQ_ENTRY(http_conn) host_link; /* idle */
    TAILQ_ENTRY(http_conn) link;      /* idle or dead list of the client */
    int64_t opened_ms, idle_since_ms;
    int32_t connect_ms, tls_ms; /* -1: not reached */
    struct address peer;        /* through a proxy: the target that it was told */
    CURL *easy;
    LIST_HEAD(, http_socket) opened;

    /* while connecting */
    struct curl_slist resolve, connect_to;
    struct buf resolve_entry, connect_entry;
    enum http_end trouble; /* HTTP_END_CONNECT: none that only we know of */
    const char *rule;
    int os_errno;
    char error_text[CURL_ERROR_SIZE];
};

TAILQ_HEAD(http_conns, http_conn);

/* The connection of a host that was used last and is not too old; NULL: none. It is busy with rq then. */
struct http_conn *http_conn_take(struct http_host *host, struct http_request *rq);
/* Has libcurl connect; http_request_connected or http_request_not_connected comes at the end of this turn or later. NULL: no
 * memory. timeout_ms > 0. */
struct http_conn *http_conn_open(struct http_host *host, struct http_request *rq, int64_t timeout_ms);
/* libcurl is done with it. */
void http_conn_finished(struct http_conn *conn, CURLcode code);
/* The request is over and the connection good for another. */
void http_conn_keep(struct http_conn *conn);
void http_conn_close(struct http_conn *conn);
/* NULL: a request may go to its peer. Otherwise the rule. */
const char *http_conn_refused(const struct http_conn *conn);
/* Its descriptor is ready. */
void http_conn_on_ready(struct http_conn *conn, int events);
/* Once a second: closes those that are too old or too many. */
void http_conns_sweep(struct http_client *c);
/* The end of the turn. */
void http_conns_bury(struct http_client *c);

/* -------- wire -------- */

enum { HTTP_WIRE_AGAIN = -1, HTTP_WIRE_BROKEN = -2 };

/* Sends what it takes of a then b, at least one byte; HTTP_WIRE_... */
ssize_t http_wire_send(struct http_conn *conn, struct slice a, struct slice b);
/* 0: the peer is done. */
ssize_t http_wire_recv(struct http_conn *conn, char *p, size_t size);

/* -------- libcurl -------- */

/* Makes the easy handle; false: no memory. */
MUST_CHECK bool http_connect_prepare(struct http_conn *conn, int64_t timeout_ms);
/* After it connected: peer and times. false: libcurl does not tell its descriptor. */
MUST_CHECK bool http_connect_done(struct http_conn *conn);

struct http_socket {
    struct http_shard *shard;
    struct loop_io *io; /* NULL: not watched */
    int fd;
    struct address to;        /* not asked of the kernel: it knows no more of a peer that has reset the connection already */
    int wanted;               /* LOOP_READ | LOOP_WRITE, as watched */
    struct http_conn *opener; /* for which it was made */
    struct http_conn *conn;   /* the same, once connected over this one */
    LIST_ENTRY(http_socket) opener_link;
    bool fresh; /* on its shard's list: libcurl has not said what it wants */
    LIST_ENTRY(http_socket) fresh_link;
};

struct http_shard {
    struct http_client *client;
    CURLM *multi; /* NULL: not in use */
    struct loop_timer *timer;
    int64_t due_ms;   /* when libcurl wants to be called; -1: not by time */
    int64_t armed_ms; /* when the timer, if armed, fires */
    bool pending;     /* on the client's list of shards to be run at the end of this turn */
    bool kicked;      /* run all transfers then */
    LIST_HEAD(, http_socket) fresh;
    int connecting, handles;
    int64_t used_ms;
    TAILQ_ENTRY(http_shard) pending_link;
};

void http_shard_init(struct http_shard *s, struct http_client *c);
void http_shard_done(struct http_shard *s);
/* It connects from the end of this turn on. */
MUST_CHECK enum err http_shard_add(struct http_shard *s, struct http_conn *conn);
/* Closes the connection. */
void http_shard_remove(struct http_shard *s, struct http_conn *conn);
/* Runs the shards in which something was added or is due now. */
void http_shards_run_pending(struct http_client *c);
/* Once in a while: closes shards that are unused. */
void http_shards_sweep(struct http_client *c);
/* Calls libcurl for a descriptor, or CURL_SOCKET_TIMEOUT, and tells what has finished. */
void http_shard_act(struct http_shard *s, curl_socket_t fd, int mask);
/* Has all transfers of the shard run once more soon. */
void http_shard_kick(struct http_shard *s);

/* A socket that CURLOPT_OPENSOCKETFUNCTION made for conn, to be connected to this address. */
void http_socket_opened(struct http_conn *conn, int fd, const struct address *to);
/* CURLOPT_CLOSESOCKETFUNCTION. */
int http_socket_close(void *client, curl_socket_t fd);
/* CURLMOPT_SOCKETFUNCTION. */
int http_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *shard, void *unused);
/* Looks for sockets that vanished before libcurl said what it wants of them. */
void http_sockets_look(struct http_shard *s);
/* libcurl has let go of conn: what it closed without a word is forgotten too. */
void http_sockets_forget(struct http_conn *conn);
/* The descriptor is conn's from now on; false: not one of ours. */
MUST_CHECK bool http_socket_bind(struct http_conn *conn, int fd);
/* LOOP_READ | LOOP_WRITE */
void http_socket_watch(struct http_socket *sock, int events);

/* -------- requests -------- */

enum http_request_state {
    HTTP_REQUEST_FREE,       /* on the client's free list */
    HTTP_REQUEST_RESOLVING,  /* waits for the resolver */
    HTTP_REQUEST_CONNECTING, /* waits for its connection */
    HTTP_REQUEST_EXCHANGING, /* on a connection */
    HTTP_REQUEST_ENDED,      /* failed before it had a connection; on the client's list of endings to be told */
    HTTP_REQUEST_DEAD,       /* done was called; free at the end of the turn */
};

struct http_request {
    struct http_client *client;
    struct http_endpoint *ep;
    enum http_request_state state;
    struct http_conn *conn;
    http_done_fn *done;
    void *ctx;
    struct buf head;   /* and a short body */
    struct slice body; /* behind it */
    size_t sent;
    int64_t timeout_ms, started_ms, deadline_ms;
    struct resolver_query *query;
    int32_t dns_ms, connect_ms, tls_ms, first_byte_ms;
    bool waits_to_send;
    bool retried;      /* a kept connection was gone; this is the second try */
    bool reading_body; /* the deadline is the body's */
    int slot;          /* of the wheel; -1: in none */
    TAILQ_ENTRY(http_request) slot_link;
    TAILQ_ENTRY(http_request) link; /* free, ended or dead list, or in flight */
    struct http_response response;
    struct http_result early; /* of a request that ended before it had a connection */
};

TAILQ_HEAD(http_requests, http_request);

void http_request_connected(struct http_request *rq);
void http_request_not_connected(struct http_request *rq, CURLcode code);
/* Its connection's descriptor is ready. */
void http_request_on_ready(struct http_request *rq, int events);
/* Its deadline has passed. */
void http_request_late(struct http_request *rq);
/* Calls done of the requests that ended before they ran. */
void http_requests_tell(struct http_client *c);
/* Makes the dead free for the next. */
void http_requests_bury(struct http_client *c);
/* Frees those on the free list. */
void http_requests_free(struct http_client *c);

/* -------- deadlines -------- */

/* Requests by the moment at which they have had their time, to HTTP_WHEEL_MS: entering and leaving cost nothing, and most leave
 * long before. */
struct http_wheel {
    struct loop *loop;
    struct loop_timer *timer;
    int64_t tick; /* the last one looked at */
    bool ticking;
    int count;
    struct http_requests slots[HTTP_WHEEL_SLOTS];
};

void http_wheel_init(struct http_wheel *w, struct loop *l);
void http_wheel_done(struct http_wheel *w);
/* Calls http_request_late at rq->deadline_ms or a little later. One that is in it already moves. */
void http_wheel_put(struct http_wheel *w, struct http_request *rq);
void http_wheel_drop(struct http_wheel *w, struct http_request *rq);

/* -------- the client -------- */

/* Cells of the metrics; of `unmetered` where there are none. */
struct http_counters {
    uint64_t *requests, *connections, *blocked, *ours, *proxy_failures;
    double *in_flight, *open, *proxy_failing;
    uint64_t unmetered;
    double unmetered_gauge;
};

struct http_client {
    struct loop *loop;
    struct resolver *resolver;
    struct target_policy policy;
    struct http_proxy *proxy; /* NULL: none */
    struct buf fixed;         /* header lines of every request */
    int max_connections;
    int in_flight;
    int open_sockets;
    struct http_host *hosts; /* by key */
    struct http_shard shards[HTTP_SHARDS];
    TAILQ_HEAD(http_shards, http_shard) pending;
    struct http_requests free, ended, dead, active;
    struct http_conns idle; /* the longest unused first */
    struct http_conns dead_conns;
    LIST_HEAD(, http_endpoint) endpoints;
    struct http_socket **sockets; /* by descriptor */
    size_t socket_slots;
    struct http_wheel wheel;
    struct loop_turn *turn;
    struct loop_timer *wake; /* armed while something is left for the end of a turn */
    struct loop_timer *sweep_timer;
    X509_STORE *trust; /* NULL: not loaded yet */
    bool trust_failed;
    struct http_counters counters;
    struct http_fields fields;
    char scratch[HTTP_READ_MAX]; /* of one read, or one TLS record to be sent */
};

/* Asks for turn work to be run at the end of this turn, or of the next one if it was run already. */
void http_client_wake(struct http_client *c);

/* -------- TLS -------- */

struct http_tls {
    int refs;
    X509_STORE *trust; /* NULL: the client's */
    X509 *certificate; /* NULL: none */
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    char *pins; /* as CURLOPT_PINNEDPUBLICKEY has them; NULL: none */
    bool tls13;
    char digest[65]; /* of all that makes it another */
};

/* false: OpenSSL does not take it. */
bool http_tls_use_certificate(const struct http_tls *t, SSL_CTX *ctx);
/* CURLOPT_SSL_CTX_FUNCTION; userp: the connection. */
CURLcode http_tls_on_ctx(CURL *easy, void *ssl_ctx, void *userp);
/* Loads the certificates we trust, once. false: none could be loaded. */
bool http_tls_load(struct http_client *c);
/* The host's sessions, to be shared by its connections; NULL: no memory, and each connection is new. */
CURLSH *http_tls_sessions(struct http_host *host);
/* Frees the buffers of a connection on which nothing is to come for now. */
void http_tls_shrink(struct http_conn *conn);

#endif
