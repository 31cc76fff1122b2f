/* A name server for tests on the test's own loop, UDP and TCP on one port of 127.0.0.1, which answers as a table says. */
#ifndef TESTS_SCRIPTED_DNS_H
#define TESTS_SCRIPTED_DNS_H

#include <stdint.h>

#include "io/loop.h"

enum dns_behaviour {
    DNS_ANSWERS, /* with the records */
    DNS_NXDOMAIN,
    DNS_SERVFAIL,
    DNS_REFUSED,
    DNS_SILENT,
    DNS_GARBAGE,   /* bytes that are not DNS */
    DNS_TRUNCATED, /* over UDP: nothing and "ask over TCP"; over TCP: the records */
};

/* a, aaaa: addresses separated by spaces; both empty: an answer without records. */
struct dns_name {
    const char *name;
    enum dns_behaviour behaviour;
    const char *a, *aaaa;
    uint32_t ttl_s;
    const char *cname; /* the records belong to this name, which the asked one is an alias of */
    uint32_t cname_ttl_s;
};

struct scripted_dns;

/* names ends with a NULL name; a name that is not in it does not exist. */
struct scripted_dns *scripted_dns_start(struct loop *l, const struct dns_name *names);
void scripted_dns_stop(struct scripted_dns *d);
/* "127.0.0.1:port" */
const char *scripted_dns_address(const struct scripted_dns *d);
void scripted_dns_use(struct scripted_dns *d, const struct dns_name *names);
/* Questions so far for a name (NULL: any), of either type; over TCP alone. */
int scripted_dns_asked(const struct scripted_dns *d, const char *name);
int scripted_dns_asked_tcp(const struct scripted_dns *d);

#endif
