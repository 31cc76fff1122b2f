/* What is armed is read before main, and taken out of the environment, so that the settings' table need not know of it. */
#include "crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const points[] = {
    "before_claim",        /* the claim has not been given to the producer */
    "after_claim",         /* the claim is acknowledged */
    "before_take",         /* TAKE has not been sent */
    "after_take",          /* TAKE has answered */
    "before_repair",       /* a repair has not been given to the producer */
    "after_repair",        /* a repair is acknowledged */
    "before_claim_script", /* CLAIM has not been sent */
    "after_claim_script",  /* CLAIM has answered: POSTs would follow */
    "before_post",         /* a POST is about to start */
    "after_post",          /* a POST has its outcome, no record of it exists */
    "after_produce",       /* a record was given to the producer, which has sent nothing yet */
    "after_ack",           /* a record is acknowledged, nothing else knows */
    "after_apply",         /* the index has taken in records, nothing is committed */
    "after_commit",        /* an offset is committed */
    "in_drain",            /* partitions are revoked, POSTs still run */
    "after_revoke_commit", /* the last commit of a revoked partition succeeded, the partition is not given back */
};

static struct {
    const char *point; /* of the list; NULL: nothing is armed */
    long passages;     /* left */
    int signal;
} armed;

void crash_point(const char *name)
{
    if (armed.point && strcmp(armed.point, name) == 0 && --armed.passages == 0)
        (void)raise(armed.signal);
}

static void refuse(const char *text)
{
    fprintf(stderr, "TRUEFTP_CRASH_AT: '%s' is not POINT:N or POINT:N:stop\n", text);
    exit(64);
}

__attribute__((constructor)) static void arm(void)
{
    const char *text = getenv("TRUEFTP_CRASH_AT");
    if (!text)
        return;
    size_t len = strcspn(text, ":");
    char *end = NULL;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        if (strlen(points[i]) == len && memcmp(points[i], text, len) == 0)
            armed.point = points[i];
    armed.passages = text[len] == ':' ? strtol(text + len + 1, &end, 10) : 0;
    if (!armed.point || armed.passages < 1 || (*end != '\0' && strcmp(end, ":stop") != 0))
        refuse(text);
    armed.signal = *end == '\0' ? SIGKILL : SIGSTOP;
    unsetenv("TRUEFTP_CRASH_AT");
}
