#include "producer/policy.h"

#include <string.h>

void policy_expand(struct buf *out, const char *pattern, struct slice user, struct slice group)
{
    while (*pattern) {
        if (strncmp(pattern, "{user}", 6) == 0) {
            buf_put_slice(out, user);
            pattern += 6;
        } else if (strncmp(pattern, "{group}", 7) == 0) {
            buf_put_slice(out, group);
            pattern += 7;
        } else {
            buf_putc(out, *pattern++);
        }
    }
}

/* The path without the prefix; the prefix itself is the root. */
static struct slice strip(struct slice path, struct slice prefix)
{
    if (prefix.len == 0 || path.len < prefix.len || memcmp(path.p, prefix.p, prefix.len) != 0)
        return path;
    if (path.len == prefix.len)
        return SLICE("/");
    if (path.p[prefix.len] != '/')
        return path;
    return slice_of(path.p + prefix.len, path.len - prefix.len);
}

static bool is_temporary(const struct source_config *c, struct slice path)
{
    for (size_t i = 0; i < c->suffix_count; i++) {
        size_t len = strlen(c->suffixes[i]);
        if (path.len > len && memcmp(path.p + path.len - len, c->suffixes[i], len) == 0 && path.p[path.len - len - 1] != '/')
            return true;
    }
    return false;
}

/* The size is told where the session uploaded the file itself just before. */
static enum policy_verdict apply_rename(const struct source_config *c, const struct source_fact *fact, struct slice prefix,
                                        struct event_fields *out)
{
    if (fact->uploaded_path.len > 0 && slice_eq(strip(fact->uploaded_path, prefix), out->renamed_from))
        out->size_bytes = fact->uploaded_size_bytes;
    if (is_temporary(c, out->renamed_from) && !is_temporary(c, out->path)) {
        out->type = EVENT_FILE_UPLOADED;
        return POLICY_ANNOUNCE;
    }
    return c->announce_renames ? POLICY_ANNOUNCE : POLICY_SILENT;
}

/* A record may name its account where the rule says so; else it must not contradict the rule. */
static bool find_account(const struct source_config *c, const struct source_fact *fact, struct slice *account)
{
    if (account_rule_is_record(c->account)) {
        *account = fact->account_id;
        return fact->account_id.len > 0;
    }
    return account_rule_find(c->account, fact->username, fact->group, account) &&
           (fact->account_id.len == 0 || slice_eq(fact->account_id, *account));
}

/* An upload that is not announced: one under a temporary name, one that was held and uploaded again, or is to be dropped. */
static bool is_silent_upload(const struct source_config *c, const struct source_fact *fact, struct slice path)
{
    return (!c->announce_temporary && is_temporary(c, path)) || fact->superseded ||
           (c->hold && c->hold_drops && fact->suspect.len > 0);
}

enum policy_verdict policy_apply(const struct source_config *c, const struct source_fact *fact, struct buf *scratch,
                                 struct event_fields *out)
{
    buf_reset(scratch);
    if (c->path_prefix)
        policy_expand(scratch, c->path_prefix, fact->username, fact->group);
    *out = (struct event_fields){
        .type = fact->type,
        .time_wall_ms = fact->time_wall_ms,
        .time_has_ms = fact->time_has_ms,
        .path = strip(fact->path, buf_slice(scratch)),
        .size_bytes = fact->size_bytes,
        .username = fact->username,
        .client_ip = fact->client_ip,
        .protocol = fact->protocol,
        .session_id = fact->session_id,
        .frontend = fact->frontend.len > 0 ? fact->frontend : slice_str(c->format->name),
        .suspect = c->suspect ? fact->suspect : slice_of(NULL, 0),
        .renamed_from = strip(fact->renamed_from, buf_slice(scratch)),
        .home = fact->home,
        .path_lossy = fact->path_lossy,
    };
    enum policy_verdict verdict = POLICY_ANNOUNCE;
    if (fact->type == EVENT_FILE_RENAMED)
        verdict = apply_rename(c, fact, buf_slice(scratch), out);
    else if (fact->type == EVENT_FILE_UPLOADED && is_silent_upload(c, fact, out->path))
        verdict = POLICY_SILENT;
    if (verdict == POLICY_ANNOUNCE && !find_account(c, fact, &out->account_id))
        return POLICY_NO_ACCOUNT;
    return verdict;
}
