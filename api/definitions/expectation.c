#include "definitions/expectation.h"

#include <stdlib.h>

#include "model/json_members.h"
#include "util/json.h"
#include "util/mem.h"

#define GRACE_DEFAULT_S 900

struct expectation *expectation_new(void)
{
    struct expectation *ex = mem_zalloc(sizeof *ex);
    ex->id = mem_strdup("");
    ex->account_id = mem_strdup("");
    ex->webhook_id = mem_strdup("");
    ex->path = mem_strdup("");
    ex->schedule = mem_strdup("");
    ex->time_zone = mem_strdup("UTC");
    ex->description = mem_strdup("");
    ex->grace_s = GRACE_DEFAULT_S;
    ex->event = EVENT_FILE_UPLOADED;
    return ex;
}

void expectation_free(struct expectation *ex)
{
    if (!ex)
        return;
    free(ex->id);
    free(ex->account_id);
    free(ex->webhook_id);
    free(ex->path);
    free(ex->schedule);
    free(ex->time_zone);
    free(ex->description);
    free(ex);
}

static enum err read_event(const json_t *o, struct expectation *ex, struct errmsg *why)
{
    char *name = mem_strdup(event_type_name(ex->event));
    enum err err = json_member_string(o, "", "event", &name, why);
    if (err == ERR_OK && event_type_parse(slice_str(name), &ex->event) != ERR_OK)
        err = errmsg_set(why, ERR_INVALID, "event: there is no event %.64s", name);
    free(name);
    return err;
}

static enum err read_expectation(const json_t *o, struct expectation *ex, struct errmsg *why)
{
    const struct {
        const char *name;
        char **field;
    } texts[] = {{"id", &ex->id},
                 {"account_id", &ex->account_id},
                 {"webhook_id", &ex->webhook_id},
                 {"path", &ex->path},
                 {"schedule", &ex->schedule},
                 {"time_zone", &ex->time_zone},
                 {"description", &ex->description}};
    enum err err = ERR_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && err == ERR_OK; i++)
        err = json_member_string(o, "", texts[i].name, texts[i].field, why);
    if (err == ERR_OK)
        err = json_member_int64(o, "", "grace_s", 0, INT64_MAX / 1000, &ex->grace_s, why);
    if (err == ERR_OK)
        err = json_member_int64(o, "", "window_s", 0, INT64_MAX / 1000, &ex->window_s, why);
    if (err == ERR_OK)
        err = json_member_int64(o, "", "version", 0, INT64_MAX, &ex->version, why);
    if (err == ERR_OK)
        err = json_member_time(o, "", "created_at", &ex->created_wall_ms, why);
    if (err == ERR_OK && (!*ex->id || !*ex->account_id || !*ex->webhook_id))
        err = errmsg_set(why, ERR_INVALID, "id, account_id and webhook_id are needed");
    return err == ERR_OK ? read_event(o, ex, why) : err;
}

enum err expectation_parse(struct slice json, struct expectation **out, struct errmsg *why)
{
    json_t *root = NULL;
    enum err err = json_members_load(json, &root, why);
    if (err != ERR_OK)
        return err;
    struct expectation *ex = expectation_new();
    err = read_expectation(root, ex, why);
    json_decref(root);
    if (err != ERR_OK) {
        expectation_free(ex);
        return err;
    }
    *out = ex;
    return ERR_OK;
}

void expectation_write(struct buf *out, const struct expectation *ex)
{
    buf_puts(out, "{\"id\":");
    json_put_string(out, slice_str(ex->id));
    json_put_member(out, "account_id", ex->account_id);
    json_put_member(out, "webhook_id", ex->webhook_id);
    json_put_member(out, "path", ex->path);
    json_put_member(out, "schedule", ex->schedule);
    json_put_member(out, "time_zone", ex->time_zone);
    json_put_member(out, "description", ex->description);
    json_put_member_int(out, "grace_s", ex->grace_s);
    json_put_member_int(out, "window_s", ex->window_s);
    json_put_member(out, "event", event_type_name(ex->event));
    json_put_member_int(out, "version", ex->version);
    json_put_member_time(out, "created_at", ex->created_wall_ms);
    buf_putc(out, '}');
}
