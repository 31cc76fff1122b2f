#include "view/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/mem.h"

#define RECORDS_BYTES (16UL * 1024 * 1024)
#define DELIVERIES_BYTES (RECORDS_BYTES / 2) /* the rest is for what must be told */

struct head {
    enum report_kind kind;
    size_t length;
};

struct report {
    pthread_mutex_t lock;
    struct report_state state;
    struct report_settled *settled;
    size_t settled_count;
    struct buf records; /* each after its head */
    struct buf open;    /* likewise, of the transaction that is open; the ingest's alone, as are the next two */
    uint64_t open_dropped;
    bool passed_over; /* deliveries of the open transaction were dropped, or came while nobody watched */
    uint64_t dropped;
    bool untold; /* some of them were deliveries, and the loop does not know yet */
    _Atomic bool watched;
    bool damaged;
    struct errmsg damage;
    int wake_fd;
    struct loop_io *io;
    report_fn *on_record;
    void *ctx;
};

static void lock(struct report *r)
{
    (void)pthread_mutex_lock(&r->lock);
}

static void unlock(struct report *r)
{
    (void)pthread_mutex_unlock(&r->lock);
}

/* -------- records -------- */

static void hand_over(struct report *r, struct slice records)
{
    struct head head;
    for (size_t at = 0; at < records.len; at += sizeof head + head.length) {
        memcpy(&head, records.p + at, sizeof head);
        r->on_record(r->ctx, head.kind, slice_of(records.p + at + sizeof head, head.length));
    }
}

static void on_wake(void *ctx, int events)
{
    struct report *r = ctx;
    struct buf taken;
    uint64_t count = 0;
    (void)events;
    if (read(r->wake_fd, &count, sizeof count) != (ssize_t)sizeof count) {
        return;
    }
    lock(r);
    taken = r->records;
    bool untold = r->untold;
    buf_init(&r->records, RECORDS_BYTES);
    r->untold = false;
    unlock(r);
    hand_over(r, buf_slice(&taken));
    if (untold) { /* they came later than what was taken */
        r->on_record(r->ctx, REPORT_UNTOLD, SLICE(""));
    }
    buf_done(&taken);
}

/* What must be told has room of its own. */
static bool fits(const struct buf *records, struct head head)
{
    return records->len + sizeof head + head.length < (head.kind == REPORT_DELIVERY ? DELIVERIES_BYTES : RECORDS_BYTES);
}

static void append(struct buf *records, struct head head, const char *record)
{
    buf_put(records, &head, sizeof head);
    buf_put(records, record, head.length);
}

void report_record(struct report *r, enum report_kind kind, struct slice record)
{
    struct head head = {kind, record.len};
    if (kind == REPORT_DELIVERY && !atomic_load_explicit(&r->watched, memory_order_relaxed)) {
        r->passed_over = true;
    } else if (fits(&r->open, head)) {
        append(&r->open, head, record.p);
    } else {
        r->open_dropped++;
        r->passed_over = r->passed_over || kind == REPORT_DELIVERY;
    }
}

/* Under the lock. */
static void move_open(struct report *r)
{
    struct head head;
    for (size_t at = 0; at < r->open.len; at += sizeof head + head.length) {
        memcpy(&head, r->open.p + at, sizeof head);
        if (fits(&r->records, head)) {
            append(&r->records, head, r->open.p + at + sizeof head);
        } else {
            r->dropped++;
            r->untold = r->untold || head.kind == REPORT_DELIVERY;
        }
    }
    r->dropped += r->open_dropped;
    r->untold = r->untold || (r->passed_over && atomic_load_explicit(&r->watched, memory_order_relaxed));
}

void report_commit(struct report *r)
{
    const uint64_t one = 1;
    lock(r);
    move_open(r);
    bool news = r->records.len > 0 || r->untold;
    unlock(r);
    report_rollback(r);
    if (news) {
        ssize_t written = write(r->wake_fd, &one, sizeof one);
        (void)written; /* it cannot fail: the counter is far from its limit */
    }
}

void report_rollback(struct report *r)
{
    buf_reset(&r->open);
    r->open_dropped = 0;
    r->passed_over = false;
}

void report_watch(struct report *r, bool watched)
{
    atomic_store_explicit(&r->watched, watched, memory_order_relaxed);
}

void report_damage(struct report *r, const struct errmsg *why)
{
    lock(r);
    r->damaged = true;
    r->damage = *why;
    unlock(r);
}

bool report_take_damage(struct report *r, struct errmsg *why)
{
    lock(r);
    bool damaged = r->damaged;
    *why = r->damage;
    r->damaged = false;
    unlock(r);
    return damaged;
}

uint64_t report_dropped(struct report *r)
{
    lock(r);
    uint64_t dropped = r->dropped;
    unlock(r);
    return dropped;
}

/* -------- state -------- */

void report_set(struct report *r, const struct report_state *state)
{
    lock(r);
    r->state = *state;
    unlock(r);
}

struct report_state report_get(struct report *r)
{
    lock(r);
    struct report_state state = r->state;
    unlock(r);
    return state;
}

static struct report_settled *find(struct report *r, int64_t source)
{
    for (size_t i = 0; i < r->settled_count; i++) {
        if (r->settled[i].source == source) {
            return &r->settled[i];
        }
    }
    return NULL;
}

void report_settle(struct report *r, int64_t source, int64_t offset)
{
    lock(r);
    struct report_settled *s = find(r, source);
    if (!s) {
        r->settled = mem_array(r->settled, r->settled_count + 1, sizeof *r->settled);
        s = &r->settled[r->settled_count++];
    }
    *s = (struct report_settled){source, offset};
    unlock(r);
}

void report_unsettle(struct report *r)
{
    lock(r);
    r->settled_count = 0;
    unlock(r);
}

int64_t report_settled(struct report *r, int64_t source)
{
    lock(r);
    const struct report_settled *s = find(r, source);
    int64_t offset = s ? s->offset : -1;
    unlock(r);
    return offset;
}

/* -------- the whole -------- */

struct report *report_new(struct loop *l, report_fn *on_record, void *ctx)
{
    struct report *r = mem_zalloc(sizeof *r);
    check(pthread_mutex_init(&r->lock, NULL) == 0);
    buf_init(&r->records, RECORDS_BYTES);
    buf_init(&r->open, RECORDS_BYTES);
    r->on_record = on_record;
    r->ctx = ctx;
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    check(r->wake_fd >= 0);
    r->io = loop_io_new(l, r->wake_fd, LOOP_READ, on_wake, r);
    return r;
}

void report_free(struct report *r)
{
    if (!r) {
        return;
    }
    loop_io_free(r->io);
    (void)close(r->wake_fd);
    (void)pthread_mutex_destroy(&r->lock);
    buf_done(&r->records);
    buf_done(&r->open);
    free(r->settled);
    free(r);
}
