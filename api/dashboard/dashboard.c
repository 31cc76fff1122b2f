#include "dashboard/dashboard.h"

#include <stdlib.h>
#include <string.h>

#include "dashboard/files.h"
#include "http/response.h"

/* SECURITY: "Dashboard". No inline script or style: whatever a customer's file is called, a browser runs only our files. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
                             "frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const char *dashboard_type(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t end = strlen(types[i].end);
        if (len > end && strcmp(path + len - end, types[i].end) == 0)
            return types[i].type;
    }
    return "text/plain; charset=utf-8";
}

bool dashboard_etag_matches(const char *list, const char *etag)
{
    size_t len = strlen(etag);
    while (*list) {
        list += strspn(list, " \t,");
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        size_t item = strcspn(list, ", \t");
        if ((item == len && strncmp(list, etag, len) == 0) || (item == 1 && *list == '*'))
            return true;
        list += item;
    }
    return false;
}

static int by_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct dashboard_file *)file)->path);
}

static const struct dashboard_file *find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    return bsearch(path, dashboard_files, dashboard_file_count, sizeof dashboard_files[0], by_path);
}

static void answer(struct request *rq, const struct dashboard_file *file)
{
    const char *known = request_header(rq, "If-None-Match");
    reply_header(rq, "Content-Security-Policy", "%s", policy);
    reply_header(rq, "Referrer-Policy", "no-referrer");
    reply_header(rq, "Cache-Control", "no-cache");
    reply_header(rq, "ETag", "%s", file->etag);
    if (known && dashboard_etag_matches(known, file->etag))
        reply_empty(rq, 304);
    else
        reply_constant(rq, 200, dashboard_type(file->path), slice_of((const char *)file->bytes, file->size));
}

bool dashboard_answer(struct request *rq)
{
    const struct dashboard_file *file = find(rq->target);
    if (!file)
        return false;
    if (rq->method == METHOD_GET) {
        answer(rq, file);
    } else {
        reply_header(rq, "Allow", "GET, HEAD");
        reply_problem(rq, PROBLEM_METHOD_NOT_ALLOWED, "this path knows GET, HEAD");
    }
    return true;
}
