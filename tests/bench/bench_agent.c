/* The yardstick of agent.py: what it costs to read a log and to have Kafka acknowledge these events, with nothing in between. The
 * log is read in the agent's pieces and looked at no further; the events were encoded before. The client has the agent's
 * settings.
 *
 *     bench_agent BROKERS TOPIC PARTITIONS LOG EVENTS
 *
 * EVENTS: a line `key TAB value` each. Prints: records, CPU microseconds a record (all threads), seconds. */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "model/partition.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/mem.h"

#define STEP_BYTES (64 * 1024)
#define IN_FLIGHT 10000
#define FILE_MAX_BYTES (1024LL * 1024 * 1024)

struct event {
    struct slice key, value;
    int32_t partition;
};

static struct {
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue;
    struct event *events;
    size_t count, sent, acknowledged;
} b;

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

static void connect_to(const char *brokers, const char *topic)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "0");
    set(conf, "batch.num.messages", "1000");
    set(conf, "queue.buffering.max.kbytes", "131072");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    b.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    check(b.rk != NULL);
    b.queue = rd_kafka_queue_get_main(b.rk);
    b.rkt = rd_kafka_topic_new(b.rk, topic, NULL);
}

static void take_acks(int wait_ms)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(b.queue, wait_ms);
    const rd_kafka_message_t *m;
    while (ev && (m = rd_kafka_event_message_next(ev))) {
        check(m->err == RD_KAFKA_RESP_ERR_NO_ERROR);
        b.acknowledged++;
    }
    if (ev)
        rd_kafka_event_destroy(ev);
}

static void send_next(void)
{
    const struct event *ev = &b.events[b.sent++];
    check(rd_kafka_produce(b.rkt, ev->partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)ev->value.p, ev->value.len, ev->key.p,
                           ev->key.len, NULL) == 0);
}

/* As many events as there should be after so many bytes of the log. */
static void send_until(size_t target)
{
    while (b.sent < target) {
        if (b.sent - b.acknowledged < IN_FLIGHT)
            send_next();
        else
            take_acks(100);
    }
    take_acks(0);
}

static void read_and_send(int fd, off_t size)
{
    static char piece[STEP_BYTES];
    off_t at = 0;
    ssize_t got;
    while ((got = pread(fd, piece, sizeof(piece), at)) > 0) {
        at += got;
        send_until((size_t)((double)at / (double)size * (double)b.count));
    }
    send_until(b.count);
    while (b.acknowledged < b.count)
        take_acks(100);
}

static void load_events(struct buf *text, int32_t partitions)
{
    char *line = text->p;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        char *tab = memchr(line, '\t', (size_t)(end - line));
        const char *slash = memchr(line, '/', (size_t)(end - line));
        check(tab && slash && slash < tab);
        if ((b.count & (b.count - 1)) == 0)
            b.events = mem_array(b.events, b.count ? 2 * b.count : 1, sizeof(*b.events));
        struct event *ev = &b.events[b.count++];
        ev->key = slice_of(line, (size_t)(tab - line));
        ev->value = slice_of(tab + 1, (size_t)(end - tab) - 1);
        ev->partition = partition_of(slice_of(line, (size_t)(slash - line)), slice_of(slash, (size_t)(tab - slash)), partitions);
    }
}

/* The connection and the producer's id are there before the clock runs. */
static void warm_up(void)
{
    send_next();
    while (b.acknowledged < 1)
        take_acks(100);
    b.sent = b.acknowledged = 0;
}

int main(int argc, char **argv)
{
    struct buf text;
    struct errmsg why;
    check(argc == 6);
    buf_init(&text, FILE_MAX_BYTES);
    check(file_read(argv[5], &text, &why) == ERR_OK);
    (void)buf_cstr(&text);
    load_events(&text, (int32_t)strtol(argv[3], NULL, 10));
    connect_to(argv[1], argv[2]);
    warm_up();
    int fd = open(argv[4], O_RDONLY | O_CLOEXEC);
    check(fd >= 0);
    double cpu = cpu_us();
    int64_t begin_ms = clock_mono_ms();
    read_and_send(fd, lseek(fd, 0, SEEK_END));
    printf("%zu %.3f %.3f\n", b.count, (cpu_us() - cpu) / (double)b.count, (double)(clock_mono_ms() - begin_ms) / 1000);
    close(fd);
    rd_kafka_topic_destroy(b.rkt);
    rd_kafka_queue_destroy(b.queue);
    rd_kafka_destroy(b.rk);
    free(b.events);
    buf_done(&text);
    return 0;
}
