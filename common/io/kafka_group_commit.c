/* Commits of a group's member: explicit offsets with metadata, answered on the loop.
 *
 * An answer of ERR_OK proves the membership: that is what the caller's fencing rests on. So commits outside a membership are
 * refused here, and an answer that came under another generation than the commit was made in counts as a refusal. */
#include <stdlib.h>
#include <string.h>

#include "io/kafka_group.h"
#include "util/mem.h"

static enum err commit_outcome(rd_kafka_resp_err_t err)
{
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
        return ERR_REFUSED;
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        return ERR_TOO_BIG;
    default:
        return ERR_AGAIN;
    }
}

/* A commit outside a membership would be taken as one of no member at all, and accepted when the group is empty. */
static void refuse(struct kafka_group *g, const struct kafka_commit *commits, int count)
{
    for (int i = 0; i < count; i++) {
        struct refusal *r = mem_alloc(sizeof *r);
        *r = (struct refusal){.partition = commits[i].partition, .offset = commits[i].offset};
        STAILQ_INSERT_TAIL(&g->refusals, r, link);
    }
    kafka_client_kick(&g->client);
}

void kafka_group_commit(struct kafka_group *g, const struct kafka_commit *commits, int count)
{
    int32_t generation = kafka_group_generation(g);
    if (count == 0)
        return;
    if (generation < 0) {
        refuse(g, commits, count);
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, g->options.topic, commits[i].partition);
        at->offset = commits[i].offset;
        size_t size = commits[i].metadata ? strlen(commits[i].metadata) : 0;
        if (size > 0) { /* freed with the list, by librdkafka's free */
            at->metadata = rd_kafka_mem_malloc(g->client.rk, size);
            memcpy(at->metadata, commits[i].metadata, size);
            at->metadata_size = size;
        }
    }
    struct commit_ticket *ticket = mem_alloc(sizeof *ticket);
    *ticket = (struct commit_ticket){.generation = generation, .sent_ms = loop_now(g->client.loop)};
    LIST_INSERT_HEAD(&g->tickets, ticket, link);
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(g->client.rk, list, g->answers, NULL, ticket);
    check(err == RD_KAFKA_RESP_ERR_NO_ERROR); /* fails only on a handle without a group */
    rd_kafka_topic_partition_list_destroy(list);
}

/* librdkafka keeps a commit while the coordinator is away and sends it later, maybe as a member of a later generation: such a one
 * says nothing about the membership it was meant to prove. */
void kafka_group_committed(struct kafka_group *g, rd_kafka_event_t *ev)
{
    struct commit_ticket *ticket = rd_kafka_event_opaque(ev);
    const struct commit_ticket sent = *ticket;
    LIST_REMOVE(ticket, link);
    free(ticket);
    bool same_member = kafka_group_generation(g) == sent.generation;
    rd_kafka_resp_err_t whole = rd_kafka_event_error(ev);
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        enum err err = commit_outcome(at->err ? at->err : whole);
        if (err == ERR_OK && !same_member)
            err = ERR_REFUSED;
        if (err == ERR_OK && sent.sent_ms > g->contact_ms)
            g->contact_ms = sent.sent_ms;
        g->options.on_commit(g->options.ctx, at->partition, at->offset, err);
    }
}

void kafka_group_answer_refusals(struct kafka_group *g)
{
    STAILQ_HEAD(, refusal) now = STAILQ_HEAD_INITIALIZER(now);
    STAILQ_CONCAT(&now, &g->refusals); /* the callback may add to them */
    struct refusal *r;
    while ((r = STAILQ_FIRST(&now))) {
        STAILQ_REMOVE_HEAD(&now, link);
        g->options.on_commit(g->options.ctx, r->partition, r->offset, ERR_REFUSED);
        free(r);
    }
}

void kafka_group_commits_init(struct kafka_group *g)
{
    LIST_INIT(&g->tickets);
    STAILQ_INIT(&g->refusals);
}

void kafka_group_commits_done(struct kafka_group *g)
{
    struct commit_ticket *ticket;
    while ((ticket = LIST_FIRST(&g->tickets))) {
        LIST_REMOVE(ticket, link);
        free(ticket);
    }
    struct refusal *r;
    while ((r = STAILQ_FIRST(&g->refusals))) {
        STAILQ_REMOVE_HEAD(&g->refusals, link);
        free(r);
    }
}
