/* The world's physics: chance, time and the queue of what is under way. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim.h"

#define ARENA_BLOCK (1024 * 1024)

static uint64_t next_random(struct sim *s)
{
    uint64_t z = (s->rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to 65535 */
static uint64_t take_choice(struct sim *s)
{
    const unsigned char *bytes = (const unsigned char *)s->choices.p;
    s->choices = slice_of(s->choices.p + 2, s->choices.len - 2);
    return (uint64_t)bytes[0] << 8 | bytes[1];
}

int64_t rnd(struct sim *s, int64_t low, int64_t high)
{
    if (s->choices.len >= 2)
        return low + (int64_t)(take_choice(s) * (uint64_t)(high - low + 1) >> 16);
    return low + (int64_t)(next_random(s) % (uint64_t)(high - low + 1));
}

uint8_t rnd_byte(struct sim *s)
{
    return (uint8_t)(next_random(s) % 256);
}

bool chance(struct sim *s, int permille)
{
    return permille > 0 && rnd(s, 0, 999) < permille;
}

int64_t wall(const struct sim *s)
{
    return WALL_BASE + s->now_ms;
}

/* Mostly short, now and then long. */
int64_t latency(struct sim *s)
{
    int64_t most = s->plan.latency_ms;
    if (!s->calm && chance(s, 20))
        most *= 20;
    return rnd(s, 0, most);
}

/* ---- the queue: a binary heap by time, then by the order of posting ---- */

static bool earlier(const struct ev *a, const struct ev *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct sim *s, struct ev *e)
{
    if (s->heap_count == s->heap_cap) {
        s->heap_cap = s->heap_cap ? s->heap_cap * 2 : 256;
        s->heap = mem_array(s->heap, (size_t)s->heap_cap, sizeof(struct ev *));
    }
    int i = s->heap_count++;
    for (; i > 0 && earlier(e, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static struct ev *heap_pop(struct sim *s)
{
    struct ev *top = s->heap[0], *last = s->heap[--s->heap_count];
    int i = 0;
    for (;;) {
        int child = 2 * i + 1;
        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && earlier(s->heap[child + 1], s->heap[child]))
            child++;
        if (!earlier(s->heap[child], last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    if (s->heap_count > 0)
        s->heap[i] = last;
    return top;
}

struct ev *ev_new(struct sim *s, struct sim_worker *w, void (*reply)(struct sim_worker *w, struct ev *e, bool died))
{
    struct ev *e = TAILQ_FIRST(&s->free_evs);
    if (e)
        TAILQ_REMOVE(&s->free_evs, e, link);
    else
        e = mem_alloc(sizeof *e);
    memset(e, 0, sizeof *e);
    e->w = w;
    e->reply = reply;
    if (w && reply) {
        TAILQ_INSERT_TAIL(&w->pending, e, link);
        e->pending = true;
    }
    return e;
}

void ev_free(struct sim *s, struct ev *e)
{
    if (e->pending)
        TAILQ_REMOVE(&e->w->pending, e, link);
    e->pending = false;
    free(e->words);
    free(e->words_text);
    store_reply_free(e->redis_reply);
    e->words = NULL;
    e->words_text = NULL;
    e->redis_reply = NULL;
    TAILQ_INSERT_HEAD(&s->free_evs, e, link);
}

void ev_post(struct sim *s, struct ev *e, int64_t at, void (*fn)(struct sim *s, struct ev *e))
{
    e->at = at < s->now_ms ? s->now_ms : at;
    e->order = s->order++;
    e->fn = fn;
    heap_push(s, e);
}

void ev_answer(struct sim *s, struct ev *e, int64_t at)
{
    ev_post(s, e, at, ev_deliver);
}

void ev_deliver(struct sim *s, struct ev *e)
{
    struct sim_worker *w = e->w;
    if (w && w->stopped) {
        TAILQ_REMOVE(&w->pending, e, link);
        e->pending = false;
        TAILQ_INSERT_TAIL(&w->inbox, e, link);
        return;
    }
    if (w) {
        core_set_time(&w->core, s->now_ms, wall(s));
        w->hit_turn = true;
        TAILQ_REMOVE(&w->pending, e, link);
        e->pending = false;
        e->reply(w, e, false);
    }
    ev_free(s, e);
}

bool sim_step(struct sim *s, int64_t until_ms)
{
    if (s->heap_count == 0 || s->heap[0]->at > until_ms) {
        s->now_ms = until_ms;
        return false;
    }
    struct ev *e = heap_pop(s);
    s->now_ms = e->at;
    e->fn(s, e);
    return true;
}

/* ---- memory that lives as long as the run ---- */

void *arena_take(struct sim *s, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    check(size <= ARENA_BLOCK);
    if (s->arena_left < size) {
        check(s->arena_count < (int)(sizeof s->arena / sizeof s->arena[0]));
        s->arena[s->arena_count++] = mem_alloc(ARENA_BLOCK);
        s->arena_left = ARENA_BLOCK;
    }
    s->arena_left -= size;
    return s->arena[s->arena_count - 1] + s->arena_left;
}

struct slice arena_copy(struct sim *s, struct slice bytes)
{
    if (bytes.len == 0)
        return (struct slice){0};
    char *p = arena_take(s, bytes.len);
    memcpy(p, bytes.p, bytes.len);
    return slice_of(p, bytes.len);
}

void sim_done(struct sim *s)
{
    struct ev *e;
    while (s->heap_count > 0)
        ev_free(s, s->heap[--s->heap_count]);
    while ((e = TAILQ_FIRST(&s->free_evs)) != NULL) {
        TAILQ_REMOVE(&s->free_evs, e, link);
        free(e);
    }
    HASH_CLEAR(hh, s->by_id);
    for (int i = 0; i < s->arena_count; i++)
        free(s->arena[i]);
    for (int i = 0; i < MAX_PARTS; i++) {
        free(s->parts[i].log.recs);
        store_free(s->parts[i].ix.store);
        for (int n = 0; n < SNAPSHOTS; n++)
            store_free(s->parts[i].snapshots[n].store);
    }
    free(s->heap);
    free(s->ghosts);
    free(s->posts);
}

/* ---- the story ---- */

void say(struct sim *s, const char *fmt, ...)
{
    va_list ap;
    if (!s->trace)
        return;
    printf("%9.3f ", (double)s->now_ms / 1000.0);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ": at %.3f s: ", s->seed, (double)s->now_ms / 1000.0);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
    if (s->choices.p) /* the fuzzer's: it keeps them where the process aborts */
        abort();
    fprintf(stderr, "replay with: --seed %" PRIu64 " --trace\n", s->seed);
    _exit(1);
}

void fault_hit(struct sim *s, int no, int count, const char *what)
{
    s->parts[no].faults += count;
    say(s, "FAULT p%d: %s", no, what);
}
