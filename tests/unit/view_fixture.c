#include "view_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

#define RECORD_MAX (1024UL * 1024)

static const struct view_limits limits = {
    .delivery_age_ms = 30 * DAY_MS, .event_age_ms = 30 * DAY_MS, .deliveries_per_webhook = 1000000, .audit_age_ms = 366 * DAY_MS};

static void open_view(struct view_fixture *f)
{
    struct errmsg why;
    enum err err = store_open(&f->view.store, f->folder, &why);
    if (err != ERR_OK) {
        fail_msg("%s", why.text);
    }
    fold_init(&f->fold, &f->view.store, &limits);
}

struct view_fixture *view_fixture_new(void)
{
    struct view_fixture *f = mem_zalloc(sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/test_view_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->metrics = metrics_new();
    f->view.limits = limits;
    f->view.read_errors = metrics_counter(f->metrics, "trueftp_test_errors_total", "", NULL);
    buf_init(&f->view.scratch, RECORD_MAX);
    open_view(f);
    return f;
}

static void close_view(struct view_fixture *f)
{
    fold_done(&f->fold);
    store_close(&f->view.store);
}

void view_fixture_reopen(struct view_fixture *f)
{
    close_view(f);
    open_view(f);
}

void view_fixture_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry = NULL;
    char path[512];
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(dir);
    (void)rmdir(folder);
}

void view_fixture_free(struct view_fixture *f)
{
    close_view(f);
    view_fixture_remove(f->folder);
    buf_done(&f->view.scratch);
    metrics_free(f->metrics);
    free(f);
}

struct uuid view_fixture_event_id(int number)
{
    struct uuid id = {{0xe0}};
    for (int i = 0; i < 4; i++) {
        id.bytes[15 - i] = (uint8_t)((unsigned)number >> (8U * (unsigned)i));
    }
    return id;
}

struct delivery view_fixture_delivery(int number, enum delivery_status status)
{
    struct delivery dl = {
        .event_id = view_fixture_event_id(number),
        .webhook_id = SLICE("wh_1"),
        .account_id = SLICE("acc_1"),
        .event = EVENT_FILE_UPLOADED,
        .path = SLICE("/in/a.csv"),
        .status = status,
        .revision = 1,
        .max_attempts = 3,
        .event_wall_ms = NOW_MS - 1000,
        .created_wall_ms = NOW_MS,
        .updated_wall_ms = NOW_MS,
        .next_attempt_wall_ms = delivery_is_open(status) ? NOW_MS + 10000 : 0,
        .event_topic = SLICE("t.events"),
    };
    dl.id = delivery_id(&dl.event_id, dl.webhook_id, 0);
    return dl;
}

void view_fixture_attempt(struct delivery *dl, int64_t at_wall_ms, int http_status, int32_t duration_ms)
{
    enum delivery_error error = http_status == 0         ? DELIVERY_ERROR_CONNECT_REFUSED
                                : http_status / 100 == 2 ? DELIVERY_ERROR_NONE
                                                         : DELIVERY_ERROR_HTTP_STATUS;
    dl->attempt++;
    dl->http_status = http_status;
    dl->error = error;
    dl->attempts[dl->attempt_count++] = (struct delivery_attempt){.number = dl->attempt,
                                                                  .started_wall_ms = at_wall_ms,
                                                                  .http_status = http_status,
                                                                  .error = error,
                                                                  .duration_ms = duration_ms,
                                                                  .queued_ms = -1,
                                                                  .dns_ms = -1,
                                                                  .connect_ms = -1,
                                                                  .tls_ms = -1,
                                                                  .first_byte_ms = -1};
}

static void begin(struct view_fixture *f)
{
    struct errmsg why;
    assert_int_equal(store_begin(&f->view.store, &why), ERR_OK);
}

void view_fixture_commit(struct view_fixture *f)
{
    struct errmsg why;
    assert_int_equal(store_commit(&f->view.store, &why), ERR_OK);
}

static struct kafka_record record_of(struct view_fixture *f, struct slice key, struct slice value)
{
    return (struct kafka_record){.topic = "t.deliveries",
                                 .offset = f->offset++,
                                 .timestamp_wall_ms = NOW_MS,
                                 .key = key,
                                 .value = value,
                                 .tombstone = !value.p};
}

static enum err fold_one(struct view_fixture *f, const struct delivery *dl, bool *changed, struct errmsg *why)
{
    char key[UUID_TEXT_SIZE];
    struct buf value;
    buf_init(&value, RECORD_MAX);
    delivery_write(&value, dl);
    uuid_format(&dl->id, key);
    struct kafka_record rec = record_of(f, slice_str(key), buf_slice(&value));
    begin(f);
    enum err err = fold_delivery(&f->fold, &rec, NOW_MS, changed, why);
    buf_done(&value);
    return err;
}

bool view_fixture_fold(struct view_fixture *f, const struct delivery *dl)
{
    struct errmsg why;
    bool changed = false;
    if (fold_one(f, dl, &changed, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return changed;
}

enum err view_fixture_try(struct view_fixture *f, const struct delivery *dl, struct errmsg *why)
{
    bool changed = false;
    return fold_one(f, dl, &changed, why);
}

enum err view_fixture_fold_bytes(struct view_fixture *f, const char *key, const char *value, struct errmsg *why)
{
    struct kafka_record rec = record_of(f, slice_str(key), slice_str(value));
    bool changed = false;
    begin(f);
    return fold_delivery(&f->fold, &rec, NOW_MS, &changed, why);
}

void view_fixture_event(struct view_fixture *f, int number, const char *account, const char *path, int64_t at_wall_ms)
{
    struct buf value;
    struct errmsg why;
    struct event_fields fields = {.id = view_fixture_event_id(number),
                                  .type = EVENT_FILE_UPLOADED,
                                  .time_wall_ms = at_wall_ms,
                                  .time_has_ms = true,
                                  .account_id = slice_str(account),
                                  .path = slice_str(path),
                                  .size_bytes = 7};
    buf_init(&value, RECORD_MAX);
    event_write(&value, &fields);
    struct kafka_record rec = record_of(f, SLICE("k"), buf_slice(&value));
    begin(f);
    enum err err = fold_event(&f->fold, &rec, 1, NOW_MS, &why);
    buf_done(&value);
    if (err != ERR_OK) {
        fail_msg("%s", why.text);
    }
}
