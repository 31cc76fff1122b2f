/* What an ended request means. libcurl's code alone does not say it, not even of a connection: it calls a refused address "could
 * not connect". So what we saw ourselves is asked first. */
#include <errno.h>

#include "http_internal.h"

static struct http_verdict theirs(enum delivery_error error, const char *words)
{
    return (struct http_verdict){error, DELIVERY_REASON_NONE, false, words};
}

static struct http_verdict our_own(const char *words)
{
    return (struct http_verdict){DELIVERY_ERROR_CANCELLED, DELIVERY_REASON_NONE, true, words};
}

static struct http_verdict judge_connect(const struct http_facts *f)
{
    switch (f->os_errno) {
    case ETIMEDOUT:
        return theirs(DELIVERY_ERROR_CONNECT_TIMEOUT, NULL);
    case ECONNRESET:
        return theirs(DELIVERY_ERROR_RESET, NULL);
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

/* Why the peer's certificate was not accepted. libcurl compares names itself, once OpenSSL has found the chain good. */
static enum delivery_reason reason_of_certificate(long verified)
{
    switch (verified) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* as libcurl leaves it: it compares the name first */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return DELIVERY_REASON_TLS_WRONG_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return DELIVERY_REASON_TLS_EXPIRED;
    default:
        return DELIVERY_REASON_TLS_UNTRUSTED;
    }
}

/* What the peer's alert says (RFC 8446, 6.2). One that asked for a client certificate and then fails the handshake means that,
 * in TLS 1.2. */
static enum delivery_reason reason_of_alert(const struct http_facts *f)
{
    switch (f->tls_alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
        return DELIVERY_REASON_TLS_CLIENT_CERTIFICATE;
    case SSL_AD_PROTOCOL_VERSION:
        return DELIVERY_REASON_TLS_VERSION;
    default:
        return f->asked ? DELIVERY_REASON_TLS_CLIENT_CERTIFICATE : DELIVERY_REASON_TLS_HANDSHAKE;
    }
}

static struct http_verdict tls(enum delivery_reason reason, const char *words)
{
    return (struct http_verdict){DELIVERY_ERROR_TLS, reason, false, words};
}

static struct http_verdict judge_tls(const struct http_facts *f)
{
    switch (f->code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return tls(reason_of_certificate(f->verified), NULL);
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return tls(DELIVERY_REASON_TLS_PIN_MISMATCH, NULL);
    case CURLE_SSL_CERTPROBLEM:
        return tls(DELIVERY_REASON_TLS_CLIENT_CERTIFICATE, NULL);
    default:
        return tls(f->tls_alert ? reason_of_alert(f) : DELIVERY_REASON_TLS_HANDSHAKE, NULL);
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
        return judge_tls(f);
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
    case HTTP_END_ALERT:
        return tls(reason_of_alert(f), "the endpoint ended TLS with an alert");
    case HTTP_END_TIMEOUT:
        return theirs(DELIVERY_ERROR_TIMEOUT, "no answer in time");
    case HTTP_END_BAD:
        break;
    }
    return theirs(DELIVERY_ERROR_PROTOCOL, NULL);
}
