/* The small texts that parts of the system, and endpoints, send one another: Retry-After, epochs, claims, a commit's metadata,
 * trace parents, times, UUIDs, base64. What is read can be written and reads the same. */
#include "fuzz.h"

#include "core/epoch.h"
#include "core/retry.h"
#include "model/base64.h"
#include "model/uuid.h"
#include "trace.h"
#include "util/clock.h"

static void read_retry_after(struct slice text)
{
    static const struct retry_policy policy = {10000, 6, 21600000};
    int64_t delay = 0;
    if (retry_after_parse(text, 1780000000000, &delay))
        check(delay >= 0);
    struct outcome o = {.http_status = 429, .retry_after = text};
    int64_t next = retry_next_ms(&policy, &o, 1, 1780000000000, 7);
    check(next > 0 && next <= policy.max_ms + policy.max_ms / 5);
}

static void read_epoch(struct slice text)
{
    struct epoch e, again;
    char written[EPOCH_TEXT_SIZE];
    if (epoch_parse(text, &e) != ERR_OK)
        return;
    epoch_format(&e, written);
    check(slice_eq(slice_str(written), text) && epoch_parse(slice_str(written), &again) == ERR_OK);
    check(epoch_compare(&e, &again) == 0);
}

static void read_claim(struct slice text)
{
    struct claim c, again;
    struct buf out;
    struct errmsg why = {""};
    if (claim_parse(text, &c, &why) != ERR_OK) {
        check(*why.text);
        return;
    }
    buf_init(&out, 4096);
    claim_write(&out, &c);
    check(out.err == ERR_OK && claim_parse(buf_slice(&out), &again, &why) == ERR_OK);
    check(again.life == c.life && again.generation == c.generation);
    buf_done(&out);
}

static void read_metadata(const char *text)
{
    struct commit_metadata m, again;
    struct buf out;
    commit_metadata_parse(text, &m);
    check(m.low >= 0 && (*m.log == '\0' || strlen(m.log) == EPOCH_LOG_SIZE - 1));
    if (*m.log == '\0')
        return;
    buf_init(&out, 256);
    commit_metadata_write(&out, m.log, m.low);
    commit_metadata_parse(buf_cstr(&out), &again);
    check(again.low == m.low && strcmp(again.log, m.log) == 0);
    buf_done(&out);
}

static void read_trace(struct slice text)
{
    struct trace trace, again;
    char out[TRACE_PARENT_SIZE];
    if (!trace_parse(text, &trace))
        return;
    trace_format(&trace, text.len, out);
    check(trace_parse(slice_str(out), &again) && slice_eq(trace.id, again.id) && trace.sampled == again.sampled);
}

static void read_values(struct slice text)
{
    struct uuid id;
    char written[UUID_TEXT_SIZE];
    if (uuid_parse(text, &id) == ERR_OK) {
        struct uuid again;
        uuid_format(&id, written);
        check(uuid_parse(slice_str(written), &again) == ERR_OK && memcmp(&id, &again, sizeof id) == 0);
    }
    struct buf bytes, back;
    buf_init(&bytes, text.len + 4);
    buf_init(&back, text.len * 2 + 8);
    if (base64_decode(&bytes, text) == ERR_OK) {
        base64_put(&back, buf_slice(&bytes));
        check(slice_eq(buf_slice(&back), text)); /* strict: one text for the same bytes */
    }
    buf_done(&bytes);
    buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct slice all = slice_str(text);
    read_retry_after(all);
    read_epoch(all);
    read_claim(all);
    read_metadata(text);
    read_trace(all);
    read_values(all);
    free(text);
    return 0;
}
