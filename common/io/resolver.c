/* The resolver on c-ares.
 *
 * A name is an entry in a hash table. It is being looked up, or known until some time, or both over; the questions that
 * wait for it hang on it. c-ares reports through callbacks that may come from inside any call to it, so a callback only
 * fills its entry and puts it on the ready list; the questions are answered from there when c-ares has returned. Answering from
 * inside was rejected: whoever is called may ask again, and c-ares is then in the middle of something.
 *
 * A question has its own timer. When that passes first, the lookup goes on for whoever asks next.
 *
 * There are two channels, since the search list is a property of a channel: without it for customers' names, with it for
 * the operator's. The first byte of an entry's key tells them apart. */
#include "io/resolver.h"

#include <ares.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/time.h>

#include "util/mem.h"
#include "util/uthash.h"

#define MIN_TTL_MS 1000
#define MAX_TTL_MS 60000
#define FAILURE_TTL_MS 1000
#define TRY_TIMEOUT_MS 1000 /* doubled at each try */
#define TRIES 3
#define MAX_ENTRIES 8192
#define MAX_NAME 253

enum { EXACT, SEARCH, CHANNELS };

struct channel {
    struct resolver *resolver;
    ares_channel ares;
};

/* A descriptor of c-ares. */
struct watch {
    struct channel *channel;
    int fd;
    struct loop_io *io;
    LIST_ENTRY(watch) link;
};

struct resolver_query {
    struct resolver *resolver;
    resolver_fn *fn;
    void *ctx;
    struct loop_timer *timeout;
    LIST_ENTRY(resolver_query) link;
};

LIST_HEAD(queries, resolver_query);

struct entry {
    struct resolver *resolver;
    char key[1 + MAX_NAME + 1]; /* channel, name in lower case */
    bool resolving;             /* c-ares has it */
    bool ready;                 /* on the ready list */
    int64_t known_until_ms;     /* err and answer hold until then */
    enum err err;
    struct resolver_answer answer;
    struct queries queries;
    TAILQ_ENTRY(entry) ready_link;
    UT_hash_handle hh;
};

struct resolver {
    struct loop *loop;
    struct channel channels[CHANNELS];
    struct loop_timer *timer; /* c-ares's next deadline; at once when something is ready */
    LIST_HEAD(, watch) watches;
    TAILQ_HEAD(, entry) ready;
    struct entry *entries;
    const struct entry *starting; /* in look_up: what comes now comes from no name server */
    bool failing;
    int64_t failing_since_ms;
    bool freeing;
    int answering; /* depth of calls to askers */
};

/* -------- answering -------- */

static void free_query(struct resolver_query *q)
{
    LIST_REMOVE(q, link);
    loop_timer_free(q->timeout);
    free(q);
}

/* The answer is copied first: the asker may cause the entry to be filled again. */
static void call_asker(struct resolver *r, resolver_fn *fn, void *ctx, enum err err, const struct resolver_answer *answer)
{
    struct resolver_answer copy = {.count = 0};
    if (err == ERR_OK)
        copy = *answer;
    r->answering++;
    fn(ctx, err, &copy);
    r->answering--;
}

static void answer_entry(struct entry *e)
{
    struct resolver *r = e->resolver;
    struct queries waiting = e->queries; /* the entry may be dropped while they are answered */
    if (waiting.lh_first)
        waiting.lh_first->link.le_prev = &waiting.lh_first;
    LIST_INIT(&e->queries);
    enum err err = e->err;
    struct resolver_answer answer = e->answer;
    struct resolver_query *q;
    while ((q = LIST_FIRST(&waiting))) {
        resolver_fn *fn = q->fn;
        void *ctx = q->ctx;
        free_query(q);
        call_asker(r, fn, ctx, err, &answer);
    }
}

static void answer_ready(struct resolver *r)
{
    struct entry *e;
    while ((e = TAILQ_FIRST(&r->ready))) {
        TAILQ_REMOVE(&r->ready, e, ready_link);
        e->ready = false;
        answer_entry(e);
    }
}

/* -------- what c-ares found -------- */

static enum err classify(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return ERR_OK;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
    case ARES_ENONAME:
        return ERR_NOT_FOUND;
    default:
        return ERR_AGAIN;
    }
}

static bool to_address(const struct sockaddr *sa, struct address *out)
{
    *out = (struct address){.v6 = false};
    if (sa->sa_family == AF_INET) {
        memcpy(out->bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
        return true;
    }
    if (sa->sa_family != AF_INET6)
        return false;
    out->v6 = true;
    memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    return true;
}

/* Returns how long the answer may be kept. */
static int64_t take_addresses(const struct ares_addrinfo *found, struct resolver_answer *out)
{
    int64_t ttl_ms = MAX_TTL_MS;
    out->count = 0;
    for (const struct ares_addrinfo_node *n = found->nodes; n; n = n->ai_next) {
        if (n->ai_ttl * INT64_C(1000) < ttl_ms)
            ttl_ms = n->ai_ttl * INT64_C(1000);
        if (out->count < RESOLVER_MAX_ADDRESSES && to_address(n->ai_addr, &out->addresses[out->count]))
            out->count++;
    }
    for (const struct ares_addrinfo_cname *c = found->cnames; c; c = c->next) {
        if (c->ttl * INT64_C(1000) < ttl_ms)
            ttl_ms = c->ttl * INT64_C(1000);
    }
    return ttl_ms < MIN_TTL_MS ? MIN_TTL_MS : ttl_ms;
}

static void note_health(struct resolver *r, enum err err)
{
    if (err == ERR_AGAIN && !r->failing)
        r->failing_since_ms = loop_now(r->loop);
    r->failing = err == ERR_AGAIN;
}

static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)timeouts;
    struct entry *e = arg;
    struct resolver *r = e->resolver;
    if (r->freeing) {
        ares_freeaddrinfo(found);
        return;
    }
    int64_t keep_ms = FAILURE_TTL_MS;
    e->err = classify(status);
    e->answer.count = 0;
    if (e->err == ERR_OK && found)
        keep_ms = take_addresses(found, &e->answer);
    if (e->err == ERR_OK && e->answer.count == 0) {
        e->err = ERR_NOT_FOUND;
        keep_ms = FAILURE_TTL_MS;
    }
    ares_freeaddrinfo(found);
    e->known_until_ms = loop_now(r->loop) + keep_ms;
    e->resolving = false;
    if (e != r->starting || e->err == ERR_AGAIN)
        note_health(r, e->err);
    if (e != r->starting) { /* nobody waits for it yet */
        e->ready = true;
        TAILQ_INSERT_TAIL(&r->ready, e, ready_link);
    }
}

/* -------- c-ares on the loop -------- */

static void rearm(struct resolver *r)
{
    if (!TAILQ_EMPTY(&r->ready)) {
        loop_timer_arm(r->timer, 0);
        return;
    }
    int64_t first_ms = -1;
    for (int i = 0; i < CHANNELS; i++) {
        struct timeval tv;
        if (!ares_timeout(r->channels[i].ares, NULL, &tv))
            continue;
        int64_t ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
        if (first_ms < 0 || ms < first_ms)
            first_ms = ms;
    }
    if (first_ms < 0)
        loop_timer_cancel(r->timer);
    else
        loop_timer_arm(r->timer, first_ms);
}

static void on_timer(void *ctx)
{
    struct resolver *r = ctx;
    for (int i = 0; i < CHANNELS; i++)
        ares_process_fd(r->channels[i].ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    answer_ready(r);
    rearm(r);
}

/* The watch may be freed by what c-ares does here. */
static void on_socket(void *ctx, int events)
{
    const struct watch *w = ctx;
    struct resolver *r = w->channel->resolver;
    ares_channel channel = w->channel->ares;
    int fd = w->fd;
    ares_process_fd(channel, events & LOOP_READ ? fd : ARES_SOCKET_BAD, events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
    answer_ready(r);
    rearm(r);
}

static struct watch *find_watch(struct resolver *r, int fd)
{
    struct watch *w = LIST_FIRST(&r->watches);
    while (w && w->fd != fd)
        w = LIST_NEXT(w, link);
    return w;
}

/* c-ares opened a socket, wants something else of it, or (neither) is about to close it. */
static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    struct channel *ch = data;
    struct resolver *r = ch->resolver;
    int events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
    struct watch *w = find_watch(r, fd);
    if (w && events) {
        loop_io_set(w->io, events);
    } else if (w) {
        loop_io_free(w->io);
        LIST_REMOVE(w, link);
        free(w);
    } else if (events) {
        w = mem_zalloc(sizeof *w);
        w->channel = ch;
        w->fd = fd;
        w->io = loop_io_new(r->loop, fd, events, on_socket, w);
        LIST_INSERT_HEAD(&r->watches, w, link);
    }
}

/* -------- entries -------- */

static void drop_entry(struct resolver *r, struct entry *e)
{
    HASH_DEL(r->entries, e);
    free(e);
}

static bool is_idle(const struct entry *e)
{
    return !e->resolving && !e->ready;
}

/* The table keeps the order of insertion. Each new entry sweeps two of the oldest, so what is stale goes at least as fast as new
 * names come; a full table loses its oldest idle entry, stale or not. */
static void make_room(struct resolver *r)
{
    int64_t now = loop_now(r->loop);
    bool full = HASH_COUNT(r->entries) >= MAX_ENTRIES;
    struct entry *e = r->entries;
    for (int i = 0; e && (i < 2 || full); i++) {
        struct entry *next = e->hh.next;
        if (is_idle(e) && (full || e->known_until_ms <= now)) {
            drop_entry(r, e);
            full = false;
        }
        e = next;
    }
}

static struct entry *find_entry(struct resolver *r, int channel, const char *name)
{
    char key[sizeof((struct entry *)NULL)->key];
    size_t len = 0;
    key[len++] = (char)('0' + channel);
    for (; *name; name++)
        key[len++] = (char)tolower((unsigned char)*name);
    key[len] = '\0';
    struct entry *e;
    HASH_FIND(hh, r->entries, key, len, e);
    if (e)
        return e;
    make_room(r);
    e = mem_zalloc(sizeof *e);
    e->resolver = r;
    memcpy(e->key, key, len + 1);
    LIST_INIT(&e->queries);
    HASH_ADD(hh, r->entries, key, len, e);
    return e;
}

/* On return the entry is being resolved, or (from /etc/hosts, or refused at once) it is known. */
static void look_up(struct resolver *r, int channel, struct entry *e)
{
    static const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC};
    e->resolving = true;
    r->starting = e;
    ares_getaddrinfo(r->channels[channel].ares, e->key + 1, NULL, &hints, on_found, e);
    r->starting = NULL;
    rearm(r);
}

/* -------- asking -------- */

static void on_query_timeout(void *ctx)
{
    struct resolver_query *q = ctx;
    struct resolver *r = q->resolver;
    resolver_fn *fn = q->fn;
    void *asker = q->ctx;
    free_query(q);
    call_asker(r, fn, asker, ERR_AGAIN, NULL);
}

static struct resolver_query *add_query(struct entry *e, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    struct resolver_query *q = mem_zalloc(sizeof *q);
    q->resolver = e->resolver;
    q->fn = fn;
    q->ctx = ctx;
    q->timeout = loop_timer_new(e->resolver->loop, on_query_timeout, q);
    loop_timer_arm(q->timeout, timeout_ms);
    LIST_INSERT_HEAD(&e->queries, q, link);
    return q;
}

static struct resolver_query *ask(struct resolver *r, int channel, const char *name, int64_t timeout_ms, resolver_fn *fn,
                                  void *ctx)
{
    struct resolver_answer literal = {.count = 1};
    size_t len = strlen(name);
    if (address_parse(slice_of(name, len), &literal.addresses[0]) == ERR_OK) {
        call_asker(r, fn, ctx, ERR_OK, &literal);
        return NULL;
    }
    if (len == 0 || len > MAX_NAME) {
        call_asker(r, fn, ctx, ERR_NOT_FOUND, NULL);
        return NULL;
    }
    struct entry *e = find_entry(r, channel, name);
    if (is_idle(e) && e->known_until_ms <= loop_now(r->loop))
        look_up(r, channel, e);
    if (e->resolving)
        return add_query(e, timeout_ms, fn, ctx);
    call_asker(r, fn, ctx, e->err, &e->answer);
    return NULL;
}

struct resolver_query *resolver_ask(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    return ask(r, EXACT, name, timeout_ms, fn, ctx);
}

struct resolver_query *resolver_ask_search(struct resolver *r, const char *name, int64_t timeout_ms, resolver_fn *fn, void *ctx)
{
    return ask(r, SEARCH, name, timeout_ms, fn, ctx);
}

void resolver_cancel(struct resolver_query *q)
{
    if (q)
        free_query(q);
}

int64_t resolver_failing_ms(const struct resolver *r)
{
    return r->failing ? loop_now(r->loop) - r->failing_since_ms : 0;
}

/* -------- the whole -------- */

static int open_channel(struct resolver *r, int which, const char *servers)
{
    struct channel *ch = &r->channels[which];
    ch->resolver = r;
    char lookups[] = "fb"; /* the hosts file, then name servers, whatever nsswitch.conf says */
    struct ares_options o = {
        .flags = ARES_FLAG_NOALIASES | (which == EXACT ? ARES_FLAG_NOSEARCH : 0),
        .timeout = TRY_TIMEOUT_MS,
        .tries = TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = ch,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (which == EXACT)
        mask |= ARES_OPT_DOMAINS; /* none: before 1.20 ares_getaddrinfo does not look at NOSEARCH */
#ifdef ARES_OPT_QUERY_CACHE
    mask |=
        ARES_OPT_QUERY_CACHE; /* 1.31 on: of no time. Its cache would keep answers for an hour, ours keeps them for a minute */
#endif
    int rc = ares_init_options(&ch->ares, &o, mask);
    if (rc == ARES_SUCCESS && servers)
        rc = ares_set_servers_ports_csv(ch->ares, servers);
    return rc;
}

struct resolver *resolver_new(struct loop *l, const char *servers, struct errmsg *why)
{
    int rc = ares_library_init(ARES_LIB_INIT_ALL);
    struct resolver *r = mem_zalloc(sizeof *r);
    r->loop = l;
    r->timer = loop_timer_new(l, on_timer, r);
    LIST_INIT(&r->watches);
    TAILQ_INIT(&r->ready);
    for (int i = 0; i < CHANNELS && rc == ARES_SUCCESS; i++)
        rc = open_channel(r, i, servers);
    if (rc == ARES_SUCCESS)
        return r;
    (void)errmsg_set(why, ERR_INVALID, "the resolver cannot start: %s", ares_strerror(rc));
    resolver_free(r);
    return NULL;
}

static void free_entry_queries(struct entry *e)
{
    struct resolver_query *q;
    while ((q = LIST_FIRST(&e->queries)))
        free_query(q);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    check(r->answering == 0);
    r->freeing = true;
    for (int i = 0; i < CHANNELS; i++) {
        if (r->channels[i].ares)
            ares_destroy(r->channels[i].ares); /* closes its sockets: on_socket_state drops the watches */
    }
    while (r->entries) {
        free_entry_queries(r->entries);
        drop_entry(r, r->entries);
    }
    loop_timer_free(r->timer);
    ares_library_cleanup();
    free(r);
}
