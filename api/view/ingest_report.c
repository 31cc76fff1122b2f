/* What an ingest says of itself: how far it is, and its counters. */
#include "view/ingest_internal.h"

/* -------- how far it is -------- */

static int64_t lag_records(const struct ingest *in)
{
    const struct source *src;
    int64_t records = 0;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        int64_t end = kafka_reader_known_end(in->reader, src->topic, src->partition);
        records += end > src->at.next ? end - src->at.next : 0;
    }
    return records;
}

/* Every event logged since then was read: the latest of the partitions' first records that were not their topic's very first. */
static int64_t complete_since(const struct ingest *in)
{
    const struct source *src;
    int64_t since = 0;
    TAILQ_FOREACH(src, &in->sources.list, link) {
        if (src->kind == TOPIC_EVENTS && src->at.first_offset > 0 && src->at.first_wall_ms > since) {
            since = src->at.first_wall_ms;
        }
    }
    return since;
}

struct report_state ingest_state(const struct ingest *in)
{
    return (struct report_state){.complete = in->complete,
                                 .files = in->files,
                                 .lag_records = lag_records(in),
                                 .complete_since_wall_ms = complete_since(in),
                                 .events_until_wall_ms = horizon_events_wall_ms(in->horizon),
                                 .all_until_wall_ms = horizon_all_wall_ms(in->horizon)};
}

/* -------- counters -------- */

void ingest_add_metrics(struct ingest *in, struct metrics *m)
{
    static const struct {
        enum topic kind;
        const char *label;
    } kinds[] = {{TOPIC_DELIVERIES, "topic=\"deliveries\""},
                 {TOPIC_EVENTS, "topic=\"events\""},
                 {TOPIC_WEBHOOKS, "topic=\"webhooks\""},
                 {TOPIC_AUDIT, "topic=\"audit\""}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        in->records[kinds[i].kind] = metrics_counter(m, "trueftp_api_view_records_total", "Records read", kinds[i].label);
        in->useless[kinds[i].kind] = metrics_counter(m, "trueftp_api_view_unusable_records_total",
                                                     "Records that were not understood and left out", kinds[i].label);
    }
    in->commits = metrics_counter(m, "trueftp_api_view_commits_total", "Transactions of the view", NULL);
    in->store_errors = metrics_counter(m, "trueftp_api_view_store_errors_total", "Failures of the view's file", NULL);
    in->rebuilds = metrics_counter(m, "trueftp_api_view_rebuilds_total", "Times the view's file was made anew", NULL);
    in->prune.deliveries_removed =
        metrics_counter(m, "trueftp_api_view_pruned_total", "Rows removed by the view's limits", "table=\"deliveries\"");
    in->prune.events_removed =
        metrics_counter(m, "trueftp_api_view_pruned_total", "Rows removed by the view's limits", "table=\"events\"");
}
