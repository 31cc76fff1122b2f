#include "live/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/response.h"
#include "model/uuid.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/mem.h"
#include "util/uthash.h"

#define INSTANCE_SIZE 37
#define EVENT_MAX (64UL * 1024)
#define RETRY_MS 2000
#define BUSY_RETRY_S 30

struct kept {
    uint64_t number; /* 0: none yet */
    struct buf text; /* the event, as it is sent */
};

struct watcher {
    struct live *live;
    struct channel *channel;
    struct stream *stream;
    char *account_id, *key_id;
    char session_id[SESSION_ID_SIZE]; /* "": it came with a key */
    bool ending;
    TAILQ_ENTRY(watcher) link;
};

struct channel {
    char *webhook_id;
    struct kept ring[LIVE_KEPT];
    size_t written;
    uint64_t whole_from; /* every event from this number on is in the ring */
    TAILQ_HEAD(, watcher) watchers;
    int64_t left_ms; /* when the last watcher left; 0: it is watched */
    UT_hash_handle hh;
};

struct live {
    char instance[INSTANCE_SIZE];
    uint64_t next; /* number of the next event */
    struct channel *channels;
    unsigned streams;
};

struct live *live_new(void)
{
    struct live *l = mem_zalloc(sizeof *l);
    struct uuid id = uuid_v7(clock_wall_ms());
    uuid_format(&id, l->instance);
    l->next = 1;
    return l;
}

static void free_channel(struct live *l, struct channel *ch)
{
    HASH_DEL(l->channels, ch);
    for (size_t i = 0; i < LIVE_KEPT; i++)
        buf_done(&ch->ring[i].text);
    free(ch->webhook_id);
    free(ch);
}

void live_free(struct live *l)
{
    struct channel *ch, *next;
    if (!l)
        return;
    check(l->streams == 0);
    HASH_ITER(hh, l->channels, ch, next)
        free_channel(l, ch);
    free(l);
}

unsigned live_streams(const struct live *l)
{
    return l->streams;
}

bool live_is_watched(const struct live *l)
{
    return l->channels != NULL;
}

/* -------- channels -------- */

static struct channel *find(const struct live *l, struct slice webhook_id)
{
    struct channel *ch;
    HASH_FIND(hh, l->channels, webhook_id.p, webhook_id.len, ch);
    return ch;
}

bool live_wants(const struct live *l, struct slice webhook_id)
{
    return find(l, webhook_id) != NULL;
}

static struct channel *channel_of(struct live *l, const char *webhook_id)
{
    struct channel *ch = find(l, slice_str(webhook_id));
    if (ch)
        return ch;
    ch = mem_zalloc(sizeof *ch);
    ch->webhook_id = mem_strdup(webhook_id);
    ch->whole_from = ++l->next; /* nothing was numbered while nobody watched: who comes back gets a reset */
    for (size_t i = 0; i < LIVE_KEPT; i++)
        buf_init(&ch->ring[i].text, EVENT_MAX);
    TAILQ_INIT(&ch->watchers);
    HASH_ADD_KEYPTR(hh, l->channels, ch->webhook_id, strlen(ch->webhook_id), ch);
    return ch;
}

/* -------- ids -------- */

enum err live_parse_id(const char *text, const char *instance, uint64_t *number)
{
    size_t len = strlen(instance);
    if (strncmp(text, instance, len) != 0 || text[len] != '.')
        return ERR_INVALID;
    const char *digits = text + len + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 18 || digits[count] != '\0')
        return ERR_INVALID;
    *number = strtoull(digits, NULL, 10);
    return ERR_OK;
}

/* Sends what came after the event that the client saw last; or says that it cannot. */
static void resume(const struct live *l, const struct watcher *w, const char *last_id)
{
    const struct channel *ch = w->channel;
    uint64_t last;
    if (live_parse_id(last_id, l->instance, &last) != ERR_OK || last + 1 < ch->whole_from || last >= l->next) {
        stream_write(w->stream, SLICE("event: reset\ndata: {}\n\n"));
        return;
    }
    for (size_t i = 0; i < LIVE_KEPT; i++) { /* from the oldest: the ring begins where it is written next */
        const struct kept *k = &ch->ring[(ch->written + i) % LIVE_KEPT];
        if (k->number > last)
            stream_write(w->stream, buf_slice(&k->text));
    }
}

/* An id without data is no event, but the client keeps it: so it can come back before it has seen one. */
static void greet(const struct live *l, const struct watcher *w)
{
    char text[128];
    int len = snprintf(text, sizeof text, "retry: %d\nid: %s.%" PRIu64 "\n\n", RETRY_MS, l->instance, l->next - 1);
    stream_write(w->stream, slice_of(text, (size_t)len));
}

/* -------- streams -------- */

static void on_closed(void *ctx)
{
    struct watcher *w = ctx;
    TAILQ_REMOVE(&w->channel->watchers, w, link);
    if (TAILQ_EMPTY(&w->channel->watchers))
        w->channel->left_ms = clock_mono_ms();
    w->live->streams--;
    free(w->account_id);
    free(w->key_id);
    free(w);
}

static bool has_room(const struct live *l, const char *account_id)
{
    unsigned own = 0;
    for (const struct channel *ch = l->channels; ch; ch = ch->hh.next) {
        const struct watcher *w;
        TAILQ_FOREACH(w, &ch->watchers, link)
            own += strcmp(w->account_id, account_id) == 0;
    }
    return l->streams < LIVE_STREAMS && own < LIVE_STREAMS_OF_ACCOUNT;
}

static struct watcher *add_watcher(struct live *l, struct channel *ch, const struct principal *who)
{
    struct watcher *w = mem_zalloc(sizeof *w);
    w->live = l;
    w->channel = ch;
    w->account_id = mem_strdup(who->account_id);
    w->key_id = mem_strdup(who->key_id);
    memcpy(w->session_id, who->session_id, sizeof w->session_id);
    TAILQ_INSERT_TAIL(&ch->watchers, w, link);
    ch->left_ms = 0;
    l->streams++;
    return w;
}

void live_watch(struct live *l, struct request *rq, const char *webhook_id)
{
    const char *last_id = request_header(rq, "Last-Event-ID");
    if (!has_room(l, rq->principal.account_id)) {
        reply_header(rq, "Retry-After", "%d", BUSY_RETRY_S);
        reply_problem(rq, PROBLEM_RATE_LIMITED, "an account has %d streams at most", LIVE_STREAMS_OF_ACCOUNT);
        return;
    }
    struct watcher *w = add_watcher(l, channel_of(l, webhook_id), &rq->principal);
    reply_header(rq, "X-Accel-Buffering", "no"); /* a proxy must not hold events back */
    w->stream = reply_stream(rq, on_closed, w);
    if (last_id)
        resume(l, w, last_id);
    greet(l, w);
}

/* The next place of the ring, with the event in it. */
static const struct kept *keep(struct live *l, struct channel *ch, struct slice json)
{
    struct kept *k = &ch->ring[ch->written++ % LIVE_KEPT];
    if (k->number > 0)
        ch->whole_from = k->number + 1;
    k->number = l->next++;
    buf_reset(&k->text);
    buf_printf(&k->text, "id: %s.%" PRIu64 "\nevent: delivery\ndata: ", l->instance, k->number);
    buf_put_slice(&k->text, json);
    buf_puts(&k->text, "\n\n");
    if (!json.p || k->text.err != ERR_OK) {
        buf_reset(&k->text);
        buf_puts(&k->text, "event: reset\ndata: {}\n\n");
    }
    return k;
}

static void publish(struct live *l, struct channel *ch, struct slice json)
{
    const struct kept *k = keep(l, ch, json);
    const struct watcher *w;
    TAILQ_FOREACH(w, &ch->watchers, link)
        stream_write(w->stream, buf_slice(&k->text));
}

void live_publish(struct live *l, struct slice webhook_id, struct slice json)
{
    struct channel *ch = find(l, webhook_id);
    if (ch)
        publish(l, ch, json);
}

void live_reset(struct live *l)
{
    for (struct channel *ch = l->channels; ch; ch = ch->hh.next)
        publish(l, ch, slice_of(NULL, 0));
}

/* -------- once a second -------- */

static bool may_watch(const struct watcher *w, const struct definitions *d, const struct sessions *ss, int64_t now_wall_ms)
{
    const struct account *account;
    const struct account_key *key;
    const struct webhook *wh = definitions_webhook(d, w->channel->webhook_id);
    return wh && strcmp(wh->account_id, w->account_id) == 0 && definitions_key(d, w->key_id, &account, &key) &&
           (key->expires_wall_ms == 0 || now_wall_ms < key->expires_wall_ms) && !sessions_has_ended(ss, w->session_id);
}

static void sweep_channel(struct channel *ch, const struct definitions *d, const struct sessions *ss, int64_t now_wall_ms)
{
    struct watcher *w;
    TAILQ_FOREACH(w, &ch->watchers, link) {
        if (w->ending || may_watch(w, d, ss, now_wall_ms))
            continue;
        w->ending = true;
        stream_end(w->stream);
    }
}

void live_sweep(struct live *l, const struct definitions *d, const struct sessions *ss, int64_t now_ms, int64_t now_wall_ms)
{
    struct channel *ch, *next;
    HASH_ITER(hh, l->channels, ch, next) {
        sweep_channel(ch, d, ss, now_wall_ms);
        if (TAILQ_EMPTY(&ch->watchers) && now_ms - ch->left_ms > LIVE_LINGER_MS)
            free_channel(l, ch);
    }
}
