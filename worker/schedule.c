#include "schedule.h"

#include <stdlib.h>

#include "ownership.h"
#include "post.h"
#include "table.h"
#include "util/list.h"
#include "util/mem.h"
#include "worker.h"

#define BROKEN_MS 30000 /* for a webhook whose secret cannot be opened */
#define REST_MS 500
#define RECORDING_MOST                                                                                                           \
    512                   /* records under way, beyond which nothing is parked: Kafka and Redis are there for deliveries first   \
                           */
#define EARLY_MS 1000     /* a retry this much before its time is not sent */
#define FORGET_MS 600000  /* an idle gate is forgotten, with what it has learned */
#define WAITS_LONG_MS 500 /* without a slot for so long, an account gets more than it takes */
#define SHARE_OF_FREE 4   /* an account's POSTs in flight, at most, for each slot that is free */
#define QUANTUM 4         /* of an account's turn, in units of cost */
#define COST_BYTES 16384  /* a body costs one unit, and one more for each so many bytes */

TAILQ_HEAD(gate_list, gate);

/* An account that has gates. */
struct tenant {
    char *id;
    int gates, in_flight, deficit;
    struct gate_list ready;
    bool in_ring;
    int64_t waits_since_ms; /* since then each of its turns ended for want of a slot; 0: it does not wait */
    TAILQ_ENTRY(tenant) link;
    UT_hash_handle hh;
};

TAILQ_HEAD(tenant_list, tenant);

struct schedule {
    struct worker *worker;
    struct tenant *tenants;
    struct gate *gates;
    struct tenant_list ring; /* accounts with a gate that is ready */
    struct gate_list full, waiting, idle;
    struct job_list parking; /* to be parked in the next turn */
    int parking_count;
    bool parking_waits; /* for records that are under way */
    int queued;
    int64_t wake_ms; /* of the first waiting gate; 0: none */
    int64_t rest_until_ms;
};

struct schedule *schedule_new(struct worker *w)
{
    struct schedule *s = mem_zalloc(sizeof *s);
    s->worker = w;
    TAILQ_INIT(&s->ring);
    TAILQ_INIT(&s->full);
    TAILQ_INIT(&s->waiting);
    TAILQ_INIT(&s->idle);
    TAILQ_INIT(&s->parking);
    return s;
}

/* ---- tenants ---- */

static struct tenant *find_tenant(const struct schedule *s, struct slice id)
{
    struct tenant *t;
    HASH_FIND(hh, s->tenants, id.p, id.len, t);
    return t;
}

static struct tenant *tenant_of(struct schedule *s, struct slice id)
{
    struct tenant *t = find_tenant(s, id);
    if (!t) {
        t = mem_zalloc(sizeof *t);
        t->id = mem_dup(id.p, id.len);
        TAILQ_INIT(&t->ready);
        HASH_ADD_KEYPTR(hh, s->tenants, t->id, id.len, t);
    }
    return t;
}

/* No account has more than four times the slots that are free: four fifths of all when it is alone, so that a newcomer finds
 * some; and what others leave, not a part of it for each of them however little they use (dynamic thresholds: Choudhury and Hahne
 * 1998). */
static bool over_share(const struct schedule *s, const struct tenant *t)
{
    int unused = (int)s->worker->settings.slots - http_client_in_flight(s->worker->http);
    return t->in_flight > 0 && t->in_flight >= SHARE_OF_FREE * unused;
}

static void tenant_place(struct schedule *s, struct tenant *t)
{
    if (t->in_ring == !TAILQ_EMPTY(&t->ready))
        return;
    t->in_ring = !t->in_ring;
    t->waits_since_ms = 0;
    if (t->in_ring)
        TAILQ_INSERT_TAIL(&s->ring, t, link);
    else
        TAILQ_REMOVE(&s->ring, t, link);
}

/* ---- gates ---- */

static struct gate_list *list_of(struct schedule *s, struct gate *gate)
{
    switch (gate->state) {
    case GATE_READY:
        return &gate->tenant->ready;
    case GATE_FULL:
        return &s->full;
    case GATE_WAITING:
        return &s->waiting;
    case GATE_IDLE:
        break;
    }
    return &s->idle;
}

/* Puts the gate where its state belongs. */
static void place(struct schedule *s, struct gate *gate)
{
    int64_t now_ms = s->worker->core.now_ms, wait_ms = 0;
    enum gate_state state = gate_judge(gate, now_ms, &wait_ms);
    if (state != gate->state) {
        TAILQ_REMOVE(list_of(s, gate), gate, link);
        gate->state = state;
        TAILQ_INSERT_TAIL(list_of(s, gate), gate, link);
    }
    if (state == GATE_IDLE)
        gate->idle_since_ms = now_ms;
    if (state == GATE_WAITING) {
        gate->wake_ms = now_ms + wait_ms;
        if (s->wake_ms == 0 || gate->wake_ms < s->wake_ms)
            s->wake_ms = gate->wake_ms;
    }
    tenant_place(s, gate->tenant);
}

struct gate_key {
    char bytes[192];
    size_t len;
};

static void gate_key(struct gate_key *key, const struct partition *p, struct slice webhook_id)
{
    int32_t number = partition_number(p);
    key->len = sizeof number + webhook_id.len;
    check(key->len <= sizeof key->bytes);
    memcpy(key->bytes, &number, sizeof number);
    memcpy(key->bytes + sizeof number, webhook_id.p, webhook_id.len);
}

/* NULL: there is none yet. */
static struct gate *find_gate(const struct schedule *s, const struct partition *p, struct slice webhook_id)
{
    struct gate *gate;
    struct gate_key key NOT_ZEROED;
    gate_key(&key, p, webhook_id);
    HASH_FIND(hh, s->gates, key.bytes, key.len, gate);
    return gate;
}

static struct gate *make_gate(struct schedule *s, const struct job *job, const struct endpoint *ep)
{
    struct tenant *t = tenant_of(s, job->dl.account_id);
    struct gate_key key NOT_ZEROED;
    gate_key(&key, job->partition, job->dl.webhook_id);
    struct gate *gate = gate_new(key.bytes, key.len, t, ep->wh, endpoint_rate(ep), s->worker->core.now_ms);
    gate->was_dead = job->has_record && job->dl.status == DELIVERY_PARKED; /* as a former owner knew it */
    t->gates++;
    TAILQ_INSERT_TAIL(&s->idle, gate, link);
    HASH_ADD_KEYPTR(hh, s->gates, gate->key, key.len, gate);
    return gate;
}

/* The gate's webhook as the table has it now; NULL: it is deleted. It is looked up again only when the table has another. */
static struct endpoint *endpoint_of(const struct schedule *s, struct gate *gate, struct slice webhook_id)
{
    if (gate->endpoint && gate->endpoint->listed)
        return gate->endpoint;
    struct endpoint *ep = table_webhook(s->worker->table, webhook_id);
    endpoint_unref(gate->endpoint);
    gate->endpoint = ep ? endpoint_ref(ep) : NULL;
    return ep;
}

/* A quarter of where its reading is held (ownership.c) is in hand. */
static bool is_crowded(const struct schedule *s, const struct partition *p)
{
    return 4 * partition_in_hand(p) >= core_credit(&s->worker->core);
}

/* Its webhooks could send, each of them, but together they have all the slots they get: more of it would only fill the partition.
 */
static bool account_waits(const struct schedule *s, struct slice account_id, int64_t least_ms)
{
    const struct tenant *t = find_tenant(s, account_id);
    return t && t->waits_since_ms > 0 && s->worker->core.now_ms - t->waits_since_ms >= least_ms;
}

enum gate_look schedule_look(const struct schedule *s, const struct partition *p, const struct endpoint *ep)
{
    const struct core *c = &s->worker->core;
    const char *why;
    if (table_state_of(ep, &why) != TABLE_OPEN)
        return GATE_IS_DEAD;
    const struct gate *gate = find_gate(s, p, slice_str(ep->wh->id));
    int on_the_way = partition_job_count(p, JOB_UNCLAIMED) + partition_job_count(p, JOB_CLAIMING);
    bool crowded = is_crowded(s, p);
    enum gate_look look = gate_look(gate, on_the_way, crowded, c->now_ms, c->now_wall_ms);
    if (look == GATE_TAKES && crowded && account_waits(s, slice_str(ep->wh->account_id), 0))
        return GATE_HAS_ENOUGH;
    return look;
}

static void forget(struct schedule *s, struct gate *gate)
{
    struct tenant *t = gate->tenant;
    TAILQ_REMOVE(&s->idle, gate, link);
    HASH_DEL(s->gates, gate); // NOLINT(clang-analyzer-core.NullDereference): it does not know that the gate is in the table
    endpoint_unref(gate->endpoint);
    gate_free(gate);
    if (--t->gates > 0)
        return;
    HASH_DEL(s->tenants, t); // NOLINT(clang-analyzer-core.NullDereference): likewise
    free(t->id);
    free(t);
}

void schedule_free(struct schedule *s)
{
    struct gate *gate;
    if (!s)
        return;
    while ((gate = TAILQ_FIRST(&s->idle)) != NULL)
        forget(s, gate);
    free(s);
}

/* ---- jobs come and go ---- */

static void dequeue(struct schedule *s, struct gate *gate, struct job *job)
{
    TAILQ_REMOVE(&gate->queue, job, gate_link);
    gate->queued--;
    s->queued--;
}

static void park_next_turn(struct schedule *s, struct job *job)
{
    job->gate = NULL;
    TAILQ_INSERT_TAIL(&s->parking, job, gate_link);
    s->parking_count++;
}

static void unpark(struct schedule *s, struct job *job)
{
    TAILQ_REMOVE(&s->parking, job, gate_link);
    s->parking_count--;
}

/* A retry that came before its time: its webhook was closed, its schedule called in, and now it is open again. Of what is held or
 * parked the time says only when it is looked at again. */
static bool not_due(const struct schedule *s, const struct job *job)
{
    bool waits = job->dl.held_wall_ms > 0 || job->dl.status == DELIVERY_PARKED;
    return job->has_record && !waits && job->dl.next_attempt_wall_ms > s->worker->core.now_wall_ms + EARLY_MS;
}

/* A new one of an account that has waited for slots for long: it would only fill its partition. */
static bool too_many(const struct schedule *s, const struct job *job)
{
    return !job->has_record && is_crowded(s, job->partition) && account_waits(s, job->dl.account_id, WAITS_LONG_MS);
}

void schedule_send(struct schedule *s, struct job *job)
{
    struct core *c = &s->worker->core;
    struct slice id = job->dl.webhook_id;
    struct gate *gate = find_gate(s, job->partition, id);
    struct endpoint *ep = gate ? endpoint_of(s, gate, id) : table_webhook(s->worker->table, id);
    const char *why;
    job->withdrawn = false;
    if (table_state_of(ep, &why) != TABLE_OPEN || not_due(s, job)) {
        park_next_turn(s, job);
        return;
    }
    if (!gate)
        gate = make_gate(s, job, ep);
    if (gate_must_park(gate, job, c->now_ms, c->now_wall_ms) || too_many(s, job)) {
        park_next_turn(s, job);
        return;
    }
    job->gate = gate;
    TAILQ_INSERT_TAIL(&gate->queue, job, gate_link);
    gate->queued++;
    s->queued++;
    place(s, gate);
}

void schedule_withdraw(struct schedule *s, struct job *job)
{
    struct gate *gate = job->gate;
    if (job->state == JOB_POSTING) {
        job->withdrawn = true;
        post_cancel(job);
    } else if (gate) {
        dequeue(s, gate, job);
        place(s, gate);
    } else {
        unpark(s, job);
    }
}

/* An endpoint is back. Its gates in other partitions need not wait for the time of their own probe. */
static void tell_other_gates(struct schedule *s, struct slice webhook_id)
{
    const struct ownership *o = s->worker->ownership;
    for (int32_t i = 0; i < ownership_partitions(o); i++) {
        const struct partition *p = ownership_partition(o, i);
        struct gate *gate = p ? find_gate(s, p, webhook_id) : NULL;
        if (!gate)
            continue;
        breaker_probe_now(&gate->breaker, s->worker->core.now_ms);
        place(s, gate);
    }
}

void schedule_ended(struct schedule *s, struct job *job, enum gate_answer answer, int64_t duration_ms)
{
    struct gate *gate = job->gate;
    job->gate = NULL;
    gate->tenant->in_flight--;
    if (gate_ended(gate, answer, duration_ms, s->worker->core.now_ms, core_random(&s->worker->core))) {
        partition_call_in(job->partition, job->dl.webhook_id);
        tell_other_gates(s, job->dl.webhook_id);
    }
    place(s, gate);
}

enum call_in schedule_calls_in(const struct schedule *s, const struct partition *p, struct slice webhook_id)
{
    const struct core *c = &s->worker->core;
    const struct gate *gate = find_gate(s, p, webhook_id);
    return gate ? gate_calls_in(gate, partition_scheduled(p), c->now_ms, c->now_wall_ms) : CALL_IN_ENDS;
}

void schedule_called_in(struct schedule *s, const struct partition *p, struct slice webhook_id)
{
    struct gate *gate = find_gate(s, p, webhook_id);
    if (gate)
        gate_called_in(gate);
}

void schedule_rest(struct schedule *s)
{
    s->rest_until_ms = s->worker->core.now_ms + REST_MS;
}

/* ---- sending ---- */

static int64_t park_until(struct schedule *s, const struct job *job, const struct endpoint *ep)
{
    struct core *c = &s->worker->core;
    struct gate *gate = find_gate(s, job->partition, job->dl.webhook_id);
    if (!gate)
        gate = make_gate(s, job, ep);
    return gate_park_until(gate, partition_scheduled(job->partition), c->now_ms, c->now_wall_ms, core_random(c));
}

static void park(struct schedule *s, struct job *job)
{
    int64_t now_wall_ms = s->worker->core.now_wall_ms;
    const char *why;
    struct endpoint *ep = table_webhook(s->worker->table, job->dl.webhook_id);
    enum table_state state = table_state_of(ep, &why);
    if (state == TABLE_CLOSED)
        partition_on_cancel(job, why);
    else if (state == TABLE_HELD)
        partition_on_hold(job, why);
    else if (ep->broken)
        partition_on_park(job, now_wall_ms + BROKEN_MS);
    else if (not_due(s, job))
        partition_on_park(job, job->dl.next_attempt_wall_ms);
    else
        partition_on_park(job, park_until(s, job, ep));
}

static bool park_all(struct schedule *s)
{
    struct job *job;
    int recording = TAILQ_EMPTY(&s->parking) ? 0 : ownership_recording(s->worker->ownership);
    bool any = false;
    s->parking_waits = false;
    while ((job = TAILQ_FIRST(&s->parking)) != NULL) {
        s->parking_waits = !job->has_record && recording >= RECORDING_MOST;
        if (s->parking_waits)
            break;
        recording += !job->has_record;
        unpark(s, job);
        park(s, job);
        any = true;
    }
    return any;
}

static int cost_of(const struct job *job)
{
    return 1 + (int)(job->dl.body.len / COST_BYTES);
}

/* The gate's first job is sent, or ends otherwise. */
static void send_first(struct schedule *s, struct gate *gate)
{
    struct worker *w = s->worker;
    struct tenant *t = gate->tenant;
    struct job *job = TAILQ_FIRST(&gate->queue);
    const char *why;
    struct endpoint *ep = endpoint_of(s, gate, job->dl.webhook_id);
    dequeue(s, gate, job);
    if (table_state_of(ep, &why) != TABLE_OPEN || !endpoint_open(ep, w->keyring, w->core.now_ms)) {
        park(s, job);
        place(s, gate);
        return;
    }
    t->deficit -= cost_of(job);
    t->in_flight++;
    gate_follow(gate, ep->wh, endpoint_rate(ep), w->core.now_ms);
    gate_started(gate, w->core.now_ms);
    place(s, gate);
    partition_on_posting(job);
    post_start(w, job, ep);
}

static bool slots_free(const struct schedule *s)
{
    return http_client_in_flight(s->worker->http) < (int)s->worker->settings.slots;
}

/* An account's turn: what its deficit allows, its gates one after the other. */
static void serve(struct schedule *s, struct tenant *t)
{
    t->deficit += QUANTUM;
    while (t->in_ring && t->deficit > 0 && slots_free(s) && !over_share(s, t)) {
        struct gate *gate = TAILQ_FIRST(&t->ready);
        TAILQ_REMOVE(&t->ready, gate, link);
        TAILQ_INSERT_TAIL(&t->ready, gate, link);
        send_first(s, gate);
    }
    if (!t->in_ring || t->deficit <= 0)
        t->waits_since_ms = 0;
    else if (t->waits_since_ms == 0)
        t->waits_since_ms = s->worker->core.now_ms;
    /* An account that has nothing to send saves nothing up. */
    if (!t->in_ring || t->deficit > 0)
        t->deficit = t->deficit < 0 ? t->deficit : 0;
}

static void wake_waiting(struct schedule *s)
{
    struct gate *gate, *next;
    if (s->wake_ms == 0 || s->worker->core.now_ms < s->wake_ms)
        return;
    s->wake_ms = 0;
    TAILQ_FOREACH_SAFE(gate, &s->waiting, link, next)
        place(s, gate);
}

bool schedule_turn(struct schedule *s)
{
    bool any = false;
    if (s->worker->core.hold || s->worker->core.now_ms < s->rest_until_ms)
        return false;
    any = park_all(s);
    wake_waiting(s);
    for (unsigned idle = 0; idle < HASH_COUNT(s->tenants) && !TAILQ_EMPTY(&s->ring) && slots_free(s);) {
        struct tenant *t = TAILQ_FIRST(&s->ring);
        int before = s->queued;
        TAILQ_REMOVE(&s->ring, t, link);
        TAILQ_INSERT_TAIL(&s->ring, t, link);
        serve(s, t);
        idle = s->queued == before ? idle + 1 : 0;
        any = any || s->queued != before;
    }
    return any;
}

/* ---- time ---- */

static void park_late_of(struct schedule *s, struct gate *gate)
{
    int64_t late_ms = s->worker->core.now_ms - GATE_PATIENCE_MS;
    struct job *job;
    while ((job = TAILQ_FIRST(&gate->queue)) != NULL && job->queued_ms <= late_ms) {
        gate_lost_patience(gate);
        dequeue(s, gate, job);
        park_next_turn(s, job);
    }
    place(s, gate);
}

static void park_late(struct schedule *s, struct gate_list *list)
{
    struct gate *gate, *next;
    TAILQ_FOREACH_SAFE(gate, list, link, next)
        park_late_of(s, gate);
}

static void forget_idle(struct schedule *s)
{
    struct gate *gate, *next;
    int64_t long_ago_ms = s->worker->core.now_ms - FORGET_MS;
    TAILQ_FOREACH_SAFE(gate, &s->idle, link, next) {
        if (gate->idle_since_ms > long_ago_ms)
            return;
        if (gate->in_flight == 0)
            forget(s, gate);
    }
}

void schedule_second(struct schedule *s)
{
    struct tenant *t, *next;
    if (s->worker->core.hold)
        return;
    TAILQ_FOREACH_SAFE(t, &s->ring, link, next)
        park_late(s, &t->ready);
    park_late(s, &s->full);
    park_late(s, &s->waiting);
    forget_idle(s);
}

int64_t schedule_idle_ms(const struct schedule *s)
{
    const struct core *c = &s->worker->core;
    int64_t at_ms = s->wake_ms;
    if (s->rest_until_ms > c->now_ms)
        at_ms = s->rest_until_ms;
    else if (!TAILQ_EMPTY(&s->parking) && !s->parking_waits)
        return 0;
    if (at_ms == 0)
        return -1;
    return at_ms > c->now_ms ? at_ms - c->now_ms : 0;
}

int schedule_queued(const struct schedule *s)
{
    return s->queued;
}

int schedule_parking(const struct schedule *s)
{
    return s->parking_count;
}

int schedule_breakers_open(const struct schedule *s)
{
    struct gate *gate, *next;
    int count = 0;
    HASH_ITER(hh, s->gates, gate, next)
        count += gate->breaker.state != BREAKER_CLOSED;
    return count;
}
