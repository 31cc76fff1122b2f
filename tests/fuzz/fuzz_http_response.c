/* Fuzzes the response parser: what an endpoint answers, in one piece and in pieces of the input's choice, must mean the same.
 *
 * The first byte is the size of the pieces, the rest is what comes. */
#include <stdint.h>
#include <stdlib.h>

#include "io/http_response.h"
#include "util/err.h"

#define KEPT 4096

static struct http_fields fields;

static enum http_progress feed(struct http_response *r, const uint8_t *data, size_t size, size_t step)
{
    enum http_progress progress = HTTP_MORE;
    for (size_t at = 0; at < size && progress == HTTP_MORE; at += step) {
        size_t len = size - at < step ? size - at : step;
        char *piece = malloc(len); /* of the exact size, so that a read beyond it is seen */
        check(piece != NULL);
        memcpy(piece, data + at, len);
        progress = http_response_take(r, piece, len);
        free(piece);
    }
    return progress;
}

static void look(const struct http_response *r, enum http_progress progress)
{
    check(r->kept.len <= KEPT);
    check(r->retry_after_len <= sizeof r->retry_after);
    check(progress != HTTP_COMPLETE || r->head_complete);
    check(progress != HTTP_BAD || (r->why && !r->head_complete));
    check(!r->head_complete || (r->status >= 200 && r->status <= 999));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_response whole, parts;
    if (size < 2)
        return 0;
    http_response_init(&whole, &fields, KEPT);
    http_response_init(&parts, &fields, KEPT);
    enum http_progress end_whole = feed(&whole, data + 1, size - 1, size);
    enum http_progress end_parts = feed(&parts, data + 1, size - 1, (size_t)data[0] + 1);
    look(&whole, end_whole);
    look(&parts, end_parts);
    check(whole.head_complete == parts.head_complete);
    if (whole.head_complete) {
        size_t common = whole.kept.len < parts.kept.len ? whole.kept.len : parts.kept.len;
        check(whole.status == parts.status && whole.retry_after_len == parts.retry_after_len);
        check(common == 0 || memcmp(whole.kept.p, parts.kept.p, common) == 0);
    }
    http_response_reset(&parts); /* used again, it is as new */
    check(feed(&parts, data + 1, size - 1, size) == end_whole && parts.status == whole.status);
    http_response_done(&whole);
    http_response_done(&parts);
    return 0;
}
