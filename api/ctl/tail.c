/* deliveries tail: a webhook's newest deliveries, and with --follow each change from then on.
 *
 * The stream is opened before the list is read, so nothing falls between them; what both tell is shown once. When the stream
 * cannot tell what was missed (`reset`), the newest deliveries are read again. */
#include <stdlib.h>
#include <string.h>

#include "ctl/calls.h"
#include "ctl/display.h"
#include "ctl/seen.h"
#include "ctl/stream.h"

#define LAST_DEFAULT 20
#define LAST_MAX 100
#define TEXT_MAX (16UL * 1024 * 1024)

struct args {
    bool follow;
    const char *status, *event;
    int64_t limit;
};

#define AT(field) offsetof(struct args, field)

static const struct opt options[] = {
    {"follow", OPT_FLAG, NULL, "go on with each change", AT(follow), 0, 0, 0},
    {"limit", OPT_INT, "N", "begin with so many of the newest, 0 to 100 (default 20)", AT(limit), 0, LAST_MAX, LAST_DEFAULT},
    {"status", OPT_TEXT, "S", "only retrying, parked, delivered, failed, cancelled or purged", AT(status), 0, 0, 0},
    {"event", OPT_TEXT, "NAME", "only deliveries of this event", AT(event), 0, 0, 0},
};

struct tail {
    struct ctl *ctl;
    const struct args *args;
    struct seen *seen;
    struct table table;
};

static bool is_member(const json_t *item, const char *member, const char *wanted)
{
    const char *text = json_string_value(json_object_get(item, member));
    return !wanted || (text && strcmp(text, wanted) == 0);
}

/* Each record of a delivery is a change of its own. */
static bool is_new(struct tail *t, const json_t *item)
{
    struct buf key;
    buf_init(&key, 1024);
    table_put_value(&key, json_object_get(item, "delivery_id"));
    table_put_value(&key, json_object_get(item, "updated_at"));
    table_put_value(&key, json_object_get(item, "status"));
    table_put_value(&key, json_object_get(item, "attempt"));
    bool new = !seen_before(t->seen, buf_cstr(&key));
    buf_done(&key);
    return new;
}

static void show(struct tail *t, json_t *item)
{
    struct buf text;
    if (!is_member(item, "status", t->args->status) || !is_member(item, "event", t->args->event) || !is_new(t, item)) {
        return;
    }
    if (t->ctl->json) {
        display_print_json(item, true);
    } else {
        json_t *rows = json_array();
        (void)json_array_append(rows, item);
        buf_init(&text, TEXT_MAX);
        table_put(&t->table, rows, &text);
        (void)fputs(buf_cstr(&text), stdout);
        buf_done(&text);
        json_decref(rows);
    }
    (void)fflush(stdout);
}

/* The newest, the oldest of them first. Who follows knows the others too: they are no changes when they are read again. */
static int show_last(struct tail *t, int64_t limit)
{
    json_t *page = NULL;
    struct buf target;
    if (limit == 0 && !t->args->follow) {
        return CTL_OK;
    }
    buf_init(&target, 8192);
    call_path(&target, "/webhooks/{}/deliveries?limit=", &t->ctl->argument);
    buf_printf(&target, "%lld", (long long)(t->args->follow ? LAST_MAX : limit));
    if (t->args->status) {
        buf_puts(&target, "&status=");
        put_encoded(&target, t->args->status);
    }
    if (t->args->event) {
        buf_puts(&target, "&event=");
        put_encoded(&target, t->args->event);
    }
    int status = client_get(t->ctl->client, buf_cstr(&target), &page);
    const json_t *rows = json_object_get(page, "data");
    for (size_t i = json_array_size(rows); i-- > 0;) {
        if ((int64_t)i < limit) {
            show(t, json_array_get(rows, i));
        } else {
            (void)is_new(t, json_array_get(rows, i));
        }
    }
    json_decref(page);
    buf_done(&target);
    return status;
}

/* -------- following -------- */

static int on_opened(void *ctx)
{
    struct tail *t = ctx;
    return show_last(t, t->args->limit);
}

static void on_delivery(void *ctx, json_t *summary)
{
    show(ctx, summary);
}

static int on_reset(void *ctx)
{
    return show_last(ctx, LAST_MAX);
}

static const struct stream_handler handler = {on_opened, on_delivery, on_reset};

static int run(struct ctl *ctl, const void *args)
{
    struct tail t = {.ctl = ctl, .args = args, .seen = seen_new()};
    t.table = (struct table){.columns = delivery_columns, .count = delivery_column_count, .colour = ctl->colour};
    /* As wide as what comes mostly is: a table that goes on cannot look ahead. */
    static const size_t widths[] = {24, 9, 7, 16, 16, 36};
    memcpy(t.table.widths, widths, sizeof widths);
    int status = t.args->follow ? stream_follow(ctl->client, ctl->argument, &handler, &t) : show_last(&t, t.args->limit);
    seen_free(t.seen);
    return status;
}

const struct command command_deliveries_tail = {
    .group = "deliveries",
    .name = "tail",
    .argument = "WEBHOOK",
    .help = "Prints a webhook's newest deliveries, the newest last.\n"
            "With --follow each change from then on is printed too, and it goes on when the API is away for a while. With "
            "--output json each line is a delivery as the API tells it.",
    .needs = COMMAND_API | COMMAND_OUTPUT,
    .options = options,
    .option_count = COUNT(options),
    .args_size = sizeof(struct args),
    .run = run,
};
