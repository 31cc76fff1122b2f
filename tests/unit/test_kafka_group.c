/* The group member: positions to the record, rebalances, commits. Against the mock cluster, or a real one with
 * TRUEFTP_TEST_BROKERS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka_fixture.h"

#include "util/clock.h"
#include "util/mem.h"

#define MAX_PARTITIONS 8
#define ANY INT64_MIN

/* A member and what it was told. */
struct member {
    struct fixture *f;
    struct kafka_group *group;
    int assigns, revokes, lost;
    int32_t generation;
    char id[128];
    bool owned[MAX_PARTITIONS];
    int owned_count;
    bool finish_revokes; /* at once, in the callback */
    bool commit_in_revoke;
    int64_t revoke_done_ms;
    int64_t expected[MAX_PARTITIONS]; /* the next record's offset; ANY: whatever comes */
    bool held[MAX_PARTITIONS];        /* nothing may come */
    int64_t records[MAX_PARTITIONS];
    int64_t end[MAX_PARTITIONS];
    int out_of_range;
    int64_t out_of_range_at;
    int commits_ok, commits_refused, commits_again;
    bool yields; /* after each record */
    int turns;   /* of the loop */
};

static void on_assign(void *ctx, const int32_t *partitions, int count, int32_t generation, const char *member_id)
{
    struct member *m = ctx;
    m->assigns++;
    m->generation = generation;
    snprintf(m->id, sizeof m->id, "%s", member_id);
    memset(m->owned, 0, sizeof m->owned);
    m->owned_count = count;
    for (int i = 0; i < count; i++) {
        m->owned[partitions[i]] = true;
        m->held[partitions[i]] = true; /* until started */
    }
}

static void on_revoke(void *ctx, const int32_t *partitions, int count, bool lost)
{
    struct member *m = ctx;
    m->revokes++;
    m->lost += lost;
    for (int i = 0; i < count; i++)
        m->held[partitions[i]] = true;
    if (m->commit_in_revoke) {
        struct kafka_commit commit = {partitions[0], 5, "last"};
        kafka_group_commit(m->group, &commit, 1);
    }
    if (m->finish_revokes)
        kafka_group_revoke_done(m->group);
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct member *m = ctx;
    int32_t p = rec->partition;
    if (m->held[p])
        fail_msg("partition %d is held and gave offset %lld", p, (long long)rec->offset);
    if (m->expected[p] != ANY && m->expected[p] != rec->offset)
        fail_msg("partition %d gave offset %lld instead of %lld", p, (long long)rec->offset, (long long)m->expected[p]);
    char value[16];
    snprintf(value, sizeof value, "%lld", (long long)rec->offset);
    assert_true(slice_eq(rec->value, slice_str(value)));
    m->expected[p] = rec->offset + 1;
    m->records[p]++;
    if (m->yields)
        kafka_group_yield(m->group);
}

static void on_commit(void *ctx, int32_t partition, int64_t offset, enum err err)
{
    (void)partition;
    (void)offset;
    struct member *m = ctx;
    m->commits_ok += err == ERR_OK;
    m->commits_refused += err == ERR_REFUSED;
    m->commits_again += err == ERR_AGAIN;
}

static void on_position(void *ctx, int32_t partition, int64_t offset, enum err err)
{
    struct member *m = ctx;
    assert_false(m->held[partition]);
    if (err == ERR_OK) {
        assert_true(m->expected[partition] == ANY || offset == m->expected[partition]);
        m->end[partition] = offset;
        return;
    }
    assert_int_equal(err, ERR_NOT_FOUND);
    m->out_of_range++;
    m->out_of_range_at = offset;
    m->expected[partition] = ANY;
}

static struct member *member_new(struct fixture *f)
{
    struct member *m = mem_zalloc(sizeof *m);
    m->f = f;
    m->finish_revokes = true;
    for (int i = 0; i < MAX_PARTITIONS; i++) {
        m->expected[i] = ANY;
        m->end[i] = -1;
    }
    struct kafka_group_options options = {
        .group_id = f->group,
        .topic = f->topic,
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_record = on_record,
        .on_commit = on_commit,
        .on_position = on_position,
        .ctx = m,
        .poll_bound = 100,
    };
    struct errmsg why;
    if (kafka_group_new(&f->options, &options, &m->group, &why) != ERR_OK)
        fail_msg("%s", why.text);
    return m;
}

static void member_kill(struct member *m)
{
    kafka_group_free(m->group);
    free(m);
}

static bool is_closed(void *ctx)
{
    const struct member *m = ctx;
    return kafka_group_closed(m->group);
}

static void member_leave(struct member *m)
{
    m->finish_revokes = true;
    kafka_group_close(m->group);
    fixture_run(m->f, is_closed, m, 20000);
    member_kill(m);
}

static bool is_assigned(void *ctx)
{
    const struct member *m = ctx;
    return m->assigns > 0;
}

static struct member *member_joined(struct fixture *f)
{
    struct member *m = member_new(f);
    fixture_run(f, is_assigned, m, 30000);
    return m;
}

static void start(struct member *m, int32_t partition, int64_t offset)
{
    m->expected[partition] = offset < 0 ? ANY : offset;
    m->held[partition] = false;
    m->end[partition] = -1;
    kafka_group_start(m->group, partition, offset);
}

static bool at_end(void *ctx)
{
    const struct member *m = ctx;
    return m->end[0] >= 0;
}

static bool commit_answered(void *ctx)
{
    const struct member *m = ctx;
    return m->commits_ok + m->commits_refused + m->commits_again > 0;
}

static void commit(struct member *m, int64_t offset, const char *metadata)
{
    m->commits_ok = m->commits_refused = m->commits_again = 0;
    struct kafka_commit c = {0, offset, metadata};
    kafka_group_commit(m->group, &c, 1);
    fixture_run(m->f, commit_answered, m, 30000);
}

/* -------- one member -------- */

static void test_begins_exactly_where_told(void **state)
{
    (void)state;
    static const int64_t offsets[] = {57, 0, 1, 99, 100, -1, 100, 42};
    struct fixture *f = fixture_new(1);
    fixture_fill(f, 0, 0, 100);
    struct member *m = member_joined(f);
    assert_int_equal(m->owned_count, 1);
    assert_true(kafka_group_joined(m->group));
    fixture_pass(f, 200); /* nothing may come before the start: on_record checks */
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        m->records[0] = 0;
        start(m, 0, offsets[i]);
        fixture_run(f, at_end, m, 20000);
        assert_int_equal(m->end[0], 100);
        assert_int_equal(m->records[0], offsets[i] < 0 ? 100 : 100 - offsets[i]);
        assert_int_equal(m->out_of_range, 0);
    }
    fixture_fill(f, 0, 100, 10);
    m->end[0] = -1;
    fixture_run(f, at_end, m, 20000);
    assert_int_equal(m->end[0], 110);
    member_leave(m);
    fixture_free(f);
}

static bool count_turn(void *ctx)
{
    struct member *m = ctx;
    m->turns++;
    return false;
}

static bool both_at_end(void *ctx)
{
    const struct member *m = ctx;
    return m->end[0] >= 0 && m->end[1] >= 0;
}

static void test_yields(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    fixture_fill(f, 0, 0, 30);
    fixture_fill(f, 1, 0, 30);
    struct member *m = member_joined(f);
    m->yields = true;
    struct loop_turn *turn = loop_turn_new(f->loop, LOOP_ORDER_WORK, count_turn, m);
    start(m, 0, 0);
    start(m, 1, 0);
    fixture_run(f, both_at_end, m, 20000);
    assert_int_equal(m->records[0], 30);
    assert_int_equal(m->records[1], 30);
    assert_true(m->turns >= 60); /* one in a turn */
    loop_turn_free(turn);
    member_leave(m);
    fixture_free(f);
}

static void test_goes_on_at_the_earliest_when_out_of_range(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    fixture_fill(f, 0, 0, 50);
    struct member *m = member_joined(f);
    start(m, 0, 5000);
    fixture_run(f, at_end, m, 30000);
    assert_int_equal(m->out_of_range, 1);
    assert_int_equal(m->out_of_range_at, 5000);
    assert_int_equal(m->records[0], 50);
    if (!f->mock) {
        fixture_delete_below(f, 0, 20);
        start(m, 0, 7);
        fixture_run(f, at_end, m, 30000);
        assert_int_equal(m->out_of_range, 2);
        assert_int_equal(m->out_of_range_at, 7);
        assert_int_equal(m->records[0], 80);
        start(m, 0, -1); /* the earliest is no surprise, wherever it is */
        fixture_run(f, at_end, m, 30000);
        assert_int_equal(m->out_of_range, 2);
        assert_int_equal(m->records[0], 110);
    }
    member_leave(m);
    fixture_free(f);
}

static void test_empty_log_shorter_than_the_position(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    struct member *m = member_joined(f);
    start(m, 0, 10);
    fixture_run(f, at_end, m, 30000);
    assert_int_equal(m->end[0], 0);
    assert_int_equal(m->out_of_range, 1);
    fixture_fill(f, 0, 0, 3);
    m->end[0] = -1;
    fixture_run(f, at_end, m, 30000);
    assert_int_equal(m->records[0], 3);
    member_leave(m);
    fixture_free(f);
}

/* -------- pause, resume, start at random -------- */

#define STEPS 1000
#define PARTITIONS 4
#define RECORDS 4000

struct shuffle {
    struct member *m;
    uint64_t seed;
    int steps, starts, looks;
    int64_t records_at_step;
    int assigns; /* that were answered with starts */
    bool finishing;
};

static unsigned draw(struct shuffle *s, unsigned below)
{
    s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(s->seed >> 33) % below;
}

static void random_step(struct shuffle *s)
{
    struct member *m = s->m;
    int32_t p = (int32_t)draw(s, PARTITIONS);
    switch (draw(s, 5)) {
    case 0:
    case 1:
        kafka_group_pause(m->group, p);
        m->held[p] = true;
        break;
    case 2:
    case 3:
        kafka_group_resume(m->group, p);
        m->held[p] = false;
        break;
    default:
        start(m, p, (int64_t)draw(s, RECORDS));
        s->starts++;
        break;
    }
    s->steps++;
}

static int64_t total(const struct member *m)
{
    int64_t sum = 0;
    for (int i = 0; i < PARTITIONS; i++)
        sum += m->records[i];
    return sum;
}

/* At the start; and when a broker was away for longer than the session: each goes on where it was. */
static void start_new_assignment(struct shuffle *s)
{
    struct member *m = s->m;
    if (m->assigns == s->assigns)
        return;
    s->assigns = m->assigns;
    for (int32_t p = 0; p < PARTITIONS; p++)
        start(m, p, m->expected[p] == ANY ? 0 : m->expected[p]);
}

/* Steps come when records have come since the last one or some turns have passed, so that some hit an empty queue, some a full
 * one, some a fetch under way; now and then several come at once. */
static bool shuffled(void *ctx)
{
    struct shuffle *s = ctx;
    start_new_assignment(s);
    if (s->steps < STEPS) {
        if (total(s->m) == s->records_at_step && ++s->looks % 256 != 0)
            return false;
        s->records_at_step = total(s->m);
        for (unsigned n = draw(s, 20) == 0 ? 4 : draw(s, 2); n > 0; n--)
            random_step(s);
        return false;
    }
    if (!s->finishing) {
        s->finishing = true;
        for (int32_t p = 0; p < PARTITIONS; p++) {
            kafka_group_resume(s->m->group, p);
            s->m->held[p] = false;
        }
    }
    for (int32_t p = 0; p < PARTITIONS; p++)
        if (s->m->expected[p] != RECORDS)
            return false;
    return true;
}

static bool keep_turning(void *ctx)
{
    const struct shuffle *s = ctx;
    return s->steps < STEPS;
}

static void test_no_record_is_skipped_or_repeated(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++)
        fixture_fill(f, p, 0, RECORDS);
    struct member *m = member_joined(f);
    const char *seed = getenv("TRUEFTP_TEST_SEED");
    struct shuffle s = {.m = m, .seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)clock_wall_ms()};
    print_message("seed %llu\n", (unsigned long long)s.seed);
    struct loop_turn *turn = loop_turn_new(f->loop, 0, keep_turning, &s);
    fixture_run(f, shuffled, &s, 60000);
    loop_turn_free(turn);
    assert_int_equal(m->out_of_range, 0);
    print_message("%d steps, %d starts, %lld records, %d assignments\n", s.steps, s.starts, (long long)total(m), m->assigns);
    member_leave(m);
    fixture_free(f);
}

/* -------- several members -------- */

static bool both_have_half(void *ctx)
{
    struct member **m = ctx;
    return m[0]->owned_count == 2 && m[1]->owned_count == 2 && kafka_group_joined(m[0]->group) && kafka_group_joined(m[1]->group);
}

static bool was_revoked(void *ctx)
{
    const struct member *m = ctx;
    return m->revokes > 0;
}

static void test_the_group_waits_for_a_revocation(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(4);
    for (int32_t p = 0; p < 4; p++)
        fixture_fill(f, p, 0, 20);
    struct member *m[2];
    m[0] = member_joined(f);
    assert_int_equal(m[0]->owned_count, 4);
    int32_t first_generation = m[0]->generation;
    assert_in_range(first_generation, 1, 1000); /* a byte order mistaken would show */
    assert_int_equal(kafka_group_generation(m[0]->group), first_generation);
    assert_true(m[0]->id[0] != '\0');
    for (int32_t p = 0; p < 4; p++)
        start(m[0], p, 0);
    fixture_run(f, at_end, m[0], 20000);

    m[0]->finish_revokes = false;
    m[1] = member_new(f);
    fixture_run(f, was_revoked, m[0], 20000);
    assert_int_equal(m[0]->lost, 0);
    fixture_pass(f, 1000);
    assert_int_equal(m[1]->assigns, 0); /* the group waits for us */
    commit(m[0], 20, "still mine");
    if (!f->mock) /* whose coordinator takes no commits while members join */
        assert_int_equal(m[0]->commits_ok, 1);
    kafka_group_revoke_done(m[0]->group);
    m[0]->finish_revokes = true;

    fixture_run(f, both_have_half, m, 30000);
    assert_true(m[0]->generation > first_generation);
    assert_int_equal(m[0]->generation, m[1]->generation);
    assert_string_not_equal(m[0]->id, m[1]->id);
    for (int p = 0; p < 4; p++)
        assert_true(m[0]->owned[p] != m[1]->owned[p]);
    for (int32_t p = 0; p < 4; p++)
        start(m[m[1]->owned[p] ? 1 : 0], p, 10);
    fixture_pass(f, 500);

    member_leave(m[1]);
    fixture_run(f, was_revoked, m[0], 20000);
    member_leave(m[0]);
    fixture_free(f);
}

static bool owns_all(void *ctx)
{
    const struct member *m = ctx;
    return m->assigns > 0 && m->owned_count == 4 && kafka_group_joined(m->group);
}

/* A rolling restart: told to end while it gives its partitions back. Leaving before they are given back would refuse its last
 * commits, and let the others begin while it still sends. */
static void test_closing_waits_for_the_revocation(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(4);
    struct member *m[2];
    m[0] = member_joined(f);
    m[0]->finish_revokes = false;
    m[1] = member_new(f);
    fixture_run(f, was_revoked, m[0], 20000);
    kafka_group_close(m[0]->group);
    fixture_pass(f, 1500);
    assert_false(kafka_group_closed(m[0]->group));
    assert_int_equal(m[1]->assigns, 0);
    assert_int_equal(kafka_group_generation(m[0]->group), m[0]->generation);
    commit(m[0], 3, "last");
    if (!f->mock) /* whose coordinator takes no commits while members join */
        assert_int_equal(m[0]->commits_ok, 1);
    m[0]->finish_revokes = true;
    kafka_group_revoke_done(m[0]->group);
    fixture_run(f, is_closed, m[0], 20000);
    member_kill(m[0]);
    fixture_run(f, owns_all, m[1], 30000);
    member_leave(m[1]);
    fixture_free(f);
}

static void test_a_member_that_dies_is_replaced(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(4);
    struct member *m[2];
    m[0] = member_joined(f);
    m[1] = member_new(f);
    fixture_run(f, both_have_half, m, 30000);
    int32_t generation = m[1]->generation;
    member_kill(m[0]); /* does not leave: its session must run out */
    fixture_run(f, owns_all, m[1], 40000);
    assert_true(m[1]->generation > generation);
    member_leave(m[1]);
    fixture_free(f);
}

/* -------- commits -------- */

struct answer {
    int calls;
    enum err err;
    struct kafka_committed first;
    char metadata[64];
};

static void on_committed(void *ctx, enum err err, const struct kafka_committed *committed, int count)
{
    struct answer *answer = ctx;
    answer->calls++;
    answer->err = err;
    if (count > 0) {
        answer->first = committed[0];
        snprintf(answer->metadata, sizeof answer->metadata, "%s", committed[0].metadata);
    }
}

static bool is_answered(void *ctx)
{
    const struct answer *answer = ctx;
    return answer->calls > 0;
}

static struct answer ask(struct fixture *f, struct kafka_admin *admin, int32_t partition)
{
    struct answer answer = {0};
    kafka_admin_committed(admin, f->group, f->topic, &partition, 1, on_committed, &answer);
    fixture_run(f, is_answered, &answer, 20000);
    assert_int_equal(answer.calls, 1);
    return answer;
}

static struct answer ask_committed(struct fixture *f, int32_t partition)
{
    struct kafka_admin *admin;
    struct errmsg why;
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    struct answer answer = ask(f, admin, partition);
    kafka_admin_free(admin);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.first.partition, partition);
    return answer;
}

/* The group's coordinator moves, does not answer, or hangs up while it is asked: an error for whoever asked, and nobody's end. */
static void test_committed_offsets_while_the_coordinator_moves(void **state)
{
    static const rd_kafka_resp_err_t injected[] = {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                                   RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                                   RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT};
    struct fixture *f = fixture_new(2);
    struct kafka_admin *admin;
    struct errmsg why;
    (void)state;
    assert_int_equal(kafka_admin_new(&f->options, &admin, &why), ERR_OK);
    for (size_t i = 0; i < sizeof injected / sizeof injected[0]; i++) {
        rd_kafka_mock_push_request_errors(f->mock, API_OFFSET_FETCH, 1, injected[i]);
        struct answer answer = ask(f, admin, 0);
        assert_true(answer.err == ERR_AGAIN || answer.err == ERR_OK); /* librdkafka asks again after some of them */
        assert_int_equal(ask(f, admin, 0).err, ERR_OK);
    }
    kafka_admin_free(admin);
    fixture_free(f);
}

static void test_commits_carry_metadata(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(2);
    struct answer answer = ask_committed(f, 0);
    assert_int_equal(answer.first.offset, -1);
    assert_string_equal(answer.metadata, "");

    struct member *m = member_new(f);
    commit(m, 1, NULL); /* not a member yet */
    assert_int_equal(m->commits_refused, 1);
    assert_int_equal(kafka_group_generation(m->group), -1);
    fixture_run(f, is_assigned, m, 30000);
    int64_t contact_ms = kafka_group_last_contact(m->group);
    fixture_pass(f, 20);
    commit(m, 42, "log=ab;low=7");
    assert_int_equal(m->commits_ok, 1);
    assert_true(kafka_group_last_contact(m->group) > contact_ms);
    commit(m, 42, "log=ab;low=8"); /* unchanged: its answer proves the membership */
    assert_int_equal(m->commits_ok, 1);
    answer = ask_committed(f, 0);
    assert_int_equal(answer.first.offset, 42);
    assert_string_equal(answer.metadata, "log=ab;low=8");

    m->commit_in_revoke = true;
    m->commits_ok = 0;
    member_leave(m);
    answer = ask_committed(f, 0);
    assert_int_equal(answer.first.offset, 5);
    assert_string_equal(answer.metadata, "last");
    fixture_free(f);
}

static void test_refused_commits(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t injected;
        int ok, refused;
        bool rejoins;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 0, 1, false},
        {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 0, 1, true},
        {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 0, 1, true},
        /* librdkafka finds the coordinator; then up to 2.2 it sends it again, later it leaves that to us. */
        {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, 0, false},
    };
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    struct member *m = member_joined(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        m->assigns = 0;
        rd_kafka_mock_push_request_errors(f->mock, API_COMMIT, 1, cases[i].injected);
        commit(m, 3, "x");
        assert_int_equal(m->commits_ok + m->commits_again, cases[i].ok);
        assert_int_equal(m->commits_refused, cases[i].refused);
        if (cases[i].rejoins)
            fixture_run(f, is_assigned, m, 30000);
    }
    member_leave(m);
    fixture_free(f);
}

/* -------- what is not read -------- */

static bool ten_unread(void *ctx)
{
    return kafka_group_unread(((const struct member *)ctx)->group) == 10;
}

static bool none_unread(void *ctx)
{
    return kafka_group_unread(((const struct member *)ctx)->group) == 0;
}

static void test_unread(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    struct member *m = member_joined(f);
    start(m, 0, 0);
    fixture_run(f, at_end, m, 20000);
    assert_int_equal(kafka_group_unread(m->group), 0);
    kafka_group_pause(m->group, 0);
    fixture_fill(f, 0, 0, 10);
    fixture_run(f, ten_unread, m, 20000);
    kafka_group_resume(m->group, 0);
    fixture_run(f, none_unread, m, 20000);
    assert_int_equal(m->records[0], 10);
    member_leave(m);
    fixture_free(f);
}

/* -------- faults -------- */

static bool assigned_again(void *ctx)
{
    const struct member *m = ctx;
    return m->assigns >= 2;
}

static void test_lost_membership(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    struct member *m = member_joined(f);
    start(m, 0, 0);
    fixture_run(f, at_end, m, 20000);
    rd_kafka_mock_push_request_errors(f->mock, API_HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    fixture_run(f, assigned_again, m, 30000);
    assert_int_equal(m->lost, 1);
    assert_string_equal(kafka_group_fatal(m->group), "");
    fixture_fill(f, 0, 0, 10);
    start(m, 0, 0);
    fixture_run(f, at_end, m, 20000);
    assert_int_equal(m->records[0], 10);
    member_leave(m);
    fixture_free(f);
}

static void test_brokers_away_and_leaders_moved(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(1);
    if (!f->mock) {
        fixture_free(f);
        skip();
    }
    fixture_fill(f, 0, 0, 3000);
    struct member *m = member_joined(f);
    start(m, 0, 0);
    for (int i = 0; i < 6; i++) {
        fixture_pass(f, 50);
        rd_kafka_mock_partition_set_leader(f->mock, f->topic, 0, i % 3 + 1);
        rd_kafka_mock_push_request_errors(f->mock, API_FETCH, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                          RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    }
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(f->mock, broker);
    fixture_pass(f, 500);
    loop_take_longest_turn_ms(f->loop);
    struct kafka_commit c = {0, 1, ""};
    kafka_group_commit(m->group, &c, 1);
    kafka_group_pause(m->group, 0);
    kafka_group_resume(m->group, 0);
    start(m, 0, 1000);
    fixture_pass(f, 500);
    assert_in_range(loop_take_longest_turn_ms(f->loop), 0, 100); /* none of it waits for a broker */
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_up(f->mock, broker);
    fixture_run(f, at_end, m, 30000);
    assert_int_equal(m->end[0], 3000);
    fixture_run(f, commit_answered, m, 30000);
    assert_int_equal(m->out_of_range, 0);
    member_leave(m);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begins_exactly_where_told),
        cmocka_unit_test(test_yields),
        cmocka_unit_test(test_goes_on_at_the_earliest_when_out_of_range),
        cmocka_unit_test(test_empty_log_shorter_than_the_position),
        cmocka_unit_test(test_no_record_is_skipped_or_repeated),
        cmocka_unit_test(test_the_group_waits_for_a_revocation),
        cmocka_unit_test(test_closing_waits_for_the_revocation),
        cmocka_unit_test(test_a_member_that_dies_is_replaced),
        cmocka_unit_test(test_commits_carry_metadata),
        cmocka_unit_test(test_committed_offsets_while_the_coordinator_moves),
        cmocka_unit_test(test_refused_commits),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_lost_membership),
        cmocka_unit_test(test_brokers_away_and_leaders_moved),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
