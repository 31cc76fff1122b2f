/* listen: a webhook's deliveries live, each sent on to a URL of the developer's own machine.
 *
 * What is sent is what the customer's endpoint gets: the same body, byte for byte, and the same headers. The webhook's secret is
 * not known here (the API shows it once), and need not be: the signatures are made by a secret of this session, which is printed
 * at its start and given to the handler; or by the one that is brought along. Each delivery is sent on once, when its first
 * record comes. What is answered is shown, and changes nothing: the delivery itself goes its own way. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/calls.h"
#include "ctl/display.h"
#include "ctl/forward.h"
#include "ctl/secret.h"
#include "ctl/seen.h"
#include "ctl/stream.h"
#include "model/signature.h"
#include "util/clock.h"

#define ANSWER_MAX (1024UL * 1024)
#define TEXT_MAX (16UL * 1024 * 1024)

struct args {
    const char *forward_to, *secret_file, *event;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"forward-to", OPT_TEXT, "URL", "where each delivery is sent on, as http://localhost:3000/hook", AT(forward_to), 0, 0, 0},
    {"secret-file", OPT_TEXT, "FILE", "sign by this secret instead of a new one; - is standard input", AT(secret_file), 0, 0, 0},
    {"event", OPT_TEXT, "NAME", "only deliveries of this event", AT(event), 0, 0, 0},
};

struct listening {
    struct ctl *ctl;
    const struct args *args;
    struct forward_keys *keys; /* NULL: nothing is sent on */
    int64_t timeout_ms;        /* the webhook's */
    struct seen *seen;         /* delivery ids */
    bool withheld;             /* it was said that headers are missing */
};

static void path_of(const struct listening *l, struct buf *out, const char *path, const char *delivery_id)
{
    const char *const arguments[] = {l->ctl->argument, delivery_id};
    buf_init(out, 8192);
    call_path(out, path, arguments);
}

/* -------- sending on -------- */

/* What the handler made of it. */
struct outcome {
    int status; /* 0: no answer */
    int64_t duration_ms;
    struct errmsg why;
};

static void send_on(struct listening *l, const json_t *delivery, struct slice body, struct outcome *out)
{
    static const struct http_way direct;
    struct http_headers headers = {0};
    struct http_answer answer;
    if (!l->withheld && forward_withheld(delivery)) {
        l->withheld = true;
        ctl_note("the webhook's own headers are not sent on: their values are shown to a key with the scope write alone");
    }
    forward_headers(l->keys, delivery, body, clock_wall_ms() / 1000, &headers);
    const struct http_request rq = {"POST", l->args->forward_to, &headers, body, l->timeout_ms};
    *out = (struct outcome){0};
    if (http_exchange(&direct, &rq, ANSWER_MAX, &answer, &out->why) == ERR_OK) {
        out->status = answer.status;
    }
    out->duration_ms = answer.duration_ms;
    http_answer_done(&answer);
    http_headers_free(&headers);
}

static void print_text(const json_t *delivery, const struct outcome *outcome)
{
    static const char *const shown[] = {"updated_at", "event", "path", "delivery_id"};
    struct buf line;
    buf_init(&line, TEXT_MAX);
    for (size_t i = 0; i < COUNT(shown); i++) {
        buf_puts(&line, i > 0 ? "  " : "");
        table_put_value(&line, json_object_get(delivery, shown[i]));
    }
    if (outcome && outcome->status > 0) {
        buf_printf(&line, "\n    -> %d in %lld ms", outcome->status, (long long)outcome->duration_ms);
    } else if (outcome) {
        buf_puts(&line, "\n    -> ");
        display_put(&line, slice_str(outcome->why.text));
    }
    (void)puts(buf_cstr(&line));
    buf_done(&line);
}

/* The delivery's summary and, where it was sent on, "forwarded". */
static void print_json(const json_t *delivery, const struct outcome *outcome)
{
    json_t *line = json_copy((json_t *)(uintptr_t)delivery);
    (void)json_object_del(line, "attempts");
    (void)json_object_del(line, "history");
    if (outcome && outcome->status > 0) {
        (void)json_object_set_new(
            line, "forwarded",
            json_pack("{s:i,s:I}", "status", outcome->status, "duration_ms", (json_int_t)outcome->duration_ms));
    } else if (outcome) {
        (void)json_object_set_new(line, "forwarded", json_pack("{s:n,s:s}", "status", "error", outcome->why.text));
    }
    display_print_json(line, true);
    json_decref(line);
}

static void print(const struct listening *l, const json_t *delivery, const struct outcome *outcome)
{
    if (l->ctl->json) {
        print_json(delivery, outcome);
    } else {
        print_text(delivery, outcome);
    }
    (void)fflush(stdout);
}

static void forward(struct listening *l, const json_t *delivery)
{
    const json_t *body = json_object_get(delivery, "body");
    struct outcome outcome = {0};
    if (json_is_string(body)) {
        send_on(l, delivery, slice_of(json_string_value(body), json_string_length(body)), &outcome);
    } else {
        (void)errmsg_set(&outcome.why, ERR_NOT_FOUND, "its body is not kept any more");
    }
    print(l, delivery, &outcome);
}

/* A delivery met for the first time. What cannot be read was said so; the next one is another matter. */
static void take(struct listening *l, const json_t *summary)
{
    const char *id = json_string_value(json_object_get(summary, "delivery_id"));
    const char *event = json_string_value(json_object_get(summary, "event"));
    json_t *delivery = NULL;
    struct buf target;
    if (!id || seen_before(l->seen, id) || (l->args->event && (!event || strcmp(event, l->args->event) != 0))) {
        return;
    }
    if (!l->keys) {
        print(l, summary, NULL);
        return;
    }
    path_of(l, &target, "/webhooks/{}/deliveries/{}", id);
    if (client_get(l->ctl->client, buf_cstr(&target), &delivery) == CTL_OK) {
        forward(l, delivery);
    }
    json_decref(delivery);
    buf_done(&target);
}

/* -------- following -------- */

/* The newest deliveries, the oldest of them first; known: they were there before the stream, and are only remembered. */
static int read_last(struct listening *l, bool known)
{
    json_t *page = NULL;
    struct buf target;
    path_of(l, &target, "/webhooks/{}/deliveries?limit=100", NULL);
    int status = client_get(l->ctl->client, buf_cstr(&target), &page);
    const json_t *rows = json_object_get(page, "data");
    for (size_t i = json_array_size(rows); i-- > 0;) {
        const json_t *summary = json_array_get(rows, i);
        const char *id = json_string_value(json_object_get(summary, "delivery_id"));
        if (!known) {
            take(l, summary);
        } else if (id) {
            (void)seen_before(l->seen, id);
        }
    }
    json_decref(page);
    buf_done(&target);
    return status;
}

static int on_opened(void *ctx)
{
    int status = read_last(ctx, false); /* what came since it began */
    ctl_note("ready");
    return status;
}

static void on_delivery(void *ctx, json_t *summary)
{
    take(ctx, summary);
}

static int on_reset(void *ctx)
{
    return read_last(ctx, false);
}

static const struct stream_handler handler = {on_opened, on_delivery, on_reset};

/* -------- beginning -------- */

static enum err choose_secret(const struct args *a, struct buf *out, struct errmsg *why)
{
    char fresh[SIGNATURE_SECRET_SIZE];
    if (a->secret_file) {
        return secret_read(NULL, a->secret_file, out, why);
    }
    signature_new_secret(fresh);
    enum err err = secret_read(fresh, NULL, out, why);
    if (err == ERR_OK) {
        ctl_note("signing by the secret of this session: %s", fresh);
    }
    OPENSSL_cleanse(fresh, sizeof fresh);
    return err;
}

static enum err make_keys(struct listening *l, const json_t *webhook, struct errmsg *why)
{
    const char *scheme = json_string_value(json_object_get(webhook, "signature"));
    struct buf secret = {0};
    enum err err = choose_secret(l->args, &secret, why);
    if (err == ERR_OK) {
        err = forward_keys_new(buf_slice(&secret), scheme ? scheme : "trueftp", &l->keys, why);
    }
    secret_done(&secret);
    return err;
}

/* The webhook tells how it signs and how long an answer may take. */
static int begin(struct listening *l)
{
    json_t *webhook = NULL;
    struct buf target;
    struct errmsg why;
    path_of(l, &target, "/webhooks/{}", NULL);
    int status = client_get(l->ctl->client, buf_cstr(&target), &webhook);
    buf_done(&target);
    l->timeout_ms = json_integer_value(json_object_get(webhook, "timeout_ms"));
    if (status == CTL_OK && l->args->forward_to && make_keys(l, webhook, &why) != ERR_OK) {
        status = ctl_usage("%s", why.text);
    }
    json_decref(webhook);
    return status;
}

static int run(struct ctl *ctl, const void *args)
{
    struct listening l = {.ctl = ctl, .args = args};
    if (l.args->forward_to && !http_is_url(l.args->forward_to)) {
        return ctl_usage("--forward-to: expected http://host[:port]/path");
    }
    if (l.args->secret_file && !l.args->forward_to) {
        return ctl_usage("--secret-file goes with --forward-to");
    }
    l.seen = seen_new();
    int status = begin(&l);
    if (status == CTL_OK) {
        status = read_last(&l, true);
    }
    if (status == CTL_OK) {
        status = stream_follow(ctl->client, ctl->argument, &handler, &l);
    }
    forward_keys_free(l.keys);
    seen_free(l.seen);
    return status;
}

const struct command command_listen = {
    .name = "listen",
    .argument = "WEBHOOK",
    .help = "Prints a webhook's deliveries as they come, and sends them to your handler.\n"
            "With --forward-to each goes there as the customer's endpoint gets it: the same body and headers, signed for the\n"
            "moment by a secret that is printed at the start (or by that of --secret-file): give it to your handler. The\n"
            "handler's answer is shown and changes nothing. Ctrl-C ends it.",
    .needs = COMMAND_API | COMMAND_OUTPUT,
    .options = options,
    .option_count = COUNT(options),
    .args_size = sizeof(struct args),
    .run = run,
};
