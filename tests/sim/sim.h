/* The simulator: the real core (worker/core) in a world of simulated Kafka, Redis and endpoints, where one seed decides
 * everything: what is written, how long each answer takes, and which faults happen when. A run with the same seed is the same
 * run.
 *
 * Time is virtual. Whatever takes time is an `ev` in one queue. A call of the core has two stages: at the first it takes effect
 * in the world (the record lands in the log, the script runs), at the second its answer reaches the worker, if that process still
 * lives. So a process can die, stop or be cut off at any point in between. */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include <hiredis/hiredis.h>

#include "core/job.h"
#include "core/partition.h"
#include "core/partition_internal.h"
#include "io/redis_patience.h"
#include "store.h"
#include "util/mem.h"

#define MAX_WORKERS 3
#define MAX_PARTS 2
#define MAX_WEBHOOKS 3
#define MAX_MEMBERS 16
#define SNAPSHOTS 3
#define AMBUSHES 4
#define WALL_BASE 1780000000000LL
#define STOOD_STILL_MS 5000
#define CONTACT_MS 5000
#define SESSION_MS 10000
#define REBALANCE_MS 12000
#define REVOKE_MS 5000
#define PATIENCE_MS 2000
#define GIVEN_UP_MAX 4 /* of a slow Redis: after 2, 4, 8 and 16 s */
#define LEASE_MS 60000
#define WRITE_AGAIN_MS 40000
#define HOLD_MAX_MS 150000

struct sim;
struct sim_worker;
struct ev;

/* What answers for the index: C that says the same as the scripts (sim_index.c); worker/index.c with the scripts themselves
 * (sim_scripts.c); or both, compared after each call. */
enum index_by { INDEX_BY_C, INDEX_BY_SCRIPTS, INDEX_BY_BOTH };
extern enum index_by index_by;

/* ---- what a run is made of (plan.c) ---- */

struct plan {
    int workers, parts, webhooks;
    int max_attempts[MAX_WEBHOOKS];
    int success_permille[MAX_WEBHOOKS];
    int slow_permille, ours_permille, park_permille, cancel_permille;
    int faults;            /* how many */
    int64_t faults_end_ms; /* nothing bad happens afterwards */
    unsigned fault_kinds;  /* a bit each, enum fault */
    /* Weather: chances of each call, while faults may happen. */
    int full_permille, ack_lost_permille, not_written_permille, late_permille, unknown_offset_permille;
    int redis_error_permille, commit_lost_permille, early_end_permille;
    size_t record_max;    /* the broker takes no larger ones */
    bool returns;         /* endpoints come back, and what is scheduled for them is called in */
    bool crowd;           /* many deliveries: batches are full, and there are many */
    bool reorder;         /* records of one worker land in any order */
    bool deadly;          /* some delivery kills whoever sends it */
    bool compact_at_once; /* no min.compaction.lag: the truth about a delivery can be lost with a wipe at the wrong moment */
    int64_t slot_ms;      /* idempotency keys live 2 to 3 of these */
    int64_t bound_lag_ms; /* the core's */
    int64_t latency_ms;
};

enum fault {
    FAULT_KILL,      /* kill -9 */
    FAULT_ZOMBIE,    /* the group takes its partitions away, and it does not know */
    FAULT_SESSION,   /* the membership is lost, and it knows */
    FAULT_REBALANCE, /* in order, with revocations */
    FAULT_STOP,      /* SIGSTOP, later SIGCONT */
    FAULT_CUT,       /* no contact with the group */
    FAULT_WIPE,      /* Redis emptied */
    FAULT_ROLLBACK,  /* Redis back to an older state */
    FAULT_KEY,       /* one key of Redis deleted */
    FAULT_REDIS_AWAY,
    FAULT_REDIS_SLOW, /* it runs one command in hundreds of milliseconds */
    FAULT_CONN_BREAK, /* a worker's connection to Redis breaks, with what was under way */
    FAULT_REGROUP,    /* the group made anew: generations start low */
    FAULT_CLOSE,      /* no fault: a webhook is deleted */
    FAULT_PAUSE,      /* no fault: a webhook is paused, and maybe resumed */
    FAULT_COMPACT,
    FAULT_RETAIN,
    FAULT_FOREIGN,  /* somebody writes to the delivery log what is no record of ours */
    FAULT_RECREATE, /* a delivery log is deleted and made anew */
    FAULT_KINDS,
};

/* ---- the delivery log (slog.c) ---- */

struct srec {
    int64_t offset, landed_ms;
    int d; /* the delivery; or one of the two below */
#define SREC_CLAIM (-1)
#define SREC_FOREIGN (-2)
    struct slice key, value;
    struct delivery_rank rank;
    int64_t event_offset; /* of its event */
};

struct slog {
    struct srec *recs; /* what compaction and retention have left */
    int count, cap;
    int64_t start, end;
    unsigned remade; /* how often it was deleted and made anew */
};

/* ---- the index (sim_index.c) ---- */

struct ix_head {
    int rank, attempt;
    int64_t revision;
};

struct ix_entry {
    bool pl, done;
    int64_t due, inf; /* -1: not in the set */
    bool held;        /* its record is a held one */
    bool fresh;       /* inf: claimed without a record */
    struct ix_head head;
    struct slice record;
    int64_t slot;
    char done_log[9];
    struct ix_head done_head;
    int64_t low; /* -1: not in the set */
    int tries;
};

struct ix {
    bool has_m;
    char ep[EPOCH_TEXT_SIZE], log[EPOCH_LOG_SIZE];
    int64_t ap, base, hi;
    bool unusable;            /* somebody found it incomplete: it has no position */
    bool key_lost;            /* a key was deleted by itself, and the index is not yet built anew: not in Redis, for I4 */
    int held_count;           /* how many the list has, as m says */
    int held[MAX_WEBHOOKS];   /* 0: not on the list; 1: a walk has begun; 2 */
    int64_t taken_assignment; /* the owner's of the last TAKE that succeeded: not in Redis, for I5 */
    struct ix_entry *entries; /* one for each delivery of the run */
    struct store *store;      /* with the scripts: the truth, of which the rest is a picture (with both: beside it) */
};

/* The order of the keys in a command. */
enum ix_key { IX_M, IX_DUE, IX_INF, IX_PL, IX_LOW, IX_TRIES, IX_HELD, IX_KEYS };

struct ix_record {
    int64_t offset, due, updated, event_offset;
    int held; /* the webhook; -1: not held */
    int d;    /* -1: moves the position only */
    struct ix_head head;
    struct slice record; /* empty unless open */
};

/* ---- deliveries as the simulator knows them: what no program can see ---- */

struct ghost {
    struct uuid id;
    int part, number;
    int64_t last_event_offset; /* the last event it belongs to */
    int posts, recorded_failures, extra, faults_at_birth;
    bool sent_twice; /* by its frontend: the same event at two offsets */
    bool accepted, recorded, born;
    bool truth_lost;           /* compaction took the best record while a worse one stood after it */
    bool forgotten;            /* it had ended, below the bound from which an emptied index was rebuilt */
    bool deadly;               /* whoever sends it dies */
    bool buried;               /* its dead letter is written */
    bool ahead;                /* its owners' count is ahead of the deadly one's, since Redis was rolled back */
    bool excused;              /* it had a record in a log that was deleted */
    struct delivery_rank fold; /* of all records that ever landed */
    int64_t fold_offset;
    uint64_t body_hash;
    UT_hash_handle hh;
};

struct post_made {
    int d;
    bool failure_recorded;
};

struct sim_event {
    int64_t offset, at_ms;
    struct event event;
    int webhooks;           /* a bit each */
    int owes[MAX_WEBHOOKS]; /* the deliveries */
    bool dead_letter;
};

/* ---- a partition of the world ---- */

struct sim_part {
    struct sim_event *events;
    int event_count;
    int64_t events_end;
    struct slog log;
    struct ix ix, snapshots[SNAPSHOTS];
    bool has_snapshot[SNAPSHOTS];
    int64_t committed;
    char metadata[128];
    int faults, index_faults, rollbacks, claims, deadly_kills;
    int64_t serving_since;
    int not_released;   /* owners that left in order, and Redis was not there to take back what they had in hand */
    int64_t assignment; /* grows with each assignment of this partition: the true order of its owners */
    unsigned regroups;
};

/* ---- the group's coordinator (sim_group.c) ---- */

struct member {
    unsigned id;
    struct sim_worker *w;
    bool rejoined;
    int64_t heard_ms;
};

struct group {
    int64_t generation;
    bool preparing;
    int64_t deadline_ms;
    struct member members[MAX_MEMBERS];
    int count;
    unsigned next_id;
};

/* ---- workers (sim_worker.c) ---- */

/* What the shell keeps of one partition it owns, from its assignment to its release. */
struct owned {
    TAILQ_ENTRY(owned) link;
    struct sim_worker *w;
    struct partition *p;
    int no;
    int64_t assignment;
    bool live; /* not gone */
    bool started;
    bool graceful; /* being revoked in order */
    int64_t position;
    unsigned reader; /* answers of earlier readings are void */
    bool reading;
    int64_t read_at;
};

TAILQ_HEAD(owned_list, owned);
TAILQ_HEAD(ev_list, ev);

struct sim_worker {
    struct sim *sim;
    int number;
    unsigned incarnation;
    bool alive, stopped, cut;
    bool hit_turn;
    struct core core;
    struct owned_list owned;
    struct owned *slots[MAX_PARTS];
    bool awaiting[MAX_PARTS];
    int64_t awaiting_assignment[MAX_PARTS];
    bool awaiting_any;
    struct job_list gate;
    struct ev_list pending; /* what it waits for */
    struct ev_list inbox;   /* what came while it was stopped */
    int64_t last_turn_ms, contact_ms, second_ms;
    /* Membership, as this process knows it. */
    unsigned member_id;
    int64_t generation;
    bool revoking;
    bool out;                     /* the membership has ended, and it does not know */
    int faults_before[MAX_PARTS]; /* out: the partitions' faults before that one */
    /* Connections are in order. */
    int64_t kafka_at, kafka_back, redis_at, redis_back, group_at, group_back, told_at;
    bool redis_known_down;
    struct redis_patience patience; /* as common/io/redis.c has it */
    int64_t redis_heard_ms;
    int given_up; /* connections, since Redis became slow */
    bool dead_owned;
    /* With the scripts. */
    struct redis *redis;
    struct index_store *scripts;
    struct ev *asking; /* the call that worker/index.c is writing */
};

/* ---- the queue ---- */

enum call_kind { CALL_NONE, CALL_TAKE, CALL_CLAIM, CALL_DUE, CALL_APPLY, CALL_CHECK, CALL_POSTPONE, CALL_SWEEP, CALL_RELEASE };

struct ev {
    int64_t at;
    uint64_t order;
    void (*fn)(struct sim *s, struct ev *e); /* the world's stage, or the delivery of the answer */
    void (*reply)(struct sim_worker *w, struct ev *e,
                  bool died); /* at the worker; died: only the core's books are put in order */
    struct sim_worker *w;     /* NULL: its process died, or there is none */
    TAILQ_ENTRY(ev) link;     /* in w->pending, or w->inbox */
    bool pending, cancelled;
    int no; /* partition */
    struct owned *owned;
    struct partition *p;
    struct job *job;
    unsigned round;
    enum err err;
    int64_t offset;
    struct slice key, value;
    int d;
    int post; /* number of the POST whose outcome this record tells; 0: none */
    bool write, late;
    /* index */
    enum call_kind kind;
    char ep[EPOCH_TEXT_SIZE], log[EPOCH_LOG_SIZE];
    int64_t ap, ap_to, now_wall, lease, assignment;
    int limit, count;
    struct job **jobs;
    int *ids;
    struct ix_record *records;
    int *tries;
    struct slice *found;
    char webhook[64]; /* SWEEP */
    uint64_t cursor;
    int room; /* for suspects */
    bool unhold;
    int64_t low; /* TAKE: the owner's bound */
    bool broken, unsent, served;
    int64_t sent_ms;
    struct index_answer answer;
    /* with the scripts: the command, and who wants its reply */
    const char *script;
    char *words_text;
    struct slice *words;
    int keys, word_count;
    void (*on_reply)(void *ctx, redisReply *reply);
    void *on_reply_ctx;
    redisReply *redis_reply;
    /* group */
    unsigned member_id;
    int64_t generation;
    unsigned parts;
    int64_t assignments[MAX_PARTS];
    char metadata[128];
    /* log reader */
    unsigned reader;
    struct srec *read;
    bool at_end;
    int64_t end;
    /* post */
    struct outcome outcome;
    uint64_t seq;
};

struct sim {
    uint64_t seed, rng;
    struct slice choices; /* what is left of a list of choices that comes before those of the seed */
    bool trace;
    struct plan plan;
    int64_t now_ms;
    bool calm; /* faults are over */
    struct ev **heap;
    int heap_count, heap_cap;
    uint64_t order;
    struct ev_list free_evs;
    char *arena[4096];
    int arena_count;
    size_t arena_left;
    struct sim_part parts[MAX_PARTS];
    struct group group;
    struct sim_worker workers[MAX_WORKERS];
    struct ghost *ghosts;
    int ghost_count, ghost_cap;
    struct ghost *by_id;
    struct post_made *posts;
    int post_count, post_cap;
    bool redis_down;
    int64_t redis_slow_until_ms, redis_free_at_ms;
    int redis_slow_ms;     /* a command takes */
    unsigned closed_hooks; /* webhooks that were deleted, a bit each */
    unsigned paused_hooks;
    int64_t resumed_ms[MAX_WEBHOOKS];
    bool recreated;
    struct ambush {
        int fault;           /* waits for a call of this kind; -1: none */
        enum call_kind kind; /* CALL_NONE: an append to the delivery log */
        int after;           /* and lets so many pass */
    } ambushes[AMBUSHES];
    int aim; /* the worker whose call was waited for; -1: none */
    int64_t webhook_closed_until[MAX_WEBHOOKS];
    int faults_done;
};

/* world.c */
int64_t rnd(struct sim *s, int64_t low, int64_t high); /* both included */
uint8_t rnd_byte(struct sim *s);                       /* of an id: never one of the choices, since ids must differ */
bool chance(struct sim *s, int permille);
int64_t wall(const struct sim *s);
int64_t latency(struct sim *s);
struct ev *ev_new(struct sim *s, struct sim_worker *w, void (*reply)(struct sim_worker *w, struct ev *e, bool died));
void ev_post(struct sim *s, struct ev *e, int64_t at, void (*fn)(struct sim *s, struct ev *e));
void ev_answer(struct sim *s, struct ev *e, int64_t at); /* the second stage */
void ev_free(struct sim *s, struct ev *e);
void ev_deliver(struct sim *s, struct ev *e);
bool sim_step(struct sim *s, int64_t until_ms); /* one ev; false: none is due by then (time is then until_ms) */
void *arena_take(struct sim *s, size_t size) __attribute__((returns_nonnull));
struct slice arena_copy(struct sim *s, struct slice bytes);
void sim_done(struct sim *s);
void say(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a line of the story */
/* An invariant is broken: prints the seed and ends the process. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
#define require(s, cond, ...) ((cond) ? (void)0 : sim_fail(s, __VA_ARGS__))
/* A fault that can cause one more POST of any delivery of this partition. */
void fault_hit(struct sim *s, int no, int count, const char *what);

/* plan.c */
void plan_make(struct sim *s);
extern const char *const webhook_ids[MAX_WEBHOOKS];
struct ghost *ghost_find(struct sim *s, const struct uuid *id); /* never NULL */

int webhook_number(struct slice id);

/* slog.c */
struct srec *slog_last(struct slog *log, int d);
/* The last record of each delivery, or NULL, in one way through the log; to be freed. */
const struct srec **slog_lasts(const struct slog *log, int ghosts);
int64_t slog_land(struct sim *s, int no, struct ev *e); /* returns the offset */
void slog_foreign(struct sim *s, int no);
void slog_compact(struct sim *s, int no);
void slog_retain(struct sim *s, int no);
void slog_recreate(struct sim *s, int no);

/* sim_index.c */
void ix_init(struct sim *s, struct ix *ix);
void ix_wipe(struct sim *s, struct ix *ix);
void ix_copy(struct sim *s, struct ix *to, const struct ix *from);
void ix_execute(struct sim *s, struct ev *e);
int ix_rank(enum delivery_status status);
/* For INDEX_BY_SCRIPTS, the parts of TAKE that are no part of the index: I5, and what a rebuild forgets. */
void ix_taken(struct sim *s, int no, int64_t assignment);
void ix_emptied(struct sim *s, int no);
void ix_lose_key(struct sim *s, int no, enum ix_key key);

/* sim_scripts.c */
void scripts_start(struct sim_worker *w);
void scripts_stop(struct sim_worker *w);
/* The call is handed to worker/index.c, which writes the command. */
void scripts_take(struct sim_worker *w, struct ev *e);
void scripts_claim(struct sim_worker *w, struct ev *e);
void scripts_due(struct sim_worker *w, struct ev *e);
void scripts_apply(struct sim_worker *w, struct ev *e, const struct index_record *records);
void scripts_check(struct sim_worker *w, struct ev *e);
void scripts_postpone(struct sim_worker *w, struct ev *e, const struct index_postponed *postponed);
void scripts_sweep(struct sim_worker *w, struct ev *e, struct slice webhook_id, int step);
void scripts_release(struct sim_worker *w, struct ev *e);
void scripts_execute(struct sim *s, struct ev *e);
void scripts_reply(struct ev *e, bool answered);
/* The record that is stored so; until the next call. */
struct slice scripts_record(struct slice stored);
/* After the store was changed by a fault. */
void scripts_picture(struct sim *s, int no, struct ix *ix);
void scripts_lose_key(struct sim *s, int no, enum ix_key key);

/* sim_group.c */
void group_join(struct sim_worker *w, int64_t delay_ms);
void group_commit(struct sim_worker *w, struct ev *e);
void group_ask_committed(struct sim_worker *w);
void group_prepare(struct sim *s, const char *why);
void group_evict(struct sim *s, unsigned id, int64_t told_in_ms, const char *why);
void group_make_anew(struct sim *s);
void group_second(struct sim *s);

/* sim_worker.c */
void worker_boot(struct sim *s, int number);
void worker_kill(struct sim_worker *w);
void worker_turn(struct sim_worker *w);
void worker_stop(struct sim_worker *w);
void worker_continue(struct sim_worker *w);
void worker_assigned(struct sim_worker *w, struct ev *e);
void worker_revoked(struct sim_worker *w);
void worker_lost(struct sim_worker *w);
void worker_begin(struct sim_worker *w, int no, int64_t committed, const char *metadata);
void worker_break_redis(struct sim_worker *w);
bool worker_idle(const struct sim_worker *w);

/* sim_ports.c */
extern const struct core_ports sim_ports;

/* sim_gate.c */
void gate_send(struct sim_worker *w, struct job *job);
void gate_withdraw(struct sim_worker *w, struct job *job);
void gate_turn(struct sim_worker *w);

/* faults.c */
void faults_schedule(struct sim *s);
/* A call has been made: is one of the faults waiting for it? */
void faults_kill(struct sim *s, struct sim_worker *w);
void faults_resume(struct sim *s, int hook);
void faults_notice(struct sim *s, enum call_kind kind, int worker);

/* check.c */
void check_commit(struct sim *s, int no, int64_t offset, const char *metadata);
void check_record(struct sim *s, const struct srec *r, const struct delivery *dl, const struct ev *e);
void check_post(struct sim *s, const struct job *job);
void check_index(struct sim *s, int no);
bool all_quiet(struct sim *s);
void check_resumed(struct sim *s);
void check_end(struct sim *s);

/* run.c */
void sim_run(uint64_t seed, bool trace);
/* A run whose first choices are given, two bytes each. */
void sim_run_choices(const uint8_t *data, size_t size, bool trace);

#endif
