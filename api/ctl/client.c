#include "ctl/client.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/command.h"
#include "ctl/secret.h"
#include "util/mem.h"

#define ANSWER_MAX (64UL * 1024 * 1024)
#define KEY_MAX 4096
#define REPEATS 2
#define PAUSE_MS 500
#define PAUSE_MAX_MS 5000
#define WAIT_MAX_S 60 /* for 429, in all */

struct client {
    struct http_way way;
    char *api, *base, *ca_file, *proxy;
    struct buf authorization; /* "Bearer ..."; empty: anonymous */
    int64_t timeout_ms;
    bool patient;
};

/* -------- opening -------- */

static bool is_loopback(const char *host)
{
    struct in_addr four;
    bool is_four = inet_pton(AF_INET, host, &four) == 1;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || (is_four && ntohl(four.s_addr) >> 24 == 127);
}

const char *client_refuses(const char *url, bool allow_http)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL, *query = NULL;
    const char *why = NULL;
    if (!parts || !http_is_url(url) || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        why = "expected http://host[:port] or https://host[:port]";
    } else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK ||
               curl_url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
        why = "takes no user and no query";
    } else if (strcmp(scheme, "http") == 0 && !is_loopback(host) && !allow_http) {
        why =
            "http:// would show the key to everybody on the way: use https://, or set TRUEFTP_API_ALLOW_HTTP=1 inside a network "
            "that you trust";
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(query);
    curl_url_cleanup(parts);
    return why;
}

/* A regular file that others can read gives its key away. */
static enum err check_mode(const char *path, struct errmsg *why)
{
    struct stat st;
    if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO) == 0) {
        return ERR_OK;
    }
    return errmsg_set(why, ERR_REFUSED, "%.300s: others can use this file, which holds a key: chmod o= it", path);
}

static enum err read_key(const char *path, struct buf *out, struct errmsg *why)
{
    enum err err = check_mode(path, why);
    if (err == ERR_OK) {
        err = read_input(path, out, why);
    }
    while (err == ERR_OK && out->len > 0 && strchr("\r\n \t", out->p[out->len - 1])) {
        buf_truncate(out, out->len - 1);
    }
    return err;
}

static enum err find_key(const struct ctl_settings *s, const struct client_args *a, bool admin, struct buf *key,
                         struct errmsg *why)
{
    const char *file = admin ? a->admin_token_file : a->key_file, *setting = admin ? s->admin_token_file : s->api_key_file;
    if (file || (*setting && (admin || !*s->api_key))) {
        return read_key(file ? file : setting, key, why);
    }
    if (admin) {
        return errmsg_set(why, ERR_INVALID,
                          "this is for the operator: name the file of trueftp-api's token by --admin-token-file or "
                          "TRUEFTP_ADMIN_TOKEN_FILE");
    }
    if (!*s->api_key) {
        return errmsg_set(why, ERR_INVALID,
                          "no API key: name its file by --key-file or TRUEFTP_API_KEY_FILE, or set TRUEFTP_API_KEY "
                          "(`trueftpctl keys create ACCOUNT` makes one)");
    }
    buf_puts(key, s->api_key);
    return ERR_OK;
}

static enum err check_key(const struct buf *key, struct errmsg *why)
{
    for (size_t i = 0; i < key->len; i++) {
        if (key->p[i] < 0x21 || key->p[i] > 0x7e) {
            return errmsg_set(why, ERR_INVALID, "the key holds a character that no key has");
        }
    }
    return key->err == ERR_OK && key->len > 0 ? ERR_OK : errmsg_set(why, ERR_INVALID, "the key is empty, or far too long");
}

static enum err authorize(struct client *c, const struct ctl_settings *s, const struct client_args *a, bool admin,
                          struct errmsg *why)
{
    struct buf key;
    buf_init(&key, KEY_MAX);
    enum err err = find_key(s, a, admin, &key, why);
    err = err == ERR_OK ? check_key(&key, why) : err;
    if (err == ERR_OK) {
        buf_puts(&c->authorization, "Bearer ");
        buf_put_slice(&c->authorization, buf_slice(&key));
    }
    secret_done(&key);
    return err;
}

enum err client_open(const struct ctl_settings *s, const struct client_args *args, bool admin, bool anonymous,
                     struct client **out, struct errmsg *why)
{
    struct client *c = mem_zalloc(sizeof *c);
    c->api = mem_strdup(args->api ? args->api : s->api);
    c->base = mem_strdup(admin ? "/api/admin/v1" : "/api/ext/v1");
    c->ca_file = mem_strdup(args->ca_file ? args->ca_file : s->api_ca_file);
    c->proxy = mem_strdup(s->api_proxy);
    c->way = (struct http_way){c->ca_file, c->proxy};
    c->timeout_ms = args->timeout_ms;
    buf_init(&c->authorization, KEY_MAX + 16);
    for (size_t len = strlen(c->api); len > 0 && c->api[len - 1] == '/'; len--) {
        c->api[len - 1] = '\0';
    }
    const char *refusal = client_refuses(c->api, s->api_allow_http || anonymous);
    enum err err = refusal ? errmsg_set(why, ERR_INVALID, "%.200s: %s", c->api, refusal) : ERR_OK;
    if (err == ERR_OK && !anonymous) {
        err = authorize(c, s, args, admin, why);
    }
    if (err != ERR_OK) {
        client_free(c);
        return err;
    }
    *out = c;
    return ERR_OK;
}

void client_free(struct client *c)
{
    if (!c) {
        return;
    }
    secret_done(&c->authorization);
    free(c->api);
    free(c->base);
    free(c->ca_file);
    free(c->proxy);
    free(c);
}

void client_be_patient(struct client *c)
{
    c->patient = true;
}

void client_request_done(struct client_request *rq)
{
    buf_done(&rq->target);
    json_decref(rq->body);
    http_headers_free(&rq->headers);
}

const struct http_way *client_way(const struct client *c)
{
    return &c->way;
}

void client_url(const struct client *c, const char *target, struct buf *out)
{
    buf_printf(out, "%s%s%s", c->api, c->base, target);
}

void client_headers(const struct client *c, struct http_headers *out)
{
    if (c->authorization.len > 0) {
        http_headers_add(out, "Authorization", buf_cstr(&c->authorization));
    }
}

/* -------- asking -------- */

void client_sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
}

static enum err exchange(const struct client *c, const struct client_request *rq, struct http_answer *answer, struct errmsg *why)
{
    struct http_headers headers = {0};
    struct buf url;
    char *body = rq->body ? json_dumps(rq->body, JSON_COMPACT) : NULL;
    buf_init(&url, 64UL * 1024);
    client_url(c, buf_cstr(&rq->target), &url);
    client_headers(c, &headers);
    http_headers_add(&headers, "Accept", "application/json");
    if (body) {
        http_headers_add(&headers, "Content-Type", "application/json");
    }
    for (size_t i = 0; i < rq->headers.count; i++) {
        http_headers_add(&headers, rq->headers.items[i].name, rq->headers.items[i].value);
    }
    const struct http_request http = {rq->method, buf_cstr(&url), &headers, slice_str(body), c->timeout_ms};
    enum err err = http_exchange(&c->way, &http, ANSWER_MAX, answer, why);
    for (size_t i = 0; i < headers.count; i++) {
        OPENSSL_cleanse(headers.items[i].value, strlen(headers.items[i].value));
    }
    http_headers_free(&headers);
    buf_done(&url);
    if (body) {
        OPENSSL_cleanse(body, strlen(body)); /* a key may be in it */
    }
    free(body);
    return err;
}

/* How often and how long one question has been put. */
struct asking {
    int repeats;
    int64_t waited_s; /* because of 429 */
};

static int64_t pause_of(int repeats)
{
    int64_t ms = (int64_t)PAUSE_MS << (repeats < 8 ? repeats : 8);
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

/* Whether to ask again, after having waited. */
static bool ask_again(const struct client *c, const struct client_request *rq, enum err err, const struct http_answer *answer,
                      struct asking *asking)
{
    if (err == ERR_OK && answer->status == 429) {
        const char *given = http_headers_find(&answer->headers, "Retry-After");
        int64_t wait_s = given ? strtoll(given, NULL, 10) : 1;
        wait_s = wait_s < 1 ? 1 : wait_s;
        if (asking->waited_s + wait_s > WAIT_MAX_S && !c->patient) {
            return false;
        }
        ctl_warn("the API asks to wait %lld s", (long long)wait_s);
        asking->waited_s += wait_s;
        client_sleep_ms((wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S) * 1000);
        return true;
    }
    bool away = err == ERR_AGAIN || (err == ERR_OK && answer->status >= 502 && answer->status <= 504);
    if (!away || !rq->repeatable || (asking->repeats >= REPEATS && !c->patient)) {
        return false;
    }
    client_sleep_ms(pause_of(asking->repeats++));
    return true;
}

static int refuse(const struct client_request *rq, const struct http_answer *answer)
{
    struct buf text;
    buf_init(&text, 64UL * 1024);
    int status = problem_explain(answer->status, buf_slice(&answer->body), rq->fields, rq->field_count, &text);
    (void)ctl_usage("%s", buf_cstr(&text));
    buf_done(&text);
    return status;
}

static int take(const struct http_answer *answer, json_t **out)
{
    *out = NULL;
    if (answer->status == 204 || answer->body.len == 0) {
        return CTL_OK;
    }
    *out = json_loadb(answer->body.p, answer->body.len, JSON_ALLOW_NUL, NULL);
    if (!*out) {
        (void)ctl_usage("the answer is no JSON: is that the API's address?");
        return CTL_FAILED;
    }
    return CTL_OK;
}

int client_ask(struct client *c, const struct client_request *rq, json_t **out, bool *replayed)
{
    struct asking asking = {0};
    struct http_answer answer;
    struct errmsg why;
    int status = CTL_FAILED;
    enum err err = exchange(c, rq, &answer, &why);
    while (ask_again(c, rq, err, &answer, &asking)) {
        http_answer_done(&answer);
        err = exchange(c, rq, &answer, &why);
    }
    if (err != ERR_OK) {
        status = ctl_fail(err, &why);
    } else if (answer.status >= 200 && answer.status < 300) {
        *replayed = http_headers_find(&answer.headers, "Idempotent-Replayed") != NULL;
        status = take(&answer, out);
    } else {
        status = refuse(rq, &answer);
    }
    http_answer_done(&answer);
    return status;
}

int client_get(struct client *c, const char *target, json_t **out)
{
    struct client_request rq = {.method = "GET", .repeatable = true};
    bool replayed = false;
    buf_init(&rq.target, 8192);
    buf_puts(&rq.target, target);
    int status = client_ask(c, &rq, out, &replayed);
    client_request_done(&rq);
    return status;
}
