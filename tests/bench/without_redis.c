/* The worker without its index: every script is answered at the end of the turn as by an empty Redis. */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "index.h"
#include "util/mem.h"
#include "worker.h"

struct asked {
    TAILQ_ENTRY(asked) link;
    redis_fn *fn;
    void *ctx;
    char name;
    int ids;
};

static TAILQ_HEAD(asked_list, asked) asked = TAILQ_HEAD_INITIALIZER(asked);
static struct loop_turn *turn;

void __wrap_redis_eval(struct redis *r, const struct redis_script *s, redis_fn *fn, void *ctx, int key_count, int argc,
                       const char *const *argv, const size_t *lens);
bool __wrap_redis_is_up(const struct redis *r);
struct loop *__real_loop_new(void);
struct loop *__wrap_loop_new(void);
void __real_loop_free(struct loop *l);
void __wrap_loop_free(struct loop *l);

bool __wrap_redis_is_up(const struct redis *r)
{
    (void)r;
    return true;
}

static redisReply *text(const char *p, size_t len)
{
    redisReply *reply = mem_zalloc(sizeof *reply);
    reply->type = REDIS_REPLY_STRING;
    reply->str = mem_dup(p, len);
    reply->len = len;
    return reply;
}

/* {'O', what}: take -> no position; claim -> no id is known; the others -> nothing is due. */
static void answer(struct asked *a)
{
    char none[256];
    redisReply *parts[4], reply = {.type = REDIS_REPLY_ARRAY, .elements = 4, .element = parts};
    memset(none, '0', sizeof none);
    parts[0] = text("O", 1);
    parts[1] = a->name == 't' ? text("-1", 2) : text(none, a->name == 'c' && a->ids > 0 ? (size_t)a->ids : 1);
    parts[2] = text("0", 1);
    parts[3] = text("0", 1);
    if (a->name == 'd' || a->name == 's')
        reply.elements = 2;
    a->fn(a->ctx, &reply);
    for (int i = 0; i < 4; i++)
        freeReplyObject(parts[i]);
    free(a);
}

static bool on_turn(void *ctx)
{
    (void)ctx;
    struct asked *last = TAILQ_LAST(&asked, asked_list), *a;
    while (last && (a = TAILQ_FIRST(&asked)) != NULL) {
        TAILQ_REMOVE(&asked, a, link);
        bool was_last = a == last;
        answer(a);
        if (was_last)
            break;
    }
    return last != NULL; /* what was answered has its next turn at once */
}

struct loop *__wrap_loop_new(void)
{
    struct loop *l = __real_loop_new();
    turn = loop_turn_new(l, LOOP_ORDER_DEAD, on_turn, NULL);
    return l;
}

void __wrap_redis_eval(struct redis *r, const struct redis_script *s, redis_fn *fn, void *ctx, int key_count, int argc,
                       const char *const *argv, const size_t *lens)
{
    (void)r, (void)argv, (void)lens;
    struct asked *a = mem_zalloc(sizeof *a);
    *a = (struct asked){.fn = fn,
                        .ctx = ctx,
                        .name = s->name[0] == 'c' && s->name[1] == 'h' ? 'k' : s->name[0],
                        .ids = argc - key_count - INDEX_CLAIM_ARGS};
    TAILQ_INSERT_TAIL(&asked, a, link);
}

void __wrap_loop_free(struct loop *l)
{
    loop_turn_free(turn);
    __real_loop_free(l);
}
