/* The worker without its delivery log: a record is acknowledged at the end of the turn, at the offset that comes next. */
#include <stdlib.h>
#include <sys/queue.h>

#include "delivery_log.h"
#include "util/mem.h"
#include "worker.h"

#define PARTITIONS_MAX 1024

struct appended {
    TAILQ_ENTRY(appended) link;
    struct job *job;
};

static TAILQ_HEAD(appended_list, appended) appended = TAILQ_HEAD_INITIALIZER(appended);
static int64_t next_offset[PARTITIONS_MAX];
static struct loop_turn *turn;

bool __wrap_delivery_log_append_record(struct worker *w, struct job *job);
struct loop *__real_loop_new(void);
struct loop *__wrap_loop_new(void);
void __real_loop_free(struct loop *l);
void __wrap_loop_free(struct loop *l);

bool __wrap_delivery_log_append_record(struct worker *w, struct job *job)
{
    (void)w;
    struct appended *a = mem_zalloc(sizeof *a);
    a->job = job;
    TAILQ_INSERT_TAIL(&appended, a, link);
    return true;
}

static bool on_turn(void *ctx)
{
    (void)ctx;
    struct appended *last = TAILQ_LAST(&appended, appended_list), *a;
    while (last && (a = TAILQ_FIRST(&appended)) != NULL) {
        struct partition *p = a->job->partition;
        int64_t *next = &next_offset[partition_number(p)];
        bool was_last = a == last;
        TAILQ_REMOVE(&appended, a, link);
        if (*next <= partition_applied(p))
            *next = partition_applied(p) + 1;
        partition_on_record_ack(a->job, ERR_OK, (*next)++);
        free(a);
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

void __wrap_loop_free(struct loop *l)
{
    loop_turn_free(turn);
    __real_loop_free(l);
}
