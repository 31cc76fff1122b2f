/* What the files of the HTTP client share; nobody else includes this.
 *
 *   http_client.c    the client: turn work, timers, counters
 *   http_request.c   requests: begin, resolve, start, end
 *   http_endpoint.c  endpoints, and the addresses pinned for their hosts
 *   http_shard.c     libcurl's multi handles on the loop: timers, connections kept
 *   http_socket.c    the descriptors of connections on the loop
 *   http_transfer.c  easy handles: options, callbacks of the connection
 *   http_response.c  the response: head, limits of the body
 *   http_outcome.c   what libcurl said and we saw -> the result (pure)
 *   http_tls.c       the certificates we trust, loaded once
 *
 * Easy handles live in their request and are used again with it; endpoints of one host and port live in one shard, so that they
 * share connections; a shard is a multi handle, made when first needed and closed when unused for a while. */
#ifndef IO_HTTP_INTERNAL_H
#define IO_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#ifndef HASH_FUNCTION
#define HASH_FUNCTION HASH_FNV /* uthash's default falls through its cases in a way that clang warns of */
#endif
#include <uthash.h>

#include "io/http_client.h"
#include "util/buf.h"

#define HTTP_SHARDS 64
#define HTTP_TURN_ORDER (LOOP_ORDER_FLUSH - 50) /* after work that posts, before what endings bring about is flushed */
#define HTTP_BODY_MAX 65536                     /* bytes of a body that are read */
#define HTTP_BODY_MS 2000                       /* and for how long after the head */
#define HTTP_HEAD_MAX (256 * 1024)              /* all header bytes of a response, 1xx included; just below libcurl's own limit */
#define HTTP_RETRY_AFTER_MAX 128
#define HTTP_FIXED_HEADERS 4        /* Content-Type, User-Agent; Accept and Expect not sent */
#define HTTP_FRESH_MS 1000          /* how long an answer of the resolver is used without asking again (its own least TTL) */
#define HTTP_RESOLVER_OURS_MS 30000 /* no name at all for so long: our resolver's failure */

/* -------- outcome -------- */

/* Why we stopped a transfer ourselves. */
enum http_stop {
    HTTP_STOP_NONE,
    HTTP_STOP_REFUSED,    /* the target policy refused an address */
    HTTP_STOP_NO_SOCKET,  /* socket() failed: descriptors, memory */
    HTTP_STOP_BAD_HEAD,   /* not a head as RFC 9112 has it, or too long */
    HTTP_STOP_ENOUGH,     /* the body's limit */
    HTTP_STOP_NOT_PINNED, /* libcurl wanted to resolve by itself */
    HTTP_STOP_RESENT,     /* libcurl wanted to send the request once more */
};

struct http_facts {
    CURLcode code;
    enum http_stop stop;
    bool head_complete; /* of a final response */
    bool connected;     /* TCP */
    bool requested;     /* the request was about to be sent, so anything that went wrong later was the peer's doing */
    int os_errno;       /* of the last failing system call; 0: none */
};

struct http_verdict {
    enum delivery_error error;
    bool ours;
    const char *words; /* NULL: libcurl's own say it best */
};

struct http_verdict http_judge(const struct http_facts *f);

/* -------- hosts -------- */

/* Addresses of a host as given to libcurl (CURLOPT_RESOLVE). Sorted, so that answers compare. */
struct http_pin {
    int refs;
    struct resolver_answer answer;
    struct curl_slist entry; /* data: "host:port:address,..." */
};

struct http_host {
    char *key; /* "host:port" */
    int refs;  /* endpoints */
    struct http_shard *shard;
    struct http_pin *pin; /* NULL: not resolved yet, or refused */
    bool pin_loaded;      /* the multi handle has it: seen at a transfer's connect */
    int64_t resolved_ms;  /* when the resolver said so */
    UT_hash_handle hh;
};

struct http_endpoint {
    struct http_client *client;
    struct target target;
    struct http_shard *shard;
    struct http_host *host; /* NULL: an IP literal */
    int refs;               /* the owner and each request in flight */
    LIST_ENTRY(http_endpoint) link;
};

enum http_pin_result { HTTP_PIN_READY, HTTP_PIN_REFUSED };

/* Takes a new answer over; HTTP_PIN_REFUSED when the policy refuses one of its addresses: *rule says why. */
enum http_pin_result http_host_take_answer(struct http_host *host, const struct resolver_answer *answer, const char **rule);
void http_pin_unref(struct http_pin *pin);
void http_endpoint_unref(struct http_endpoint *ep);

/* -------- shards -------- */

struct http_socket {
    struct http_shard *shard;
    struct loop_io *io; /* NULL: not watched */
    int fd;
    int wanted;                  /* LOOP_READ | LOOP_WRITE, as watched */
    bool idle;                   /* libcurl has nothing to wait for here: the connection is kept */
    bool was_read;               /* reading was wanted at some time: it is connected */
    struct http_request *opener; /* until it is connected */
    bool fresh;                  /* on its shard's list: libcurl has not said what it wants */
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
    int in_flight;
    int open_sockets;
    long connections_max; /* as set in the multi handle */
    int64_t used_ms;
    struct http_host *hosts;   /* by key */
    struct curl_slist *forget; /* "-host:port" of hosts that are gone, for the next transfer to carry */
    TAILQ_ENTRY(http_shard) pending_link;
};

void http_shard_init(struct http_shard *s, struct http_client *c);
void http_shard_done(struct http_shard *s);
/* The transfer runs from the end of this turn on. */
MUST_CHECK enum err http_shard_add(struct http_shard *s, struct http_request *rq);
void http_shard_remove(struct http_shard *s, struct http_request *rq);
/* Runs the shards in which something was added or is due now. */
void http_shards_run_pending(struct http_client *c);
/* Once in a while: closes shards that are unused, keeps the sum of connections under the client's limit. */
void http_shards_sweep(struct http_client *c);
/* Calls libcurl for a descriptor, or CURL_SOCKET_TIMEOUT, and ends the requests that are finished. */
void http_shard_act(struct http_shard *s, curl_socket_t fd, int mask);
/* Has all transfers of the shard run once more soon. */
void http_shard_kick(struct http_shard *s);

/* -------- sockets -------- */

/* A socket that CURLOPT_OPENSOCKETFUNCTION made for rq. */
void http_socket_opened(struct http_request *rq, int fd);
/* CURLOPT_CLOSESOCKETFUNCTION. */
int http_socket_close(void *client, curl_socket_t fd);
/* CURLMOPT_SOCKETFUNCTION. */
int http_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *shard, void *unused);
/* Looks for sockets that vanished before libcurl said what it wants of them. */
void http_sockets_look(struct http_shard *s);
/* The shard's multi handle is gone, and so are its descriptors. */
void http_sockets_forget(struct http_shard *s);

/* -------- requests -------- */

enum http_request_state {
    HTTP_REQUEST_FREE,      /* on the client's free list */
    HTTP_REQUEST_RESOLVING, /* waits for the resolver */
    HTTP_REQUEST_RUNNING,   /* in its shard's multi handle */
    HTTP_REQUEST_ENDED,     /* failed before it ran; on the client's list of endings to be told */
    HTTP_REQUEST_DEAD,      /* done was called; free at the end of the turn */
};

enum http_head_state {
    HTTP_HEAD_STATUS, /* a status line is next */
    HTTP_HEAD_FIELDS,
    HTTP_HEAD_COMPLETE, /* of a final response; what follows are trailers */
};

struct http_request {
    struct http_client *client;
    struct http_endpoint *ep;
    enum http_request_state state;
    CURL *easy;
    http_done_fn *done;
    void *ctx;
    struct slice body;
    int64_t timeout_ms, started_ms;
    struct resolver_query *query;
    int32_t dns_ms;

    struct http_pin *pin;       /* carried to libcurl by this transfer; NULL: it has it already */
    struct curl_slist *carried; /* removals that go with it */
    struct curl_slist *carried_last;
    bool resolve_set; /* the easy handle has CURLOPT_RESOLVE set */
    bool pinned_again;

    enum http_head_state head;
    enum http_stop stop;
    int status;
    bool opened, connected, requested, reading_body;
    int sends;            /* how often libcurl began to send the request */
    int64_t connected_ms; /* while it is TLS's turn; later libcurl knows better */
    int os_errno;
    size_t head_bytes, body_bytes;
    int64_t head_ms;  /* when the final head was complete */
    const char *rule; /* HTTP_STOP_REFUSED: which */
    size_t retry_after_len;
    char retry_after[HTTP_RETRY_AFTER_MAX];
    struct buf response;

    struct buf lines; /* the caller's headers, copied, NUL-terminated */
    struct curl_slist fixed[HTTP_FIXED_HEADERS];
    struct curl_slist fields[HTTP_MAX_HEADERS];
    struct http_result early; /* of a request that ended before it ran */
    char error_text[CURL_ERROR_SIZE];

    TAILQ_ENTRY(http_request) link; /* free, ended or dead list, or in flight */
    TAILQ_ENTRY(http_request) body_link;
};

TAILQ_HEAD(http_requests, http_request);

/* Cells of the metrics; of `unmetered` where there are none. */
struct http_counters {
    uint64_t *requests, *connections, *blocked, *ours;
    double *in_flight, *open;
    uint64_t unmetered;
    double unmetered_gauge;
};

struct http_client {
    struct loop *loop;
    struct resolver *resolver;
    struct target_policy policy;
    char *user_agent_line;
    int max_connections;
    int in_flight;
    int open_sockets;
    struct http_shard shards[HTTP_SHARDS];
    TAILQ_HEAD(http_shards, http_shard) pending;
    struct http_requests free, ended, dead, active;
    struct http_requests reading_body; /* oldest head first */
    LIST_HEAD(, http_endpoint) endpoints;
    struct http_socket **sockets; /* by descriptor */
    size_t socket_slots;
    struct loop_turn *turn;
    struct loop_timer *wake; /* armed while something is left for the end of a turn */
    struct loop_timer *body_timer;
    struct loop_timer *sweep_timer;
    X509_STORE *trust; /* NULL: not loaded yet */
    bool trust_failed;
    struct http_counters counters;
};

/* A transfer that libcurl has finished, or that we end (code then does not matter). Calls done. */
void http_request_finished(struct http_request *rq, CURLcode code);
/* Calls done of the requests that ended before they ran. */
void http_requests_tell(struct http_client *c);
/* Makes the dead free for the next. */
void http_requests_bury(struct http_client *c);
/* Frees those on the free list. */
void http_requests_free(struct http_client *c);
/* Asks for turn work to be run at the end of this turn, or of the next one if it was run already. */
void http_client_wake(struct http_client *c);
/* A request's head is complete: its body has HTTP_BODY_MS from now. */
void http_client_watch_body(struct http_request *rq);

/* -------- transfers -------- */

/* Makes the easy handle of a new request and sets what never changes; false: no memory. One that failed is freed all the same. */
MUST_CHECK bool http_transfer_init(struct http_request *rq);
void http_transfer_free(struct http_request *rq);
/* Sets what changes with each request; false: no memory. timeout_ms > 0. */
MUST_CHECK bool http_transfer_prepare(struct http_request *rq, int64_t timeout_ms);
/* Copies the caller's headers into the request's list; false: one of them holds a line break. */
MUST_CHECK bool http_transfer_headers(struct http_request *rq, const char *const *headers, int count);
/* Lets go of what a transfer carried to libcurl. */
void http_transfer_release(struct http_request *rq);
/* Fills the timings of a transfer that ran; true: it had a TCP connection. */
bool http_transfer_timings(struct http_request *rq, struct http_result *result);

/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION; request is the struct http_request. */
size_t http_response_header(char *p, size_t size, size_t count, void *request);
size_t http_response_body(char *p, size_t size, size_t count, void *request);

/* -------- TLS -------- */

/* Loads the certificates we trust, once. false: none could be loaded. */
bool http_tls_load(struct http_client *c);

#endif
