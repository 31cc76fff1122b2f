/* What the benchmarks put into Kafka, as fast as it takes it.
 *
 *     bench_feed define BROKERS PREFIX KEY-FILE ACCOUNTS HOOKS PORT   accounts, each with so many webhooks
 *     bench_feed events BROKERS PREFIX PARTITIONS ACCOUNTS COUNT      events, the accounts taking turns
 *
 * The i-th webhook of all goes to http://127.x.y.z:PORT/hook, each to an address of its own. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/account.h"
#include "model/partition.h"
#include "model/sealed.h"
#include "model/webhook.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/mem.h"

static rd_kafka_t *producer;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    (void)rk, (void)opaque;
    if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    fprintf(stderr, "bench_feed: %s\n", rd_kafka_err2str(msg->err));
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

static void open_producer(const char *brokers)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "linger.ms", "20");
    set(conf, "batch.num.messages", "1000");
    set(conf, "queue.buffering.max.messages", "1000000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    check(producer != NULL);
}

static void put(const char *topic, int32_t partition, const char *key, struct slice value)
{
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, strlen(key)),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        check(err == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        rd_kafka_poll(producer, 50);
    }
    rd_kafka_poll(producer, 0);
}

static void put_account(const char *topic, const char *id)
{
    struct buf json;
    struct account *a = account_new();
    free(a->id);
    free(a->plan);
    a->id = mem_strdup(id);
    a->plan = mem_strdup("paid");
    a->version = 1;
    buf_init(&json, 65536);
    account_write(&json, a);
    put(topic, RD_KAFKA_PARTITION_UA, id, buf_slice(&json));
    buf_done(&json);
    account_free(a);
}

static void set_text(char **member, const char *text)
{
    free(*member);
    *member = mem_strdup(text);
}

static void put_webhook(const char *topic, const struct keyring *k, const char *account, int i, const char *port)
{
    char id[40], url[80];
    struct buf json, sealed;
    struct webhook *wh = webhook_new();
    snprintf(id, sizeof id, "wh_%032d", i);
    snprintf(url, sizeof url, "http://127.%d.%d.%d:%s/hook", 1 + i / 62500, i / 250 % 250, 1 + i % 250, port);
    buf_init(&sealed, 4096);
    check(sealed_seal(k, slice_str(account), slice_str(id), 1, SLICE("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
                      &sealed) == ERR_OK);
    set_text(&wh->id, id);
    set_text(&wh->account_id, account);
    set_text(&wh->url, url);
    wh->all_events = wh->enabled = true;
    wh->max_concurrency = 64;
    wh->secrets[0].sealed = mem_strdup(buf_cstr(&sealed));
    wh->secrets[0].sealed_version = 1;
    wh->secret_count = 1;
    wh->version = 1;
    buf_init(&json, 65536);
    webhook_write(&json, wh);
    put(topic, RD_KAFKA_PARTITION_UA, id, buf_slice(&json));
    buf_done(&json);
    buf_done(&sealed);
    webhook_free(wh);
}

static void account_name(char out[20], int i)
{
    snprintf(out, 20, "acc_%06d", i);
}

static void define(const char *prefix, const char *key_file, int accounts, int hooks, const char *port)
{
    char topic_a[100], topic_w[100], account[20];
    struct keyring *k;
    struct errmsg why;
    check(keyring_load(key_file, &k, &why) == ERR_OK);
    snprintf(topic_a, sizeof topic_a, "%s.accounts", prefix);
    snprintf(topic_w, sizeof topic_w, "%s.webhooks", prefix);
    for (int i = 0; i < accounts; i++) {
        account_name(account, i);
        put_account(topic_a, account);
        for (int j = 0; j < hooks; j++)
            put_webhook(topic_w, k, account, i * hooks + j, port);
    }
    keyring_free(k);
}

static void events(const char *prefix, int partitions, int accounts, int count)
{
    char topic[100], account[20], path[60], key[100], json[400], now[40];
    snprintf(topic, sizeof topic, "%s.events", prefix);
    time_t s = time(NULL);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime(&s));
    uint64_t id = (uint64_t)clock_wall_ms() << 20;
    for (int i = 0; i < count; i++, id++) {
        account_name(account, i % accounts);
        snprintf(path, sizeof path, "/incoming/order-%08d.csv", i);
        snprintf(key, sizeof key, "%s%s", account, path);
        int len = snprintf(json, sizeof json,
                           "{\"event_id\":\"%08x-%04x-7000-8000-%012llx\",\"event\":\"file.uploaded\",\"timestamp\":\"%s\","
                           "\"account_id\":\"%s\","
                           "\"data\":{\"path\":\"%s\",\"size\":20480,\"username\":\"pipeline\",\"client_ip\":\"203.0.113.5\"}}",
                           (unsigned)(id >> 32), (unsigned)(id >> 16 & 0xffff), (unsigned long long)(id & 0xffffffffffffULL), now,
                           account, path);
        put(topic, partition_of(slice_str(account), slice_str(path), partitions), key, slice_of(json, (size_t)len));
    }
}

static int number(const char *text)
{
    int value = (int)strtol(text, NULL, 10);
    check(value > 0);
    return value;
}

int main(int argc, char **argv)
{
    check(argc == 8 || argc == 7);
    open_producer(argv[2]);
    if (argc == 8 && strcmp(argv[1], "define") == 0)
        define(argv[3], argv[4], number(argv[5]), number(argv[6]), argv[7]);
    else
        events(argv[3], number(argv[4]), number(argv[5]), number(argv[6]));
    check(rd_kafka_flush(producer, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
    return 0;
}
