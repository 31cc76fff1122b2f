#include "http/router.h"

#include <stdio.h>
#include <string.h>

enum method method_parse(const char *name)
{
    static const struct {
        const char *name;
        enum method method;
    } methods[] = {
        {"GET", METHOD_GET}, {"HEAD", METHOD_GET}, {"POST", METHOD_POST}, {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    return METHOD_OTHER;
}

/* The pattern's next segment, without its slash; *rest moves behind it. */
static struct slice next_segment(const char **rest)
{
    const char *begin = *rest + 1;
    size_t len = strcspn(begin, "/");
    *rest = begin + len;
    return slice_of(begin, len);
}

static bool matches(const char *pattern, const struct uri *uri, struct request_param *params, size_t *param_count)
{
    const char *rest = pattern;
    *param_count = 0;
    for (size_t i = 0; i < uri->segment_count; i++) {
        if (*rest == '\0')
            return false;
        struct slice want = next_segment(&rest);
        if (want.len > 2 && want.p[0] == '{') {
            check(*param_count < REQUEST_PARAMS_MAX);
            if (uri->segments[i][0] == '\0')
                return false;
            params[(*param_count)++] = (struct request_param){slice_of(want.p + 1, want.len - 2), uri->segments[i]};
        } else if (!slice_eq(want, slice_str(uri->segments[i]))) {
            return false;
        }
    }
    return *rest == '\0' || strcmp(rest, "/") == 0;
}

const struct route *router_find(const struct route *routes, size_t count, enum method method, const struct uri *uri,
                                struct request_param *params, size_t *param_count, unsigned *allowed)
{
    const struct route *best = NULL;
    struct request_param found[REQUEST_PARAMS_MAX];
    size_t found_count = 0, best_count = REQUEST_PARAMS_MAX + 1;
    *allowed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!matches(routes[i].pattern, uri, found, &found_count))
            continue;
        *allowed |= routes[i].method;
        if (routes[i].method != method || found_count >= best_count)
            continue;
        best = &routes[i];
        best_count = found_count;
        memcpy(params, found, sizeof found);
    }
    *param_count = best ? best_count : 0;
    return best;
}

void router_allow(unsigned allowed, char out[64])
{
    (void)snprintf(out, 64, "%s%s%s%s", allowed & METHOD_GET ? ", GET, HEAD" : "", allowed & METHOD_POST ? ", POST" : "",
                   allowed & METHOD_PATCH ? ", PATCH" : "", allowed & METHOD_DELETE ? ", DELETE" : "");
    memmove(out, out + 2, strlen(out) - 1);
}
