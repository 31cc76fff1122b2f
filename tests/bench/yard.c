/* One yardstick, in a process of its own:
 *
 *     bench_yard hand|curl|ours http|https PORT ENDPOINTS IN-FLIGHT POSTS   prints ns of CPU a POST; a warm round is made before
 *     bench_yard memory http|https PORT CONNECTIONS                         prints bytes a connection that is kept, beside 200
 * others
 *
 * https needs CURL_CA_BUNDLE. */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/err.h"
#include "yard.h"

#define WARM_CONNECTIONS                                                                                                         \
    200 /* what there is once (libraries, libcurl's 64 handles, room for twenty handshakes) is no connection's */

void yard_host(const struct yard *y, int i, char *out, size_t size)
{
    if (y->https)
        snprintf(out, size, "h%d.bench.example", i);
    else
        snprintf(out, size, "127.%d.%d.%d", 1 + i / 62500, i / 250 % 250, 1 + i % 250);
}

static double cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static long resident_bytes(void)
{
    char line[256];
    FILE *f = fopen("/proc/self/statm", "re");
    check(f && fgets(line, sizeof line, f));
    fclose(f);
    const char *resident = strchr(line, ' '); /* the second number (proc(5)) */
    check(resident);
    return strtol(resident, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* With so many connections, each of which had three requests. */
static long resident_with(struct yard *y, int connections)
{
    y->endpoints = connections;
    y->in_flight = 20;
    yard_ours(y, 3 * connections);
    malloc_trim(0);
    return resident_bytes();
}

static int number(const char *text)
{
    int value = (int)strtol(text, NULL, 10);
    check(value > 0);
    return value;
}

int main(int argc, char **argv)
{
    struct yard y = {0};
    struct rlimit files = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &files);
    memset(y.body, 'x', YARD_BODY_LEN);
    check(argc >= 5);
    y.https = strcmp(argv[2], "https") == 0;
    y.port = number(argv[3]);
    y.endpoints = y.in_flight = number(argv[4]);
    if (strcmp(argv[1], "memory") == 0) {
        long before = resident_with(&y, WARM_CONNECTIONS);
        printf("%ld\n", (resident_with(&y, WARM_CONNECTIONS + number(argv[4])) - before) / number(argv[4]));
        return 0;
    }
    check(argc == 7);
    y.in_flight = number(argv[5]);
    int posts = number(argv[6]);
    void (*run)(const struct yard *, int) = argv[1][0] == 'h' ? yard_hand : argv[1][0] == 'c' ? yard_curl : yard_ours;
    run(&y, posts / 4 > y.endpoints * 2 ? posts / 4 : y.endpoints * 2);
    double before = cpu_ns();
    run(&y, posts);
    printf("%.0f\n", (cpu_ns() - before) / posts);
    return 0;
}
