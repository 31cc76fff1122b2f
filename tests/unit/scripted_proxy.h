/* An HTTP proxy for tests, on an address of loopback and threads of its own: it makes tunnels, or does as its script says. */
#ifndef TESTS_SCRIPTED_PROXY_H
#define TESTS_SCRIPTED_PROXY_H

#include <stdbool.h>

enum proxy_does {
    PROXY_TUNNELS = 0,
    PROXY_MUTE = -1,   /* takes the CONNECT and says nothing */
    PROXY_CLOSES = -2, /* and closes */
    /* or the status that it answers */
};

struct scripted_proxy;

/* On 127.0.0.9, or on ::1. NULL: this machine has no ::1. */
struct scripted_proxy *scripted_proxy_start(bool v6);
void scripted_proxy_stop(struct scripted_proxy *p);
int scripted_proxy_port(const struct scripted_proxy *p);
/* From now on; a PROXY_ or a status. */
void scripted_proxy_do(struct scripted_proxy *p, int what);
/* CONNECTs so far, and the head of the last one. */
int scripted_proxy_asked(struct scripted_proxy *p);
const char *scripted_proxy_head(struct scripted_proxy *p);

#endif
