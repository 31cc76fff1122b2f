#include "trace.h"

#include <inttypes.h>
#include <stdio.h>

#define FLAG_SAMPLED 1

/* version "-" trace-id "-" parent-id "-" trace-flags */
enum { AT_ID = 3, AT_PARENT = 36, AT_FLAGS = 53, LENGTH = 55 };

static bool is_hex(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] != '0')
            return false;
    return true;
}

static struct slice part(struct slice value, size_t at, size_t len)
{
    return slice_of(value.p + at, len);
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Version 00 has these four fields alone; a later one may have more, after another dash. */
static bool has_form(struct slice v)
{
    if (v.len < LENGTH || v.p[AT_ID - 1] != '-' || v.p[AT_PARENT - 1] != '-' || v.p[AT_FLAGS - 1] != '-')
        return false;
    struct slice version = part(v, 0, 2);
    if (!is_hex(version) || slice_eq(version, SLICE("ff")))
        return false;
    return v.len == LENGTH || (!slice_eq(version, SLICE("00")) && v.p[LENGTH] == '-');
}

bool trace_parse(struct slice value, struct trace *out)
{
    *out = (struct trace){.id = SLICE("")};
    if (!has_form(value))
        return false;
    struct slice id = part(value, AT_ID, TRACE_ID_SIZE), parent = part(value, AT_PARENT, 16), flags = part(value, AT_FLAGS, 2);
    if (!is_hex(id) || is_zero(id) || !is_hex(parent) || is_zero(parent) || !is_hex(flags))
        return false;
    out->id = id;
    out->sampled = (hex_digit(flags.p[1]) & FLAG_SAMPLED) != 0;
    return true;
}

void trace_format(const struct trace *trace, uint64_t span, char out[TRACE_PARENT_SIZE])
{
    check(trace->id.len == TRACE_ID_SIZE);
    snprintf(out, TRACE_PARENT_SIZE, "00-%.32s-%016" PRIx64 "-%02x", trace->id.p, span ? span : 1,
             trace->sampled ? (unsigned)FLAG_SAMPLED : 0U);
}
