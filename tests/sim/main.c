/* trueftp-sim: runs seeds, in several processes, and stops at the first that fails. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define JOBS_MAX 16

struct options {
    uint64_t from, count;
    int jobs;
    bool trace, expect_failure;
    const char *choices; /* a file of them, as the fuzz target's; NULL: seeds */
};

static int usage(void)
{
    fprintf(stderr,
            "usage: trueftp-sim [--index c|scripts|both] [--from N] [--seeds COUNT] [--jobs N] [--expect-failure] | --seed N "
            "[--trace] | --choices FILE [--trace]\n");
    return 2;
}

static bool parse_index(const char *value)
{
    static const char *const names[] = {"c", "scripts", "both"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        index_by = (enum index_by)i;
        return true;
    }
    return false;
}

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
            continue;
        }
        if (strcmp(argv[i], "--expect-failure") == 0) {
            o->expect_failure = true;
            continue;
        }
        if (strcmp(argv[i], "--index") == 0) {
            if (!parse_index(value))
                return false;
            i++;
            continue;
        }
        if (strcmp(argv[i], "--choices") == 0 && *value != '\0') {
            o->choices = value;
            i++;
            continue;
        }
        char *end;
        uint64_t number = strtoull(value, &end, 10);
        if (*value == '\0' || *end != '\0')
            return false;
        i++;
        if (strcmp(argv[i - 1], "--seed") == 0)
            *o = (struct options){.from = number, .count = 1, .jobs = 1, .trace = o->trace, .expect_failure = o->expect_failure};
        else if (strcmp(argv[i - 1], "--from") == 0)
            o->from = number;
        else if (strcmp(argv[i - 1], "--seeds") == 0)
            o->count = number;
        else if (strcmp(argv[i - 1], "--jobs") == 0 && number >= 1 && number <= JOBS_MAX)
            o->jobs = (int)number;
        else
            return false;
    }
    return true;
}

/* Shared by the processes: which seed each is at, so that one that aborts can be named; and that one has failed. */
struct progress {
    uint64_t at[JOBS_MAX];
    volatile int failed;
};

static void run_share(const struct options *o, struct progress *progress, int job)
{
    for (uint64_t i = (uint64_t)job; i < o->count && !progress->failed; i += (uint64_t)o->jobs) {
        progress->at[job] = o->from + i;
        sim_run(o->from + i, o->trace);
    }
}

static bool run_all(const struct options *o)
{
    struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[JOBS_MAX];
    check(progress != MAP_FAILED);
    for (int i = 0; i < o->jobs; i++) {
        pids[i] = fork();
        check(pids[i] >= 0);
        if (pids[i] == 0) {
            run_share(o, progress, i);
            exit(0);
        }
    }
    for (int done = 0; done < o->jobs; done++) {
        int status, i = 0;
        pid_t pid = wait(&status);
        while (i < o->jobs && pids[i] != pid)
            i++;
        if (i == o->jobs || status == 0)
            continue;
        if (!progress->failed || WIFSIGNALED(status))
            fprintf(stderr, "seed %" PRIu64 " failed%s\n", progress->at[i], WIFSIGNALED(status) ? " (the process aborted)" : "");
        progress->failed = 1;
    }
    bool ok = !progress->failed;
    munmap(progress, sizeof *progress);
    return ok;
}

/* A finding of the fuzz target (tests/fuzz/fuzz_sim.c) once more. */
static int run_choices(const struct options *o)
{
    static uint8_t choices[1 << 20];
    FILE *f = fopen(o->choices, "rb");
    if (!f) {
        perror(o->choices);
        return 2;
    }
    size_t size = fread(choices, 1, sizeof choices, f);
    (void)fclose(f);
    sim_run_choices(choices, size, o->trace);
    printf("%s: ok\n", o->choices);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {.from = 1, .count = 1000, .jobs = 2};
    if (!parse(argc, argv, &o))
        return usage();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (o.choices)
        return run_choices(&o);
    if (o.count == 1 && !o.expect_failure) {
        sim_run(o.from, o.trace);
        printf("seed %" PRIu64 ": ok\n", o.from);
        return 0;
    }
    bool ok = run_all(&o);
    if (o.expect_failure)
        return ok ? 1 : 0;
    if (ok)
        printf("%" PRIu64 " seeds from %" PRIu64 ": ok\n", o.count, o.from);
    return ok ? 0 : 1;
}
