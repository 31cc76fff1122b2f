/* Epochs, claim records, commit metadata: small texts with one writer and one reader each. */
#include "core/epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/uuid.h"
#include "util/json.h"

#define CLAIM_SCHEMA "trueftp.claim/1"

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int epoch_compare(const struct epoch *a, const struct epoch *b)
{
    int order = compare_i64(a->life, b->life);
    if (order == 0)
        order = compare_i64(a->generation, b->generation);
    if (order == 0)
        order = compare_i64(a->offset, b->offset);
    return order;
}

void epoch_format(const struct epoch *e, char out[EPOCH_TEXT_SIZE])
{
    snprintf(out, EPOCH_TEXT_SIZE, "%08" PRId64 ".%010" PRId64 ".%019" PRId64, e->life, e->generation, e->offset);
}

/* Exactly `digits` decimal digits at text[at], then the byte `end` (0: the end of the text). */
static bool fixed_number(struct slice text, size_t at, size_t digits, char end, int64_t *out)
{
    int64_t value = 0;
    if (at + digits > text.len)
        return false;
    for (size_t i = at; i < at + digits; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text.p[i] - '0', &value))
            return false;
    }
    if (end == 0 ? at + digits != text.len : at + digits >= text.len || text.p[at + digits] != end)
        return false;
    *out = value;
    return true;
}

enum err epoch_parse(struct slice text, struct epoch *out)
{
    struct epoch e;
    if (!fixed_number(text, 0, 8, '.', &e.life) || !fixed_number(text, 9, 10, '.', &e.generation) ||
        !fixed_number(text, 20, 19, 0, &e.offset))
        return ERR_INVALID;
    *out = e;
    return ERR_OK;
}

int64_t epoch_next_life(int64_t life, int64_t generation, const struct epoch *seen)
{
    if (seen->generation > generation)
        return seen->life + 1 > life ? seen->life + 1 : life;
    return seen->life > life ? seen->life : life;
}

void claim_write(struct buf *out, const struct claim *c)
{
    buf_puts(out, "{\"schema\":\"" CLAIM_SCHEMA "\",\"log\":");
    json_put_string(out, slice_str(c->log));
    buf_printf(out, ",\"life\":%" PRId64 ",\"generation\":%" PRId64 ",\"member\":", c->life, c->generation);
    json_put_string(out, c->member);
    buf_putc(out, '}');
}

static bool quoted_is(const struct json_member *m, const char *text)
{
    size_t len = strlen(text);
    return m && m->kind == JSON_KIND_STRING && m->value.len == len + 2 && memcmp(m->value.p + 1, text, len) == 0;
}

static bool member_int(const struct json_member *m, int64_t *out)
{
    return m && m->kind == JSON_KIND_NUMBER && json_int(m->value, out) == ERR_OK && *out >= 0;
}

enum err claim_parse(struct slice json, struct claim *out, struct errmsg *why)
{
    struct json_member members[16];
    size_t count;
    enum err err = json_split(json, members, 16, &count, why);
    if (err != ERR_OK)
        return err;
    if (!quoted_is(json_find(members, count, "schema"), CLAIM_SCHEMA))
        return errmsg_set(why, ERR_INVALID, "schema: not " CLAIM_SCHEMA);
    const struct json_member *log = json_find(members, count, "log");
    if (!log || log->kind != JSON_KIND_STRING || log->value.len != EPOCH_LOG_SIZE - 1 + 2)
        return errmsg_set(why, ERR_INVALID, "log: not an id of %d characters", EPOCH_LOG_SIZE - 1);
    struct uuid id;
    if (uuid_parse(slice_of(log->value.p + 1, EPOCH_LOG_SIZE - 1), &id) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "log: not a UUID");
    struct claim c = {0};
    memcpy(c.log, log->value.p + 1, EPOCH_LOG_SIZE - 1);
    if (!member_int(json_find(members, count, "life"), &c.life))
        return errmsg_set(why, ERR_INVALID, "life: not a whole number");
    if (!member_int(json_find(members, count, "generation"), &c.generation))
        return errmsg_set(why, ERR_INVALID, "generation: not a whole number");
    *out = c;
    return ERR_OK;
}

void commit_metadata_write(struct buf *out, const char *log, int64_t low)
{
    buf_printf(out, "v1;log=%s;low=%" PRId64, log, low);
}

void commit_metadata_parse(const char *metadata, struct commit_metadata *out)
{
    static const char log[] = "v1;log=", low[] = ";low=";
    *out = (struct commit_metadata){.low = 0};
    if (strncmp(metadata, log, sizeof log - 1) != 0)
        return;
    const char *id = metadata + sizeof log - 1;
    if (strcspn(id, ";") != EPOCH_LOG_SIZE - 1)
        return;
    memcpy(out->log, id, EPOCH_LOG_SIZE - 1);
    const char *rest = id + EPOCH_LOG_SIZE - 1;
    struct slice number = slice_str(rest + (strncmp(rest, low, sizeof low - 1) == 0 ? sizeof low - 1 : 0));
    number.len = strcspn(number.p, ";");
    int64_t value;
    if (number.p != rest && json_int(number, &value) == ERR_OK && value >= 0)
        out->low = value;
}
