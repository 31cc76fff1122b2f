/* Commands and replies of the Redis connection.
 *
 * hiredis is used for what it is best at: its reply parser, and a context with buffers (and TLS where it has it). Its
 * asynchronous layer was rejected: it allocates and parses per command, has no deadlines before 1.0, and its rules of who frees
 * what when differ between versions. Here the replies awaited stand in a ring, in order, and the rule is simple: whoever finds
 * the connection useless marks it (redis_break); it is closed when the handler that ran has finished (redis_settle).
 *
 * Commands gather in one buffer and leave by one write at the end of the turn. The socket is watched for writing from the first
 * command of a turn on, so one that comes after the flush is written in the next turn instead of never. */
#include "io/redis.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/redis_internal.h"
#include "util/clock.h"
#include "util/mem.h"

#define MAX_OUT_BYTES (64U << 20)
#define LATE_MS 250

/* -------- the ring -------- */

static struct redis_sent *ring_at(const struct redis_ring *ring, size_t i)
{
    return &ring->slots[(ring->head + i) & (ring->capacity - 1)];
}

static void ring_grow(struct redis_ring *ring)
{
    size_t capacity = ring->capacity ? ring->capacity * 2 : 64;
    struct redis_sent *slots = mem_array(NULL, capacity, sizeof *slots);
    for (size_t i = 0; i < ring->count; i++)
        slots[i] = *ring_at(ring, i);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->head = 0;
}

static void ring_push(struct redis_ring *ring, struct redis_sent sent)
{
    if (ring->count == ring->capacity)
        ring_grow(ring);
    *ring_at(ring, ring->count) = sent;
    ring->count++;
    ring->unstamped++;
}

static struct redis_sent ring_pop(struct redis_ring *ring)
{
    check(ring->count > 0);
    struct redis_sent sent = *ring_at(ring, 0);
    ring->head = (ring->head + 1) & (ring->capacity - 1);
    ring->count--;
    if (ring->unstamped > ring->count)
        ring->unstamped = ring->count;
    return sent;
}

/* Deadlines run from the write; the turn may have begun long before. */
static void ring_stamp(struct redis_ring *ring, int64_t now_ms)
{
    for (size_t i = ring->count - ring->unstamped; i < ring->count; i++)
        ring_at(ring, i)->sent_ms = now_ms;
    ring->unstamped = 0;
}

/* -------- sending -------- */

static void put_header(struct buf *b, char kind, size_t n)
{
    buf_putc(b, kind);
    buf_put_i64(b, (long long)n);
    buf_put(b, "\r\n", 2);
}

static void put_argument(struct buf *b, const char *p, size_t len)
{
    put_header(b, '$', len);
    buf_put(b, p, len);
    buf_put(b, "\r\n", 2);
}

static void put_arguments(struct buf *b, int argc, const char *const *argv, const size_t *lens)
{
    for (int i = 0; i < argc; i++)
        put_argument(b, argv[i], lens ? lens[i] : strlen(argv[i]));
}

/* The command stands in r->out. */
static void await_reply(struct redis *r, redis_fn *fn, void *ctx)
{
    int64_t now_ms = loop_now(r->loop);
    ring_push(&r->ring, (struct redis_sent){.fn = fn, .ctx = ctx, .sent_ms = now_ms});
    *r->commands += 1;
    if (!r->unsent || !redis_tls_waits_for_peer(r->tls))
        loop_io_set(r->io, LOOP_READ | LOOP_WRITE);
    if (!loop_timer_armed(r->deadline))
        loop_timer_arm(r->deadline, r->patience.wait_ms);
    if (r->out.err != ERR_OK)
        redis_break(r, "more than %u MiB of commands are waiting to be written", MAX_OUT_BYTES >> 20);
}

static void call_out(struct redis *r, redis_fn *fn, void *ctx, redisReply *reply)
{
    if (!fn)
        return;
    r->inside++;
    fn(ctx, reply);
    r->inside--;
}

static bool takes_commands(const struct redis *r)
{
    return r->state == LINK_UP && !r->broken;
}

void redis_send(struct redis *r, redis_fn *fn, void *ctx, int argc, const char *const *argv, const size_t *lens)
{
    put_header(&r->out, '*', (size_t)argc);
    put_arguments(&r->out, argc, argv, lens);
    await_reply(r, fn, ctx);
}

void redis_command(struct redis *r, redis_fn *fn, void *ctx, int argc, const char *const *argv, const size_t *lens)
{
    if (takes_commands(r))
        redis_send(r, fn, ctx, argc, argv, lens);
    else
        call_out(r, fn, ctx, NULL);
}

void redis_eval(struct redis *r, const struct redis_script *s, redis_fn *fn, void *ctx, int key_count, int argc,
                const char *const *argv, const size_t *lens)
{
    check(key_count >= 0 && key_count <= argc);
    if (!takes_commands(r)) {
        call_out(r, fn, ctx, NULL);
        return;
    }
    char keys[16];
    int keys_len = snprintf(keys, sizeof keys, "%d", key_count);
    put_header(&r->out, '*', (size_t)argc + 3);
    put_argument(&r->out, "EVALSHA", 7);
    put_argument(&r->out, s->sha1, sizeof s->sha1 - 1);
    put_argument(&r->out, keys, (size_t)keys_len);
    put_arguments(&r->out, argc, argv, lens);
    await_reply(r, fn, ctx);
}

/* -------- writing, once a turn -------- */

static void break_from_hiredis(struct redis *r, const char *doing)
{
    struct errmsg why;
    redis_break(r, "%s: %s", doing, redis_tls_failed(r->tls, &why) ? why.text : r->context->errstr);
}

/* false: broken. */
static bool write_some(struct redis *r)
{
    int done = 0;
    if (r->tls)
        redis_tls_before_io();
    if (redisBufferWrite(r->context, &done) != REDIS_OK) {
        break_from_hiredis(r, "writing failed");
        return false;
    }
    r->unsent = !done;
    return true;
}

static bool flush(struct redis *r)
{
    if (r->unsent && !write_some(r))
        return false;
    if (r->unsent || r->out.len == 0)
        return true;
    if (redisAppendFormattedCommand(r->context, r->out.p, r->out.len) != REDIS_OK) {
        break_from_hiredis(r, "writing failed");
        return false;
    }
    buf_reset(&r->out);
    return write_some(r);
}

/* What did not fit waits for the socket, or in TLS for what the peer has to say first; then the next turn's flush goes on. */
bool redis_on_flush(void *ctx)
{
    struct redis *r = ctx;
    if (!r->context || (!r->unsent && r->out.len == 0))
        return false;
    ring_stamp(&r->ring, clock_mono_ms());
    if (!r->broken && flush(r)) {
        bool writable = r->unsent && !redis_tls_waits_for_peer(r->tls);
        loop_io_set(r->io, LOOP_READ | (writable ? LOOP_WRITE : 0));
    }
    redis_settle(r);
    return false;
}

/* -------- replies -------- */

bool redis_reply_is(const redisReply *reply, const char *error_prefix)
{
    size_t len = strlen(error_prefix);
    return reply->type == REDIS_REPLY_ERROR && reply->len >= len && memcmp(reply->str, error_prefix, len) == 0;
}

/* After these the next commands would fare no better: the scripts are gone, or this is not the primary, or not yet or not ours.
 */
static bool ends_connection(const redisReply *reply)
{
    static const char *const prefixes[] = {"NOSCRIPT", "READONLY", "LOADING", "MASTERDOWN", "NOAUTH"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (redis_reply_is(reply, prefixes[i]))
            return true;
    }
    return false;
}

static void handle_reply(struct redis *r, redisReply *reply)
{
    bool is_error = reply->type == REDIS_REPLY_ERROR;
    if (is_error)
        *r->errors += 1;
    if (r->ring.count == 0) {
        redis_break(r, "a reply that nobody asked for: %.200s", is_error ? reply->str : "(not an error)");
        return;
    }
    struct redis_sent sent = ring_pop(&r->ring);
    r->heard_ms = loop_now(r->loop);
    redis_patience_answered(&r->patience, r->heard_ms - sent.sent_ms, r->heard_ms);
    call_out(r, sent.fn, sent.ctx, reply);
    if (is_error && ends_connection(reply))
        redis_break(r, "%.200s", reply->str);
}

static void handle_replies(struct redis *r)
{
    while (!r->broken) {
        void *reply = NULL;
        if (redisGetReplyFromReader(r->context, &reply) != REDIS_OK) {
            redis_break(r, "malformed reply: %s", r->context->errstr);
            return;
        }
        if (!reply)
            return;
        handle_reply(r, reply);
        freeReplyObject(reply);
    }
}

/* One read, 16 KiB, a turn: others are waiting too. */
void redis_on_io(void *ctx, int events)
{
    struct redis *r = ctx;
    if (events & LOOP_READ) {
        do {
            if (r->tls)
                redis_tls_before_io();
            if (redisBufferRead(r->context) != REDIS_OK)
                break_from_hiredis(r, "the connection was lost");
            else
                handle_replies(r);
        } while (!r->broken && redis_tls_has_unread(r->tls));
    }
    redis_settle(r);
}

void redis_drop_outstanding(struct redis *r)
{
    buf_done(&r->out);
    buf_init(&r->out, MAX_OUT_BYTES);
    while (r->ring.count > 0) {
        struct redis_sent sent = ring_pop(&r->ring);
        call_out(r, sent.fn, sent.ctx, NULL);
    }
}

/* Silence counts from the oldest command, or from the last reply if that is later: whoever answers is alive, however slow. The
 * timer is armed for then or earlier. When it runs much later than it was due, it was this process that stood still, and the
 * answer may be waiting in the socket: one more short wait, once. */
void redis_on_deadline(void *ctx)
{
    struct redis *r = ctx;
    if (r->ring.count == 0)
        return;
    int64_t sent_ms = ring_at(&r->ring, 0)->sent_ms, since_ms = sent_ms > r->heard_ms ? sent_ms : r->heard_ms;
    int64_t late_ms = loop_now(r->loop) - since_ms - r->patience.wait_ms;
    if (late_ms < 0) {
        r->forgiven = false;
        loop_timer_arm(r->deadline, -late_ms);
    } else if (late_ms > LATE_MS && !r->forgiven) {
        r->forgiven = true;
        loop_timer_arm(r->deadline, LATE_MS);
    } else {
        redis_break(r, "no answer within %" PRId64 " ms", r->patience.wait_ms);
        redis_patience_lost(&r->patience, loop_now(r->loop));
        redis_settle(r);
    }
}

/* -------- the handle -------- */

static void register_metrics(struct redis *r, const struct redis_options *o)
{
    char name[128];
    snprintf(name, sizeof name, "%s_redis_errors_total", o->metrics_prefix);
    r->errors =
        metrics_counter(o->metrics, name, "Error replies of Redis, and connections to it that failed or were lost.", NULL);
    snprintf(name, sizeof name, "%s_redis_commands_total", o->metrics_prefix);
    r->commands = metrics_counter(o->metrics, name, "Commands sent to Redis.", NULL);
    snprintf(name, sizeof name, "%s_redis_up", o->metrics_prefix);
    r->up = metrics_gauge(o->metrics, name, "1 while Redis is connected and usable, else 0.", NULL);
}

enum err redis_new(struct loop *l, struct resolver *rs, const struct redis_options *o, struct redis **out, struct errmsg *why)
{
    struct redis_url url;
    struct redis_tls *tls = NULL;
    enum err err = redis_url_parse(o->url, &url, why);
    if (err == ERR_OK && url.tls)
        err = redis_tls_new(url.host, &o->tls, &tls, why);
    if (err == ERR_OK)
        err = redis_read_password(o->password_file, &url, why);
    if (err != ERR_OK) {
        redis_tls_free(tls);
        redis_url_wipe(&url);
        return err;
    }
    struct redis *r = mem_zalloc(sizeof *r);
    r->loop = l;
    r->resolver = rs;
    r->options = *o;
    redis_patience_init(&r->patience, o->deadline_ms);
    r->url = url;
    redis_url_wipe(&url);
    r->tls = tls;
    r->fd = -1;
    buf_init(&r->out, MAX_OUT_BYTES);
    register_metrics(r, o);
    r->timer = loop_timer_new(l, redis_on_timer, r);
    r->deadline = loop_timer_new(l, redis_on_deadline, r);
    r->flush = loop_turn_new(l, LOOP_ORDER_FLUSH, redis_on_flush, r);
    (void)errmsg_set(&r->trouble, ERR_AGAIN, "not connected yet");
    loop_timer_arm(r->timer, 0);
    *out = r;
    return ERR_OK;
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    check(r->inside == 0);
    redis_shut(r);
    loop_timer_free(r->timer);
    loop_timer_free(r->deadline);
    loop_turn_free(r->flush);
    redis_tls_free(r->tls);
    redis_url_wipe(&r->url);
    buf_done(&r->out);
    free(r->ring.slots);
    free(r->scripts);
    free(r);
}

bool redis_is_up(const struct redis *r)
{
    return takes_commands(r);
}

const char *redis_trouble(const struct redis *r)
{
    return r->trouble.text;
}

const char *redis_warning(const struct redis *r)
{
    return r->warning.text;
}
