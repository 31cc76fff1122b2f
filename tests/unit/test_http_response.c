/* How long a head may be, in how many pieces, and what room it leaves behind. What answers mean: test_http_hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/http_response.h"

#define FIELD "X-Filler: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
#define FIELD_LEN (sizeof FIELD - 1)
#define KEEP 4096

static struct http_fields fields;

/* The bytes of s, as many at a time. */
static enum http_progress take(struct http_response *r, const char *s, size_t len, size_t piece)
{
    char bytes[4096];
    enum http_progress progress = HTTP_MORE;
    assert_true(piece <= sizeof bytes);
    for (size_t at = 0; at < len && progress == HTTP_MORE; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        memcpy(bytes, s + at, n);
        progress = http_response_take(r, bytes, n);
    }
    return progress;
}

/* A head of len bytes or a little less, whose last line is still missing. */
static size_t head_of(char *out, size_t len)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    size_t at = sizeof start - 1;
    memcpy(out, start, at);
    for (; at + FIELD_LEN + 2 <= len; at += FIELD_LEN)
        memcpy(out + at, FIELD, FIELD_LEN);
    return at;
}

static void a_long_head_in_pieces_leaves_no_room_behind(void **state)
{
    static char head[HTTP_HEAD_MAX];
    struct http_response r;
    (void)state;
    http_response_init(&r, &fields, KEEP);
    size_t len = head_of(head, sizeof head);
    assert_int_equal(take(&r, head, len, 1000), HTTP_MORE);
    assert_true(r.pending.cap >= len);
    assert_int_equal(take(&r, "\r\n", 2, 2), HTTP_COMPLETE);
    assert_int_equal(r.status, 200);
    assert_true(r.reusable);
    http_response_reset(&r);
    assert_int_equal(r.pending.cap, 0);

    /* A usual one's is kept. */
    assert_int_equal(take(&r, head, 300, 100), HTTP_MORE);
    http_response_reset(&r);
    assert_in_range(r.pending.cap, 300, 4096);
    http_response_done(&r);
}

static void a_head_that_is_too_long_is_bad(void **state)
{
    static char head[HTTP_HEAD_MAX + 2 * FIELD_LEN];
    struct http_response r;
    (void)state;
    http_response_init(&r, &fields, KEEP);
    assert_int_equal(take(&r, head, head_of(head, sizeof head), 1000), HTTP_BAD);
    assert_string_equal(r.why, "the answer's head is too long");
    http_response_done(&r);
}

/* Heads of 1xx count, each of which is complete. */
static void many_heads_are_too_long_too(void **state)
{
    static const char one[] = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
    struct http_response r;
    size_t count = 0;
    (void)state;
    http_response_init(&r, &fields, KEEP);
    while (take(&r, one, sizeof one - 1, 20) == HTTP_MORE)
        count++;
    assert_int_equal(count, HTTP_HEAD_MAX / (sizeof one - 1));
    assert_string_equal(r.why, "the answer's head is too long");
    http_response_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_head_in_pieces_leaves_no_room_behind),
        cmocka_unit_test(a_head_that_is_too_long_is_bad),
        cmocka_unit_test(many_heads_are_too_long_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
