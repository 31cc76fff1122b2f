/* trueftp-devbroker: a Kafka broker for trying things out, made of librdkafka's mock cluster.
 *
 * It speaks enough of the protocol for every program of the project: producers, consumer groups, commits with
 * metadata, headers. It keeps nothing: a partition holds its newest 5 MiB in memory, compaction does not exist, and
 * all is gone when the program ends. README.md beside this file lists what differs from Kafka.
 *
 * The mock cluster binds its listener to any free port of 127.0.0.1 and offers no way to choose. A forwarder on a
 * fixed port was rejected: it would serve a client's first connection alone, since clients go on to the address
 * that the metadata names. Instead this program defines bind(2) itself: the one call that asks for "any port of
 * the loopback address" gets ours, and the mock cluster advertises what getsockname(2) then tells it. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "model/topics.h"
#include "util/file.h"

#define MAX_PARTITIONS 1000

struct options {
    long port;
    long partitions;
    const char *prefix;
    const char *ready_file; /* NULL: none */
};

struct broker {
    rd_kafka_t *client; /* the mock cluster lives in a client's process structures; this one does nothing else */
    rd_kafka_mock_cluster_t *cluster;
};

/* Port that the mock cluster's listener gets, in host byte order; 0: the system chooses. */
static in_port_t listen_port;

static bool asks_for_any_loopback_port(const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in in;
    if (address->sa_family != AF_INET || len < sizeof(in)) {
        return false;
    }
    memcpy(&in, address, sizeof(in));
    return in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && in.sin_port == 0;
}

/* Stands before libc's for the whole process, librdkafka included. A failure for our port ends the program here, since
 * librdkafka 2.0 aborts when the listener of a new mock cluster fails. */
int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    if (!asks_for_any_loopback_port(address, len)) {
        return (int)syscall(SYS_bind, fd, address, len);
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(listen_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int result = (int)syscall(SYS_bind, fd, &in, sizeof(in));
    if (result != 0) {
        fprintf(stderr, "trueftp-devbroker: cannot listen on 127.0.0.1:%u: %s\n", listen_port, strerror(errno));
        exit(EX_UNAVAILABLE);
    }
    return result;
}

static void print_help(void)
{
    puts("usage: trueftp-devbroker [--port N] [--topics-prefix NAME] [--partitions N] [--ready-file FILE]\n"
         "A Kafka broker on 127.0.0.1 for trying things out. It keeps nothing: all data is in memory, bounded, and lost\n"
         "at exit. Ends at SIGTERM or SIGINT.\n"
         "  --port N              port to listen on (default 9092; 0: any free one)\n"
         "  --topics-prefix NAME  prefix of the topics that are made (default trueftp)\n"
         "  --partitions N        partitions of each topic, 1 to 1000 (default 24)\n"
         "  --ready-file FILE     written when clients can connect: one line, the bootstrap server; removed at exit\n"
         "  --help, --version");
}

static void usage_error(const char *what, const char *value)
{
    fprintf(stderr, "trueftp-devbroker: %s '%s' (--help tells more)\n", what, value);
    exit(EX_USAGE);
}

static long parse_number(const char *option, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        usage_error(option, text);
    }
    return value;
}

static const char *parse_prefix(const char *text)
{
    if (!topic_prefix_valid(text)) {
        usage_error("not a topic prefix:", text);
    }
    return text;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option table[] = {{"port", required_argument, NULL, 'p'},
                                          {"topics-prefix", required_argument, NULL, 't'},
                                          {"partitions", required_argument, NULL, 'n'},
                                          {"ready-file", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.port = 9092, .partitions = TOPICS_DEFAULT_PARTITIONS, .prefix = "trueftp"};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'p':
            options.port = parse_number("not a port:", optarg, 0, 65535);
            break;
        case 't':
            options.prefix = parse_prefix(optarg);
            break;
        case 'n':
            options.partitions = parse_number("not a number of partitions:", optarg, 1, MAX_PARTITIONS);
            break;
        case 'r':
            options.ready_file = optarg;
            break;
        case 'h':
            print_help();
            exit(EX_OK);
        case 'v':
            puts("trueftp-devbroker " TRUEFTP_VERSION);
            exit(EX_OK);
        default:
            exit(EX_USAGE); /* getopt has said why */
        }
    }
    if (optind < argc) {
        usage_error("unexpected argument", argv[optind]);
    }
    return options;
}

static rd_kafka_t *client_new(void)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* At the usual level it warns that it was given no broker to connect to. */
    if (rd_kafka_conf_set(conf, "log_level", "3", why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "trueftp-devbroker: %s\n", why);
        exit(EX_SOFTWARE);
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "trueftp-devbroker: %s\n", why);
        exit(EX_SOFTWARE);
    }
    return client;
}

static struct broker broker_start(const struct options *options)
{
    listen_port = (in_port_t)options->port;
    struct broker broker = {.client = client_new()};
    broker.cluster = rd_kafka_mock_cluster_new(broker.client, 1);
    if (!broker.cluster) {
        fputs("trueftp-devbroker: librdkafka could not start its mock cluster\n", stderr);
        exit(EX_SOFTWARE);
    }
    return broker;
}

static void broker_stop(struct broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->client);
}

static void create_topics(const struct broker *broker, const struct options *options)
{
    for (int i = 0; i < TOPIC_COUNT; i++) {
        char name[TOPIC_NAME_SIZE];
        topic_name((enum topic)i, options->prefix, NULL, name);
        rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(broker->cluster, name, (int)options->partitions, 1);
        if (err) {
            fprintf(stderr, "trueftp-devbroker: topic %s: %s\n", name, rd_kafka_err2str(err));
            exit(EX_SOFTWARE);
        }
    }
}

static void announce(const struct broker *broker, const struct options *options)
{
    const char *servers = rd_kafka_mock_cluster_bootstraps(broker->cluster);
    printf("trueftp-devbroker listens on %s with %d topics %s.*, %ld partitions each.\n"
           "It keeps nothing: all data is in memory, at most 5 MiB or 100,000 batches of messages a partition (the oldest go "
           "first),\n"
           "and is lost when it ends. For anything that must last, use Apache Kafka.\n",
           servers, TOPIC_COUNT, options->prefix, options->partitions);
    fflush(stdout);
    if (!options->ready_file) {
        return;
    }
    struct errmsg why;
    char line[64];
    int len = snprintf(line, sizeof(line), "%s\n", servers);
    if (file_replace(options->ready_file, slice_of(line, (size_t)len), 0644, &why) != ERR_OK) {
        fprintf(stderr, "trueftp-devbroker: %s\n", why.text);
        exit(EX_CANTCREAT);
    }
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);

    /* Blocked before librdkafka starts its threads, which inherit it: the signals wait for sigwait below. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    struct broker broker = broker_start(&options);
    create_topics(&broker, &options);
    announce(&broker, &options);

    int signal_number;
    sigwait(&ends, &signal_number);
    if (options.ready_file) {
        unlink(options.ready_file);
    }
    broker_stop(&broker);
    puts("trueftp-devbroker: ended; nothing was kept.");
    return EX_OK;
}
