/* The delivery log of a partition: what lands there, compaction at any moment, retention from the front, and the log deleted and
 * made anew. */
#include <inttypes.h>

#include "sim.h"

#define HOLE_PERMILLE 5  /* an offset where no record stands */
#define MIN_LAG_MS 60000 /* min.compaction.lag.ms, where there is one */
#define RETAIN_MS 120000

struct srec *slog_last(struct slog *log, int d)
{
    for (int i = log->count - 1; i >= 0; i--)
        if (log->recs[i].d == d)
            return &log->recs[i];
    return NULL;
}

const struct srec **slog_lasts(const struct slog *log, int ghosts)
{
    const struct srec **lasts = mem_zalloc((size_t)ghosts * sizeof *lasts);
    for (int i = 0; i < log->count; i++)
        if (log->recs[i].d >= 0)
            lasts[log->recs[i].d] = &log->recs[i];
    return lasts;
}

static void read_claim(struct sim *s, int no, const struct ev *e)
{
    struct claim claim;
    require(s, claim_parse(e->value, &claim, NULL) == ERR_OK, "a claim that cannot be read");
    say(s, "  log p%d @%" PRId64 " claim life %" PRId64 " generation %" PRId64 " by %s", no, s->parts[no].log.end, claim.life,
        claim.generation, e->w ? "a living worker" : "a dead worker");
}

static void read_delivery(struct sim *s, int no, const struct ev *e, struct srec *r)
{
    struct delivery dl;
    struct buf scratch;
    struct errmsg why;
    buf_init(&scratch, 4 * 1024 * 1024);
    require(s, delivery_parse(e->value, &scratch, &dl, &why) == ERR_OK, "a record that cannot be read: %s", why.text);
    r->d = ghost_find(s, &dl.id)->number;
    r->rank = (struct delivery_rank){dl.status, dl.attempt, dl.revision};
    r->event_offset = dl.event_offset;
    say(s, "  log p%d @%" PRId64 " d%d %s attempt %d revision %" PRId64 "%s", no, r->offset, r->d,
        delivery_status_name(dl.status), dl.attempt, dl.revision, e->job ? "" : " (repair, or its writer is gone)");
    check_record(s, r, &dl, e);
    buf_done(&scratch);
}

static int64_t append(struct slog *log, struct srec r)
{
    if (log->count == log->cap) {
        log->cap = log->cap ? log->cap * 2 : 64;
        log->recs = mem_array(log->recs, (size_t)log->cap, sizeof *log->recs);
    }
    log->recs[log->count++] = r;
    log->end = r.offset + 1;
    return r.offset;
}

int64_t slog_land(struct sim *s, int no, struct ev *e)
{
    struct slog *log = &s->parts[no].log;
    struct srec r = {.offset = log->end, .landed_ms = s->now_ms, .d = SREC_CLAIM, .key = e->key, .value = e->value};
    if (chance(s, HOLE_PERMILLE))
        r.offset++;
    if (slice_eq(e->key, SLICE(CLAIM_KEY)))
        read_claim(s, no, e);
    else
        read_delivery(s, no, e, &r);
    return append(log, r);
}

void slog_foreign(struct sim *s, int no)
{
    static const char *const keys[] = {"!other", "not a uuid", "", "9b2f6c80-0000-4000-8000-000000000000"};
    static const char *const values[] = {NULL, "", "{\"schema\":\"trueftp.delivery/9\"}", "no JSON"};
    struct slog *log = &s->parts[no].log;
    struct srec r = {.offset = log->end, .landed_ms = s->now_ms, .d = SREC_FOREIGN};
    r.key = slice_str(keys[rnd(s, 0, 3)]);
    r.value = slice_str(values[rnd(s, 0, 3)]);
    say(s, "  log p%d @%" PRId64 " foreign", no, append(log, r));
}

/* A later record of the same key stands in the log. */
static bool superseded(const struct slog *log, int i)
{
    for (int j = i + 1; j < log->count; j++)
        if (log->recs[j].d == log->recs[i].d)
            return true;
    return false;
}

static void compacted_away(struct sim *s, const struct slog *log, int i)
{
    const struct srec *r = &log->recs[i];
    if (r->d < 0)
        return;
    for (int j = 0; j < log->count; j++)
        if (j != i && log->recs[j].offset >= 0 && log->recs[j].d == r->d &&
            delivery_rank_compare(log->recs[j].rank, r->rank) >= 0)
            return;
    s->ghosts[r->d].truth_lost = true;
    s->ghosts[r->d].extra++;
}

void slog_compact(struct sim *s, int no)
{
    struct slog *log = &s->parts[no].log;
    int kept = 0, from = log->count;
    for (int i = 0; i < from; i++) {
        bool young = !s->plan.compact_at_once && s->now_ms - log->recs[i].landed_ms < MIN_LAG_MS;
        if (young || !superseded(log, i))
            continue;
        compacted_away(s, log, i);
        log->recs[i].offset = -1;
    }
    for (int i = 0; i < from; i++)
        if (log->recs[i].offset >= 0)
            log->recs[kept++] = log->recs[i];
    log->count = kept;
    say(s, "compaction p%d: %d of %d records left", no, kept, from);
}

/* Retention asks nobody. It is far longer than events live, so what is not committed is younger; and what is open has been
 * written again in time. */
void slog_retain(struct sim *s, int no)
{
    struct sim_part *part = &s->parts[no];
    struct slog *log = &part->log;
    int gone = 0;
    while (gone < log->count) {
        const struct srec *r = &log->recs[gone];
        bool old = s->now_ms - r->landed_ms >= RETAIN_MS;
        bool last = r->d >= 0 && !superseded(log, gone);
        if ((r->d >= 0 && !old) || (last && s->ghosts[r->d].last_event_offset >= part->committed))
            break;
        /* A crowd of suspects waits for its turn without being written again: in truth retention is a month. */
        bool suspect = last && part->ix.entries[r->d].tries >= SUSPECT_TRIES;
        require(s, !last || !delivery_is_open(r->rank.status) || s->ghosts[r->d].excused || suspect,
                "p%d: retention takes the last record of d%d, which is open", no, r->d);
        gone++;
    }
    if (gone == 0)
        return;
    log->start = gone < log->count ? log->recs[gone].offset : log->end;
    memmove(log->recs, log->recs + gone, (size_t)(log->count - gone) * sizeof *log->recs);
    log->count -= gone;
    say(s, "retention p%d: starts at %" PRId64 " now", no, log->start);
}

void slog_recreate(struct sim *s, int no)
{
    struct slog *log = &s->parts[no].log;
    for (int i = 0; i < s->ghost_count; i++)
        if (s->ghosts[i].part == no && s->ghosts[i].recorded)
            s->ghosts[i].excused = true;
    s->recreated = true;
    log->count = 0;
    log->start = log->end = 0;
    log->remade++;
}
