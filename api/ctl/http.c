#include "ctl/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

#define CONNECT_MS 10000L
#define KEEPALIVE_S 30L
#define HEADERS_MAX 200

/* -------- headers -------- */

void http_headers_add(struct http_headers *h, const char *name, const char *value)
{
    h->items = mem_array(h->items, h->count + 1, sizeof *h->items);
    h->items[h->count++] = (struct http_header){mem_strdup(name), mem_strdup(value)};
}

const char *http_headers_find(const struct http_headers *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++) {
        if (strcasecmp(h->items[i].name, name) == 0) {
            return h->items[i].value;
        }
    }
    return NULL;
}

void http_headers_free(struct http_headers *h)
{
    for (size_t i = 0; i < h->count; i++) {
        free(h->items[i].name);
        free(h->items[i].value);
    }
    free(h->items);
    *h = (struct http_headers){0};
}

/* -------- the handle -------- */

/* An empty value needs a semicolon, or libcurl leaves the header out. */
static struct curl_slist *header_list(const struct http_headers *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; headers && i < headers->count; i++) {
        const struct http_header *h = &headers->items[i];
        struct buf line;
        if (strpbrk(h->name, "\r\n:") || strpbrk(h->value, "\r\n")) {
            continue; /* it would be two headers */
        }
        buf_init(&line, 64UL * 1024);
        buf_printf(&line, *h->value ? "%s: %s" : "%s;%s", h->name, h->value);
        list = curl_slist_append(list, buf_cstr(&line));
        buf_done(&line);
    }
    check(list != NULL);
    return list;
}

#define SET(option, value) check(curl_easy_setopt(curl, option, value) == CURLE_OK)

void http_prepare(CURL *curl, const struct http_way *way, const char *url, const struct http_headers *headers,
                  struct curl_slist **list, char error[CURL_ERROR_SIZE])
{
    *list = header_list(headers);
    *error = '\0';
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, way->proxy ? way->proxy : "");
    SET(CURLOPT_NOPROXY, way->proxy && *way->proxy ? "" : "*");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (way->ca_file && *way->ca_file) {
        SET(CURLOPT_CAINFO, way->ca_file);
    }
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S / 3);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "trueftpctl/" TRUEFTP_VERSION);
    SET(CURLOPT_HTTPHEADER, *list);
    SET(CURLOPT_ERRORBUFFER, error);
}

bool http_is_url(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL;
    bool good = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return good;
}

void http_origin(const char *url, char *out, size_t size)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    (void)snprintf(out, size, "the server");
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
        (void)snprintf(out, size, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
}

enum err http_failed(CURLcode code, const char *url, const char *error, struct errmsg *why)
{
    char origin[300];
    enum err err = ERR_AGAIN;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION ||
        code == CURLE_SSL_CACERT_BADFILE) {
        err = ERR_INVALID;
    } else if (code == CURLE_WRITE_ERROR) {
        err = ERR_TOO_BIG;
    }
    http_origin(url, origin, sizeof origin);
    return errmsg_set(why, err, "%.200s: %.250s", origin, *error ? error : curl_easy_strerror(code));
}

/* -------- an exchange -------- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct http_answer *a = ctx;
    buf_put(&a->body, data, size * count);
    return a->body.err == ERR_OK ? size * count : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct http_answer *a = ctx;
    size_t len = size * count;
    char *line = mem_dup(data, len), *colon = strchr(line, ':');
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) { /* of the last answer alone: an interim one may have come before */
        http_headers_free(&a->headers);
    } else if (colon && a->headers.count < HEADERS_MAX) {
        *colon = '\0';
        http_headers_add(&a->headers, line, colon + 1 + strspn(colon + 1, " \t"));
    }
    free(line);
    return len;
}

static void set_body(CURL *curl, const struct http_request *rq)
{
    SET(CURLOPT_CUSTOMREQUEST, rq->method);
    if (rq->body.p) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.len);
        SET(CURLOPT_POSTFIELDS, rq->body.p);
    }
}

enum err http_exchange(const struct http_way *way, const struct http_request *rq, size_t max_body, struct http_answer *out,
                       struct errmsg *why)
{
    char error[CURL_ERROR_SIZE];
    struct curl_slist *list = NULL;
    long status = 0;
    curl_off_t duration_us = 0;
    CURL *curl = curl_easy_init();
    check(curl != NULL);
    *out = (struct http_answer){0};
    buf_init(&out->body, max_body);
    http_prepare(curl, way, rq->url, rq->headers, &list, error);
    set_body(curl, rq);
    SET(CURLOPT_TIMEOUT_MS, (long)rq->timeout_ms);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, out);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, out);
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &duration_us);
    out->status = (int)status;
    out->duration_ms = duration_us / 1000;
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    return code == CURLE_OK ? ERR_OK : http_failed(code, rq->url, error, why);
}

void http_answer_done(struct http_answer *a)
{
    http_headers_free(&a->headers);
    buf_done(&a->body);
}
