#include "http/uri.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes text in place; what comes out is never longer. */
static enum err decode(char *text, bool plus_is_space, struct errmsg *why)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        char c = *from;
        if (c == '+' && plus_is_space)
            c = ' ';
        if (c == '%') {
            int high = hex_value(from[1]), low = high < 0 ? -1 : hex_value(from[2]);
            if (low < 0)
                return errmsg_set(why, ERR_INVALID, "the target has a %% that is not followed by two hexadecimal digits");
            c = (char)(high * 16 + low);
            from += 2;
        }
        if (c == '\0')
            return errmsg_set(why, ERR_INVALID, "the target has a NUL byte");
        *to++ = c;
    }
    *to = '\0';
    if (!utf8_valid(slice_str(text)))
        return errmsg_set(why, ERR_INVALID, "the target is not UTF-8");
    return ERR_OK;
}

/* text begins with its slash. A slash at the end makes an empty last segment, which no route has. */
static enum err parse_path(char *text, struct uri *out, struct errmsg *why)
{
    char *next = text + 1;
    if (*text != '/')
        return errmsg_set(why, ERR_INVALID, "the target must be a path");
    while (next && (*next || out->segment_count > 0)) {
        char *segment = next;
        next = strchr(segment, '/');
        if (next)
            *next++ = '\0';
        if (out->segment_count == URI_MAX_SEGMENTS)
            return errmsg_set(why, ERR_TOO_BIG, "the path has more than %d segments", URI_MAX_SEGMENTS);
        enum err err = decode(segment, false, why);
        if (err != ERR_OK)
            return err;
        out->segments[out->segment_count++] = segment;
    }
    return ERR_OK;
}

static enum err parse_query(char *text, struct uri *out, struct errmsg *why)
{
    char *next = text;
    while (next && *next) {
        char *name = next;
        next = strchr(name, '&');
        if (next)
            *next++ = '\0';
        char *value = strchr(name, '=');
        if (value)
            *value++ = '\0';
        else
            value = name + strlen(name);
        if (out->pair_count == URI_MAX_PAIRS)
            return errmsg_set(why, ERR_TOO_BIG, "the query has more than %d parameters", URI_MAX_PAIRS);
        enum err err = decode(name, true, why);
        if (err == ERR_OK && value > name)
            err = decode(value, true, why);
        if (err != ERR_OK)
            return err;
        if (uri_query(out, name))
            return errmsg_set(why, ERR_INVALID, "the parameter %.64s is given twice", name);
        out->pairs[out->pair_count++] = (struct uri_pair){name, value};
    }
    return ERR_OK;
}

enum err uri_parse(const char *raw, struct uri *out, struct errmsg *why)
{
    size_t len = strlen(raw);
    if (len > URI_MAX_BYTES)
        return errmsg_set(why, ERR_TOO_BIG, "the target is longer than %d bytes", URI_MAX_BYTES);
    struct uri u = {.storage = mem_dup(raw, len)};
    char *query = strchr(u.storage, '?');
    if (query)
        *query++ = '\0';
    enum err err = parse_path(u.storage, &u, why);
    if (err == ERR_OK && query)
        err = parse_query(query, &u, why);
    if (err != ERR_OK) {
        uri_done(&u);
        return err;
    }
    *out = u;
    return ERR_OK;
}

void uri_done(struct uri *u)
{
    free(u->storage);
    *u = (struct uri){0};
}

const char *uri_query(const struct uri *u, const char *name)
{
    for (size_t i = 0; i < u->pair_count; i++)
        if (strcmp(u->pairs[i].name, name) == 0)
            return u->pairs[i].value;
    return NULL;
}
