/* Yardsticks: ways to make the same POSTs, measured in user + system CPU of this process. */
#ifndef BENCH_YARD_H
#define BENCH_YARD_H

#include <stddef.h>

#define YARD_BODY_LEN 250
#define YARD_HEADERS                                                                                                             \
    "X-TrueFTP-Event: file.uploaded\r\n"                                                                                         \
    "X-TrueFTP-Delivery: 6f1b2c3d-0000-5000-8000-123456789abc\r\n"                                                               \
    "X-TrueFTP-Timestamp: 1780920000\r\n"                                                                                        \
    "X-TrueFTP-Attempt: 1\r\n"                                                                                                   \
    "X-TrueFTP-Signature: sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"

struct yard {
    int port, endpoints, in_flight;
    bool https;
    char body[YARD_BODY_LEN + 1];
};

/* The address of endpoint i: 127.1.x.y, or its name where it is https (all at one address). */
void yard_host(const struct yard *y, int i, char *out, size_t size);

/* Each makes `posts` POSTs, so many in flight, to the endpoints in turn; what is prepared at the first call stays for the next.
 */
void yard_hand(const struct yard *y, int posts); /* epoll, send and recv by hand: http only */
void yard_curl(const struct yard *y, int posts); /* libcurl's multi interface, tuned, and nothing else */
void yard_ours(const struct yard *y, int posts); /* io/http_client */

#endif
