#include "producer/pools.h"

#include <stdlib.h>

#include "model/account.h"
#include "model/topics.h"
#include "util/log.h"
#include "util/mem.h"

#define ASK_AGAIN_MS 1000
#define REFRESH_MS (60 * 1000) /* a topic that was not there; more partitions of one that is */
#define FETCH_WAIT_MS 100
#define POLL_BOUND 512

struct pools {
    struct pools_options o;
    char topic[TOPIC_NAME_SIZE];
    struct kafka_options kafka;
    struct kafka_reader *reader; /* NULL: not begun */
    struct loop_timer *ask;
    bool *ended; /* of each partition that is read */
    int32_t partitions;
    bool ready;
};

static void set_ready(struct pools *p)
{
    if (p->ready)
        return;
    p->ready = true;
    p->o.changed(p->o.ctx);
}

static void on_record(void *ctx, const struct kafka_record *rec)
{
    struct pools *p = ctx;
    struct account *account = NULL;
    struct errmsg why;
    if (!account_id_valid(rec->key))
        return;
    if (!rec->tombstone && account_parse(rec->value, &account, &why) != ERR_OK) {
        log_warn("account_not_understood", LOG_SLICE("account", rec->key), LOG_STR("message", why.text));
        return; /* what was known of it stays */
    }
    if (routes_set_pool(p->o.routes, rec->key, account ? account->pool : "") && p->ready)
        p->o.changed(p->o.ctx);
    account_free(account);
}

static void on_end(void *ctx, const char *topic, int32_t partition, int64_t end)
{
    struct pools *p = ctx;
    (void)topic;
    (void)end;
    p->ended[partition] = true;
    for (int32_t i = 0; i < p->partitions; i++) {
        if (!p->ended[i])
            return;
    }
    set_ready(p);
}

static enum err begin(struct pools *p)
{
    struct kafka_reader_options o = {
        .on_record = on_record, .on_end = on_end, .ctx = p, .fetch_wait_ms = FETCH_WAIT_MS, .poll_bound = POLL_BOUND};
    struct errmsg why;
    enum err err = p->reader ? ERR_OK : kafka_reader_new(&p->kafka, &o, &p->reader, &why);
    if (err != ERR_OK)
        log_error("accounts_not_read", LOG_STR("message", why.text));
    return err;
}

static void on_partitions(void *ctx, enum err err, int32_t count)
{
    struct pools *p = ctx;
    if (err == ERR_OK && count > p->partitions)
        err = begin(p);
    if (err == ERR_OK && count > p->partitions) {
        p->ended = mem_array(p->ended, (size_t)count, sizeof(*p->ended));
        int32_t first = p->partitions;
        p->partitions = count;
        for (int32_t i = first; i < count; i++) {
            p->ended[i] = false;
            kafka_reader_start(p->reader, p->topic, i, 0);
        }
    }
    if (err == ERR_NOT_FOUND && p->partitions == 0)
        set_ready(p); /* nobody has a pool */
    loop_timer_arm(p->ask, err == ERR_OK || err == ERR_NOT_FOUND ? REFRESH_MS : ASK_AGAIN_MS);
}

static void on_ask(void *ctx)
{
    struct pools *p = ctx;
    kafka_admin_partitions(p->o.admin, p->topic, on_partitions, p);
}

struct pools *pools_new(const struct pools_options *o)
{
    struct pools *p = mem_zalloc(sizeof(*p));
    p->o = *o;
    p->kafka = *o->kafka;
    topic_name(TOPIC_ACCOUNTS, o->topic_prefix, NULL, p->topic);
    p->o.topic_prefix = NULL;
    p->ask = loop_timer_new(p->kafka.loop, on_ask, p);
    loop_timer_arm(p->ask, 0);
    return p;
}

void pools_free(struct pools *p)
{
    if (!p)
        return;
    kafka_reader_free(p->reader);
    loop_timer_free(p->ask);
    free(p->ended);
    free(p);
}

bool pools_ready(const struct pools *p)
{
    return p->ready;
}
