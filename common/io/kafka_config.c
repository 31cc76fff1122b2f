/* The configuration of a librdkafka handle. What the delivery protocol rests on is pinned: set last, and refused in the
 * operator's file with the line it stands on, under librdkafka's alternative names too. Values are never printed, since
 * the file may hold passwords. */
#include <stdlib.h>
#include <string.h>

#include "io/kafka_internal.h"
#include "util/file.h"
#include "util/mem.h"

#define CONFIG_FILE_MAX_BYTES (256 * 1024)

/* Names a file may not set. */
static const char *const pinned_names[] = {
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "transactional.id",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "retries",
    "message.send.max.retries",
    "delivery.report.only.error",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
    "partition.assignment.strategy",
    "isolation.level",
    "log.queue",
    "enabled_events",
};

static const struct kafka_property common_defaults[] = {
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "15000"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "1000"}, /* a broker that restarts is found again within a second */
    {"topic.metadata.refresh.fast.interval.ms", "100"},
    {NULL, NULL},
};

static void set_own(rd_kafka_conf_t *conf, const struct kafka_property *list)
{
    char text[256];
    for (const struct kafka_property *p = list; p->name; p++)
        check(rd_kafka_conf_set(conf, p->name, p->value, text, sizeof text) == RD_KAFKA_CONF_OK);
}

static enum err set_named(rd_kafka_conf_t *conf, const char *name, const char *value, struct errmsg *why)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        return errmsg_set(why, ERR_INVALID, "kafka: %s: %s", name, text);
    return ERR_OK;
}

static bool is_pinned(const char *name)
{
    for (size_t i = 0; i < sizeof pinned_names / sizeof *pinned_names; i++)
        if (strcmp(pinned_names[i], name) == 0)
            return true;
    return false;
}

static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    for (size_t n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

/* line is changed in place. */
static enum err apply_line(rd_kafka_conf_t *conf, char *line, const char *path, int number, struct errmsg *why)
{
    char *name = trim(line);
    if (*name == '\0' || *name == '#')
        return ERR_OK;
    char *equals = strchr(name, '=');
    if (!equals)
        return errmsg_set(why, ERR_INVALID, "%s:%d: not of the form name=value", path, number);
    *equals = '\0';
    name = trim(name);
    if (is_pinned(name))
        return errmsg_set(why, ERR_INVALID, "%s:%d: %s is set by the program and cannot be changed", path, number, name);
    char text[256];
    switch (rd_kafka_conf_set(conf, name, trim(equals + 1), text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return ERR_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return errmsg_set(why, ERR_INVALID, "%s:%d: no such librdkafka property: %s", path, number, name);
    default:
        return errmsg_set(why, ERR_INVALID, "%s:%d: the value of %s is not accepted", path, number, name);
    }
}

static enum err apply_file(rd_kafka_conf_t *conf, const char *path, struct errmsg *why)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX_BYTES);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK && text.len > 0) {
        if (strlen(text.p) != text.len)
            err = errmsg_set(why, ERR_INVALID, "%s: holds a NUL byte", path);
        int number = 1;
        char *rest = text.p, *line;
        while (err == ERR_OK && (line = strsep(&rest, "\n")))
            err = apply_line(conf, line, path, number++, why);
    }
    buf_done(&text);
    return err;
}

enum err kafka_conf_new(const struct kafka_options *k, const struct kafka_property *tunable, const struct kafka_property *pinned,
                        rd_kafka_conf_t **out, struct errmsg *why)
{
    if (!k->brokers || !*k->brokers)
        return errmsg_set(why, ERR_INVALID, "kafka: no brokers are named");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_own(conf, common_defaults);
    set_own(conf, tunable);
    enum err err = k->config_file && *k->config_file ? apply_file(conf, k->config_file, why) : ERR_OK;
    if (err == ERR_OK)
        err = set_named(conf, "bootstrap.servers", k->brokers, why);
    if (err == ERR_OK && k->client_id && *k->client_id)
        err = set_named(conf, "client.id", k->client_id, why);
    if (err != ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    set_own(conf, pinned);
    *out = conf;
    return ERR_OK;
}
