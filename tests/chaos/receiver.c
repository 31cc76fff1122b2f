/* A customer's endpoint for load: one process, one epoll loop, HTTP/1.1 with kept connections. It answers as the rules of the
 * path say, and writes a line for each POST it got, before it answers:
 *
 *     <wall ms.us> <delivery id> <attempt> <answer> <first 32 hex digits of the body's SHA-256> <path> <in flight> <of head>
 * <nth>
 *
 * The answer is a status, or 0 where none is given (reset, close, stall, drip). In flight: how many of the path's POSTs have no
 * complete answer yet, this one counted. Of head: as many digits of the SHA-256 of the request's line and headers; nth: which
 * request of its connection it is, 1 the first. What a rule gives by chance comes from a generator that --seed starts. Only what
 * a worker sends is understood: a POST with Content-Length, one at a time on a connection. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "util/list.h"
#include "util/mem.h"

#define PATHS_MAX 64
#define CHANCES_MAX 16
#define REQUEST_MAX (2 * 1024 * 1024)
#define READ_BYTES 16384
#define WHEEL_MS 4096 /* the longest delay */
#define EVENTS_A_TURN 256
#define DRIP_MS 100 /* between two bytes */

enum answer_kind { ANSWER_STATUS, ANSWER_RESET, ANSWER_CLOSE, ANSWER_STALL, ANSWER_DRIP };

struct chance {
    enum answer_kind kind;
    int status;
    int percent;
};

/* What no chance takes is answered with 200. */
struct rules {
    struct chance chances[CHANCES_MAX];
    int chance_count;
    int delay_min_ms, delay_max_ms;
};

struct path {
    const char *name;
    struct rules rules, later; /* later: from SIGUSR1 on */
    bool changes;
    int in_flight;
};

struct connection {
    TAILQ_ENTRY(connection) link; /* in a slot of the wheel while its answer is delayed */
    int fd;
    char *in;
    size_t len, cap;
    size_t head_len; /* of the request that is being read; 0: its head is not complete */
    size_t body_len;
    int requests;   /* that came so far */
    int slot;       /* -1: no answer is delayed */
    size_t dripped; /* bytes of an answer that drips */
    struct chance answer;
    struct path *path; /* of the POST that has no complete answer; NULL: there is none */
};
TAILQ_HEAD(connection_list, connection);

static struct {
    struct path paths[PATHS_MAX + 1]; /* the last one is for all others */
    int path_count;
    uint64_t random;
    FILE *log;
    int epoll_fd, listen_fd, timer_fd;
    int64_t tick_ms; /* the wheel's time */
    int delayed;
    struct connection_list wheel[WHEEL_MS];
} receiver;

static volatile sig_atomic_t ended, change;

static void die(const char *what)
{
    fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
    exit(70);
}

static int64_t now_us(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t mono_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

/* xorshift64: 0 .. below-1 */
static int chance_below(int below)
{
    uint64_t x = receiver.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    receiver.random = x;
    return (int)((x >> 16) % (uint64_t)below);
}

/* ---- rules ---- */

static struct path *path_of(const char *name, size_t len)
{
    for (int i = 0; i < receiver.path_count; i++)
        if (strlen(receiver.paths[i].name) == len && memcmp(receiver.paths[i].name, name, len) == 0)
            return &receiver.paths[i];
    return &receiver.paths[PATHS_MAX];
}

static struct chance choose(const struct rules *rules)
{
    int left = chance_below(100);
    for (int i = 0; i < rules->chance_count; i++) {
        left -= rules->chances[i].percent;
        if (left < 0)
            return rules->chances[i];
    }
    return (struct chance){.kind = ANSWER_STATUS, .status = 200};
}

static void usage(FILE *out)
{
    fputs("usage: receiver --log FILE [options]\n"
          "  --log FILE           a line for each POST: wall ms, delivery id, attempt, answer, SHA-256 of the body, path\n"
          "  --port N             on 127.0.0.1; default: one that is free\n"
          "  --ready-file FILE    receives the port once it is open\n"
          "  --seed N             of what is given by chance; default 1\n"
          "  --answer PATH=RULES  rules of a path, with commas between them:\n"
          "                       STATUS:PERCENT, reset:PERCENT, close:PERCENT, stall:PERCENT, drip:PERCENT   (the rest is 200)\n"
          "                       delay:MIN-MAX   milliseconds, up to 4000\n"
          "  --later PATH=RULES   the path's rules from SIGUSR1 on\n"
          "SIGTERM ends it.\n",
          out);
}

static void wrong_rule(const char *rule)
{
    fprintf(stderr, "receiver: --answer: '%s' is no rule\n", rule);
    usage(stderr);
    exit(64);
}

/* A number that ends with `end`; the text after it. */
static const char *number(const char *text, char end, int max, int *out, const char *rule)
{
    char *after;
    long value = strtol(text, &after, 10);
    if (after == text || *after != end || value < 0 || value > max)
        wrong_rule(rule);
    *out = (int)value;
    return end ? after + 1 : after;
}

static void add_rule(struct rules *rules, const char *rule)
{
    static const struct {
        const char *name;
        enum answer_kind kind;
    } words[] = {{"reset:", ANSWER_RESET}, {"close:", ANSWER_CLOSE}, {"stall:", ANSWER_STALL}, {"drip:", ANSWER_DRIP}};
    if (strncmp(rule, "delay:", 6) == 0) {
        const char *max = number(rule + 6, '-', WHEEL_MS - 96, &rules->delay_min_ms, rule);
        number(max, '\0', WHEEL_MS - 96, &rules->delay_max_ms, rule);
        if (rules->delay_max_ms < rules->delay_min_ms)
            wrong_rule(rule);
        return;
    }
    if (rules->chance_count == CHANCES_MAX)
        wrong_rule(rule);
    struct chance *c = &rules->chances[rules->chance_count++];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strncmp(rule, words[i].name, strlen(words[i].name)) == 0) {
            c->kind = words[i].kind;
            number(rule + strlen(words[i].name), '\0', 100, &c->percent, rule);
            return;
        }
    }
    number(number(rule, ':', 599, &c->status, rule), '\0', 100, &c->percent, rule);
}

/* text is kept and cut. */
static void add_path(char *text, bool later)
{
    char *rules = strchr(text, '='), *rule;
    if (!rules)
        wrong_rule(text);
    *rules++ = '\0';
    struct path *path = path_of(text, strlen(text));
    if (path == &receiver.paths[PATHS_MAX]) {
        if (receiver.path_count == PATHS_MAX)
            wrong_rule(text);
        path = &receiver.paths[receiver.path_count++];
        path->name = text;
    }
    path->changes = path->changes || later;
    while ((rule = strsep(&rules, ",")) != NULL)
        add_rule(later ? &path->later : &path->rules, rule);
}

static void change_rules(void)
{
    change = 0;
    for (int i = 0; i < receiver.path_count; i++)
        if (receiver.paths[i].changes)
            receiver.paths[i].rules = receiver.paths[i].later;
}

/* ---- connections ---- */

static void answered(struct connection *c)
{
    if (c->path)
        c->path->in_flight--;
    c->path = NULL;
}

static void end_connection(struct connection *c, bool reset)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    answered(c);
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    if (c->slot >= 0) {
        TAILQ_REMOVE(&receiver.wheel[c->slot], c, link);
        receiver.delayed--;
    }
    close(c->fd);
    free(c->in);
    free(c);
}

/* The answer fits into any socket's buffer. */
static bool send_status(struct connection *c, int status)
{
    char text[128];
    int len = snprintf(text, sizeof text, "HTTP/1.1 %d Scripted\r\nContent-Length: 0\r\n%s\r\n", status,
                       status == 429 || status == 503 ? "Retry-After: 1\r\n" : "");
    return send(c->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

static void delay(struct connection *c, int delay_ms);

/* One more byte of a header that never ends. */
static bool drip(struct connection *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nX-Slow: ";
    char byte = c->dripped < sizeof head - 1 ? head[c->dripped] : 'z';
    c->dripped++;
    if (send(c->fd, &byte, 1, MSG_NOSIGNAL) != 1)
        return false;
    delay(c, DRIP_MS);
    return true;
}

static bool give_all(struct connection *c)
{
    if (!send_status(c, c->answer.status))
        return false;
    answered(c);
    return true;
}

/* false: the connection is gone. */
static bool give(struct connection *c)
{
    bool kept = c->answer.kind == ANSWER_STALL || (c->answer.kind == ANSWER_STATUS && give_all(c)) ||
                (c->answer.kind == ANSWER_DRIP && drip(c));
    if (!kept)
        end_connection(c, c->answer.kind == ANSWER_RESET);
    return kept;
}

static void arm_timer(bool on)
{
    struct itimerspec every = {0};
    if (on)
        every.it_value.tv_nsec = every.it_interval.tv_nsec = 1000000;
    if (timerfd_settime(receiver.timer_fd, 0, &every, NULL) != 0)
        die("timerfd_settime");
}

static void delay(struct connection *c, int delay_ms)
{
    if (receiver.delayed++ == 0) {
        receiver.tick_ms = mono_ms();
        arm_timer(true);
    }
    int64_t at_ms = mono_ms() + delay_ms;
    if (at_ms <= receiver.tick_ms)
        at_ms = receiver.tick_ms + 1;
    c->slot = (int)(at_ms % WHEEL_MS);
    TAILQ_INSERT_TAIL(&receiver.wheel[c->slot], c, link);
}

static void on_timer(void)
{
    uint64_t expirations;
    struct connection *c;
    int64_t now = mono_ms();
    if (read(receiver.timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        die("timerfd");
    while (receiver.tick_ms < now) {
        int slot = (int)(++receiver.tick_ms % WHEEL_MS);
        while ((c = TAILQ_FIRST(&receiver.wheel[slot])) != NULL) {
            TAILQ_REMOVE(&receiver.wheel[slot], c, link);
            c->slot = -1;
            receiver.delayed--;
            (void)give(c);
        }
    }
    if (receiver.delayed == 0)
        arm_timer(false);
}

/* ---- requests ---- */

/* The value of a header, up to the line's end; NULL: there is none. */
static const char *header(const struct connection *c, const char *name)
{
    size_t len = strlen(name);
    const char *line = c->in, *end = c->in + c->head_len;
    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL && ++line + len < end) {
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    }
    return NULL;
}

static int value_len(const char *value)
{
    return value ? (int)strcspn(value, "\r\n ") : 1;
}

static void digest(const char *p, size_t len, char hex[33])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)p, len, hash);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static void log_request(const struct connection *c, const char *path, int path_len)
{
    int64_t wall_us = now_us(CLOCK_REALTIME);
    char of_body[33], of_head[33];
    const char *id = header(c, "X-TrueFTP-Delivery"), *attempt = header(c, "X-TrueFTP-Attempt");
    digest(c->in, c->head_len, of_head);
    digest(c->in + c->head_len, c->body_len, of_body);
    fprintf(receiver.log, "%" PRId64 ".%03d %.*s %.*s %d %s %.*s %d %s %d\n", wall_us / 1000, (int)(wall_us % 1000),
            value_len(id), id ? id : "-", value_len(attempt), attempt ? attempt : "-",
            c->answer.kind == ANSWER_STATUS ? c->answer.status : 0, of_body, path_len, path, c->path->in_flight, of_head,
            c->requests);
}

/* A whole request is in. false: the connection is gone. */
static bool on_request(struct connection *c)
{
    const char *path = memchr(c->in, ' ', c->head_len);
    path = path ? path + 1 : c->in;
    int path_len = (int)strcspn(path, " \r\n");
    c->path = path_of(path, (size_t)path_len);
    c->path->in_flight++;
    c->requests++;
    const struct rules *rules = &c->path->rules;
    int delay_ms = rules->delay_min_ms + chance_below(rules->delay_max_ms - rules->delay_min_ms + 1);
    c->answer = choose(rules);
    log_request(c, path, path_len);
    size_t used = c->head_len + c->body_len;
    memmove(c->in, c->in + used, c->len - used);
    c->len -= used;
    c->head_len = 0;
    if (delay_ms == 0)
        return give(c);
    delay(c, delay_ms);
    return true;
}

/* Whether a whole request is in the buffer, whose last byte is followed by a NUL. -1: it is none. */
static int request_complete(struct connection *c)
{
    if (c->head_len == 0) {
        const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
        if (!end)
            return 0;
        c->head_len = (size_t)(end - c->in) + 4;
        const char *length = header(c, "Content-Length");
        c->body_len = length ? strtoul(length, NULL, 10) : 0;
        if (strncmp(c->in, "POST ", 5) != 0 || !length || c->body_len > REQUEST_MAX)
            return -1;
    }
    return c->len >= c->head_len + c->body_len;
}

static void on_readable(struct connection *c)
{
    if (c->cap - c->len < READ_BYTES + 1) {
        c->cap = c->cap * 2 + 2 * READ_BYTES;
        c->in = mem_realloc(c->in, c->cap);
    }
    ssize_t got = recv(c->fd, c->in + c->len, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || c->slot >= 0 || c->len + (size_t)got > 2 * REQUEST_MAX) {
        end_connection(c, false);
        return;
    }
    c->len += (size_t)got;
    c->in[c->len] = '\0';
    int complete = request_complete(c);
    if (complete < 0)
        end_connection(c, false);
    else if (complete > 0)
        (void)on_request(c);
}

static void watch(int fd, void *ptr)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};
    if (epoll_ctl(receiver.epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

static void on_connection(void)
{
    int fd, on = 1;
    while ((fd = accept4(receiver.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = mem_zalloc(sizeof *c);
        c->fd = fd;
        c->slot = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(fd, c);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        die("accept");
}

/* ---- life ---- */

static void on_signal(int signo)
{
    if (signo == SIGUSR1)
        change = 1;
    else
        ended = 1;
}

static void run(void)
{
    struct epoll_event events[EVENTS_A_TURN];
    while (!ended) {
        int count = epoll_wait(receiver.epoll_fd, events, EVENTS_A_TURN, 500);
        bool timer = false;
        if (count < 0 && errno != EINTR)
            die("epoll_wait");
        if (change)
            change_rules();
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &receiver.listen_fd)
                on_connection();
            else if (events[i].data.ptr == &receiver.timer_fd)
                timer = true;
            else
                on_readable(events[i].data.ptr);
        }
        if (timer)
            on_timer(); /* last: it ends connections that this turn may still have named */
        if (fflush(receiver.log) != 0)
            die("log");
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;
    receiver.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(receiver.listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(receiver.listen_fd, (struct sockaddr *)&address, len) != 0 || listen(receiver.listen_fd, 4096) != 0 ||
        getsockname(receiver.listen_fd, (struct sockaddr *)&address, &len) != 0)
        die("listen");
    return ntohs(address.sin_port);
}

/* Whoever waits for the file finds it complete. */
static void tell_ready(const char *path, int port)
{
    char fresh[PATH_MAX];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    if (!f || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(fresh, path) != 0)
        die(path);
}

static void open_all(int port, const char *ready_file)
{
    struct rlimit files;
    struct sigaction term = {.sa_handler = on_signal};
    sigaction(SIGTERM, &term, NULL);
    sigaction(SIGINT, &term, NULL);
    sigaction(SIGUSR1, &term, NULL);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (int i = 0; i < WHEEL_MS; i++)
        TAILQ_INIT(&receiver.wheel[i]);
    receiver.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    receiver.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (receiver.epoll_fd < 0 || receiver.timer_fd < 0)
        die("epoll");
    port = listen_on(port);
    watch(receiver.listen_fd, &receiver.listen_fd);
    watch(receiver.timer_fd, &receiver.timer_fd);
    if (ready_file)
        tell_ready(ready_file, port);
    printf("127.0.0.1:%d\n", port);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"log", required_argument, NULL, 'l'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"ready-file", required_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"answer", required_argument, NULL, 'a'},
                                            {"later", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *log = NULL, *ready_file = NULL;
    int port = 0, option;
    receiver.random = 1;
    receiver.paths[PATHS_MAX].name = "";
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            log = optarg;
            break;
        case 'p':
            number(optarg, '\0', 65535, &port, optarg);
            break;
        case 'r':
            ready_file = optarg;
            break;
        case 's':
            receiver.random = strtoull(optarg, NULL, 10) * 0x9E3779B97F4A7C15ULL | 1;
            break;
        case 'a':
        case 'n':
            add_path(optarg, option == 'n');
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 64;
        }
    }
    if (!log || optind < argc) {
        usage(stderr);
        return 64;
    }
    receiver.log = fopen(log, "ae");
    if (!receiver.log)
        die(log);
    open_all(port, ready_file);
    run();
    return fclose(receiver.log) == 0 ? 0 : 70;
}
