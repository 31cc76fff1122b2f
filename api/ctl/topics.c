/* topics ensure: makes what is missing and says what differs. What exists is never changed: settings of a live topic are the
 * operator's to change, and adding partitions would send an account's events elsewhere. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/command.h"
#include "ctl/kafka_sync.h"
#include "util/clock.h"

#define MAX_SETTINGS 16
#define DEFAULT_REPLICAS 3
#define DEV_DESCRIBE_MS 3000
#define READY_POLL_MS 50

struct args {
    int64_t partitions, replication_factor;
    const char *pool;
    bool dry_run;
};

static const struct opt options[] = {
    {"partitions", OPT_INT, "N", "partitions of each topic (default 24)", offsetof(struct args, partitions), 1, 10000,
     TOPICS_DEFAULT_PARTITIONS},
    {"replication-factor", OPT_INT, "N", "copies of each partition (default 3; with TRUEFTP_DEV=1 at most the brokers there are)",
     offsetof(struct args, replication_factor), 1, 100, 0},
    {"pool", OPT_TEXT, "P", "events and deliveries of this pool instead of the shared one", offsetof(struct args, pool), 0, 0, 0},
    {"dry-run", OPT_FLAG, NULL, "make nothing; what is missing counts as a difference", offsetof(struct args, dry_run), 0, 0, 0},
};

/* One run of the command. */
struct ensure {
    struct ctl *ctl;
    const struct args *args;
    int brokers, replicas;
    bool undescribed; /* the broker does not tell settings */
    int differences;
};

/* What one topic should be. */
struct wanted {
    char name[TOPIC_NAME_SIZE];
    struct topic_setting settings[MAX_SETTINGS + 1];
    bool seen[MAX_SETTINGS]; /* the broker told this setting */
};

static void want(const struct ensure *e, enum topic topic, struct wanted *w)
{
    size_t n = 0;
    *w = (struct wanted){0};
    topic_name(topic, e->ctl->settings.common.topic_prefix, e->args->pool, w->name);
    for (const struct topic_setting *s = topic_settings(topic); s->name; s++) {
        check(n + 1 < MAX_SETTINGS);
        w->settings[n++] = *s;
    }
    w->settings[n] = (struct topic_setting){"min.insync.replicas", e->replicas >= 3 ? "2" : "1"};
}

static bool has_word(const char *list, const char *word, size_t len)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, word, len) == 0) {
            return true;
        }
        list += n + (list[n] == ',');
    }
    return false;
}

/* Lists in any order, numbers in any writing. */
static bool same_value(const char *a, const char *b)
{
    char *end_a = NULL, *end_b = NULL;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    if (end_a != a && end_b != b && *end_a == '\0' && *end_b == '\0') {
        return x == y;
    }
    if (strlen(a) != strlen(b)) {
        return false;
    }
    for (const char *p = a; *p;) {
        size_t n = strcspn(p, ",");
        if (!has_word(b, p, n)) {
            return false;
        }
        p += n + (p[n] == ',');
    }
    return true;
}

static void differs(struct ensure *e, const char *topic, const char *what, const char *expected, const char *actual)
{
    e->differences++;
    (void)printf("%s: %s: expected %s, actual %s\n", topic, what, expected, actual);
}

static void differs_number(struct ensure *e, const char *topic, const char *what, int64_t expected, int64_t actual)
{
    if (expected != actual) {
        char a[24], b[24];
        (void)snprintf(a, sizeof a, "%lld", (long long)expected);
        (void)snprintf(b, sizeof b, "%lld", (long long)actual);
        differs(e, topic, what, a, b);
    }
}

struct comparison {
    struct ensure *ensure;
    struct wanted *wanted;
};

static void compare_setting(void *ctx, const char *name, const char *value)
{
    struct comparison *c = ctx;
    for (size_t i = 0; c->wanted->settings[i].name; i++) {
        const struct topic_setting *s = &c->wanted->settings[i];
        if (strcmp(s->name, name) == 0) {
            c->wanted->seen[i] = true;
            if (!same_value(s->value, value)) {
                differs(c->ensure, c->wanted->name, name, s->value, value);
            }
        }
    }
}

/* In development a broker may be one that tells no settings; once it did not, it is not asked again. */
static enum err compare_settings(struct ensure *e, struct wanted *w, struct errmsg *why)
{
    bool dev = e->ctl->settings.common.dev;
    int64_t wait_ms = dev && e->ctl->timeout_ms > DEV_DESCRIBE_MS ? DEV_DESCRIBE_MS : e->ctl->timeout_ms;
    struct comparison c = {e, w};
    struct errmsg inner;
    if (e->undescribed) {
        return ERR_OK;
    }
    enum err err = kafka_sync_describe(e->ctl->kafka, w->name, wait_ms, compare_setting, &c, &inner);
    if (err != ERR_OK && dev) {
        e->undescribed = true;
        ctl_warn("the broker tells no topic settings, so they were not compared (accepted by TRUEFTP_DEV=1)");
        return ERR_OK;
    }
    if (err != ERR_OK) { /* the broker has just answered another question: it is there, but this it does not serve */
        return errmsg_set(why, ERR_REFUSED, "cannot compare settings: the broker does not tell them: %.300s", inner.text);
    }
    for (size_t i = 0; w->settings[i].name; i++) {
        if (!w->seen[i]) {
            differs(e, w->name, w->settings[i].name, w->settings[i].value, "unknown to the broker");
        }
    }
    return ERR_OK;
}

static enum err compare(struct ensure *e, struct wanted *w, const struct kafka_sync_topic *t, struct errmsg *why)
{
    int before = e->differences;
    differs_number(e, w->name, "partitions", e->args->partitions, t->partitions);
    differs_number(e, w->name, "replication factor", e->replicas, t->replication_factor);
    enum err err = compare_settings(e, w, why);
    if (err == ERR_OK && e->differences == before) {
        (void)printf("%s: %s\n", w->name, e->undescribed ? "there, settings unknown" : "as wanted");
    }
    return err;
}

/* A topic just made has no leaders for a moment; whoever writes next should not meet that. */
static enum err wait_until_ready(struct ensure *e, const char *name, struct errmsg *why)
{
    int64_t deadline_ms = clock_mono_ms() + e->ctl->timeout_ms;
    struct timespec pause = {.tv_sec = 0, .tv_nsec = READY_POLL_MS * 1000000L};
    for (;;) {
        struct kafka_sync_topic t = {0};
        enum err err = kafka_sync_topic(e->ctl->kafka, name, &t, why);
        if ((err == ERR_OK && t.ready && t.partitions == e->args->partitions) || (err != ERR_OK && err != ERR_NOT_FOUND)) {
            return err;
        }
        if (clock_mono_ms() > deadline_ms) {
            return errmsg_set(why, ERR_AGAIN, "%s was made, but has no leaders yet after %lld s", name,
                              (long long)e->ctl->timeout_ms / 1000);
        }
        (void)nanosleep(&pause, NULL);
    }
}

static enum err check_brokers(const struct ensure *e, const char *name, struct errmsg *why)
{
    if (e->replicas <= e->brokers) {
        return ERR_OK;
    }
    return errmsg_set(why, ERR_INVALID, "cannot create %s: replication factor %d needs as many brokers, the cluster has %d%s",
                      name, e->replicas, e->brokers, e->args->replication_factor == 0 ? " (TRUEFTP_DEV=1 accepts fewer)" : "");
}

static enum err make(struct ensure *e, const struct wanted *w, struct errmsg *why)
{
    enum err err = check_brokers(e, w->name, why);
    if (err == ERR_OK) {
        err =
            kafka_sync_create(e->ctl->kafka, w->name, (int)e->args->partitions, e->replicas, w->settings, e->args->dry_run, why);
    }
    if (err == ERR_AGAIN) { /* it has just answered another question: it is there, but this it may not serve */
        struct errmsg inner = *why;
        return errmsg_set(why, ERR_REFUSED, "%.350s; it may be a broker that makes no topics on request", inner.text);
    }
    if (err == ERR_OK && !e->args->dry_run) {
        err = wait_until_ready(e, w->name, why);
    }
    if (err == ERR_OK) {
        e->differences += e->args->dry_run;
        (void)printf("%s: %s (%lld partitions, replication factor %d)\n", w->name,
                     e->args->dry_run ? "missing, would be created" : "created", (long long)e->args->partitions, e->replicas);
    }
    return err;
}

static enum err ensure_topic(struct ensure *e, enum topic topic, struct errmsg *why)
{
    struct wanted w;
    struct kafka_sync_topic t;
    want(e, topic, &w);
    enum err err = kafka_sync_topic(e->ctl->kafka, w.name, &t, why);
    if (err == ERR_NOT_FOUND) {
        err = make(e, &w, why);
        if (err != ERR_EXISTS) {
            return err;
        }
        err = kafka_sync_topic(e->ctl->kafka, w.name, &t, why); /* somebody else was faster */
    }
    return err == ERR_OK ? compare(e, &w, &t, why) : err;
}

static enum err choose_replicas(struct ensure *e, struct errmsg *why)
{
    enum err err = kafka_sync_brokers(e->ctl->kafka, &e->brokers, why);
    e->replicas = e->args->replication_factor > 0 ? (int)e->args->replication_factor : DEFAULT_REPLICAS;
    if (e->args->replication_factor == 0 && e->ctl->settings.common.dev && e->brokers < e->replicas) {
        e->replicas = e->brokers;
    }
    return err;
}

static int ensure(struct ctl *ctl, const void *args)
{
    struct ensure e = {.ctl = ctl, .args = args};
    struct errmsg why;
    if (e.args->pool && *e.args->pool && !topic_pool_valid(e.args->pool)) {
        return ctl_usage("--pool: must be 1-32 of [a-z0-9-], and not \"dlq\"");
    }
    if (!topic_prefix_valid(ctl->settings.common.topic_prefix)) {
        return ctl_usage("TRUEFTP_TOPIC_PREFIX: not a topic prefix: %.64s", ctl->settings.common.topic_prefix);
    }
    enum err err = choose_replicas(&e, &why);
    for (int topic = 0; topic < TOPIC_COUNT && err == ERR_OK; topic++) {
        err = ensure_topic(&e, (enum topic)topic, &why);
    }
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    return e.differences > 0 ? CTL_DRIFT : CTL_OK;
}

const struct command command_topics_ensure = {
    .group = "topics",
    .name = "ensure",
    .help = "Creates the topics that are missing, and reports what differs in those there are.\n"
            "Exit status 0 when all is as wanted, 3 when something differs. An existing topic is never changed.",
    .needs = COMMAND_SETTINGS | COMMAND_KAFKA,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = ensure,
};
