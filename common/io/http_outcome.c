/* What an ended request means. libcurl's code alone does not say it, not even of a connection: it calls a refused address "could
 * not connect". So what we saw ourselves is asked first. */
#include <errno.h>

#include "http_internal.h"

static struct http_verdict theirs(enum delivery_error error, const char *words)
{
    return (struct http_verdict){error, false, words};
}

static struct http_verdict our_own(const char *words)
{
    return (struct http_verdict){DELIVERY_ERROR_CANCELLED, true, words};
}

static struct http_verdict judge_connect(const struct http_facts *f)
{
    switch (f->os_errno) {
    case ETIMEDOUT:
        return theirs(DELIVERY_ERROR_CONNECT_TIMEOUT, NULL);
    case EADDRNOTAVAIL: /* no local port is left */
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return our_own("no port, descriptor or memory for a connection");
    default:
        return theirs(DELIVERY_ERROR_CONNECT_REFUSED, NULL);
    }
}

static struct http_verdict judge_code(const struct http_facts *f)
{
    switch (f->code) {
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return theirs(DELIVERY_ERROR_RESET, NULL);
    case CURLE_OPERATION_TIMEDOUT:
        return theirs(f->connected ? DELIVERY_ERROR_TIMEOUT : DELIVERY_ERROR_CONNECT_TIMEOUT, NULL);
    case CURLE_COULDNT_CONNECT:
        return judge_connect(f);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
        return our_own(NULL);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CLIENTCERT:
        return theirs(DELIVERY_ERROR_TLS, NULL);
    default: /* nothing of the peer's has been read yet: it can only be ours */
        return our_own(NULL);
    }
}

struct http_verdict http_judge(const struct http_facts *f)
{
    switch (f->end) {
    case HTTP_END_HEAD:
        return theirs(DELIVERY_ERROR_NONE, NULL);
    case HTTP_END_CONNECT:
        return judge_code(f);
    case HTTP_END_REFUSED:
        return theirs(DELIVERY_ERROR_BLOCKED_TARGET, NULL);
    case HTTP_END_NO_SOCKET:
        return our_own("no descriptor or memory for a connection");
    case HTTP_END_NO_NAME:
        return our_own("the resolved address was lost");
    case HTTP_END_CLOSED:
        return theirs(DELIVERY_ERROR_RESET, "the connection was closed before the response's head was complete");
    case HTTP_END_TIMEOUT:
        return theirs(DELIVERY_ERROR_TIMEOUT, "no answer in time");
    case HTTP_END_BAD:
        break;
    }
    return theirs(DELIVERY_ERROR_PROTOCOL, NULL);
}
