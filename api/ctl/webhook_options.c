#include "ctl/webhook_options.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define AT(field) offsetof(struct webhook_args, field)

#define SHARED_OPTIONS                                                                                                           \
    {"url", OPT_TEXT, "URL", "where deliveries are sent", AT(url), 0, 0, 0},                                                     \
        {"events", OPT_TEXT, "A,B,...", "events it wants, * for all but extensions (create: default *)", AT(events), 0, 0, 0},   \
        {"path-pattern", OPT_LIST, "GLOB", "only these paths; may be repeated; an empty one: all", AT(patterns), 0, 0, 0},       \
        {"description", OPT_TEXT, "D", "text for people", AT(description), 0, 0, 0},                                             \
        {"max-attempts", OPT_INT, "N", "attempts at most, 1 to 20 (create: default 3)", AT(max_attempts), 1, 20, -1},            \
        {"timeout-ms", OPT_INT, "N", "1000 to 20000 (create: default 10000)", AT(timeout_ms), 1000, 20000, -1},                  \
        {"max-concurrency", OPT_INT, "N", "POSTs at once, 1 to 1024 (create: default 16)", AT(max_concurrency), 1, 1024, -1},    \
        {"rate-limit", OPT_INT, "N", "deliveries a second, 0 for no limit (create: default 0)", AT(rate_limit), 0, 1000000, -1}, \
        {"signature", OPT_TEXT, "SCHEME", "trueftp, standard or both (create: default trueftp)", AT(signature), 0, 0, 0},        \
    {                                                                                                                            \
        "header", OPT_LIST, "NAME: VALUE", "sent along; may be repeated; an empty one: none", AT(headers), 0, 0, 0               \
    }

const struct opt webhook_create_options[WEBHOOK_CREATE_OPTIONS] = {
    {"account", OPT_TEXT, "A", "the account it belongs to", AT(account), 0, 0, 0},
    SHARED_OPTIONS,
    {"secret", OPT_TEXT, "S", "this secret instead of a new random one", AT(secret), 0, 0, 0},
    {"secret-file", OPT_TEXT, "F", "the same, from a file; - is standard input", AT(secret_file), 0, 0, 0},
};

const struct opt webhook_update_options[WEBHOOK_UPDATE_OPTIONS] = {
    SHARED_OPTIONS,
    {"enable", OPT_FLAG, NULL, "deliver again", AT(enable), 0, 0, 0},
    {"disable", OPT_TEXT, "REASON", "end all deliveries; the reason is shown to the customer", AT(disable), 0, 0, 0},
    {"pause", OPT_FLAG, NULL, "hold all deliveries until it is enabled again, 30 days at most", AT(pause), 0, 0, 0},
};

static void replace(char **field, const char *text)
{
    if (text) {
        free(*field);
        *field = mem_strdup(text);
    }
}

static enum err apply_events(struct webhook *wh, const char *text, struct errmsg *why)
{
    if (!text) {
        return ERR_OK;
    }
    wh->events = 0;
    wh->all_events = false;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        enum event_type type = EVENT_FILE_UPLOADED;
        if (len == 1 && *p == '*') {
            wh->all_events = true;
        } else if (event_type_parse(slice_of(p, len), &type) == ERR_OK) {
            wh->events |= 1U << (unsigned)type;
        } else {
            return errmsg_set(why, ERR_INVALID, "--events: there is no event \"%.*s\"", len < 64 ? (int)len : 64, p);
        }
        p += len;
        if (*p == '\0') {
            return ERR_OK;
        }
    }
}

static bool is_emptying(const struct opt_list *list)
{
    return list->count == 1 && *list->items[0] == '\0';
}

static enum err apply_patterns(struct webhook *wh, const struct opt_list *list, struct errmsg *why)
{
    if (list->count == 0) {
        return ERR_OK;
    }
    if (list->count > WEBHOOK_MAX_PATTERNS) {
        return errmsg_set(why, ERR_INVALID, "--path-pattern: more than %d", WEBHOOK_MAX_PATTERNS);
    }
    for (size_t i = 0; i < wh->pattern_count; i++) {
        free((void *)(uintptr_t)wh->patterns[i].p);
    }
    wh->pattern_count = 0;
    if (!is_emptying(list)) {
        wh->patterns = mem_array(wh->patterns, list->count, sizeof *wh->patterns);
        for (; wh->pattern_count < list->count; wh->pattern_count++) {
            wh->patterns[wh->pattern_count] = slice_str(mem_strdup(list->items[wh->pattern_count]));
        }
    }
    return ERR_OK;
}

static enum err apply_header(struct webhook *wh, const char *text, struct errmsg *why)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text) {
        return errmsg_set(why, ERR_INVALID, "--header: expected 'Name: value'");
    }
    webhook_add_header(wh, slice_of(text, (size_t)(colon - text)), slice_str(colon + 1 + strspn(colon + 1, " \t")));
    return ERR_OK;
}

static enum err apply_headers(struct webhook *wh, const struct opt_list *list, struct errmsg *why)
{
    enum err err = ERR_OK;
    if (list->count == 0) {
        return ERR_OK;
    }
    if (list->count > WEBHOOK_MAX_HEADERS) {
        return errmsg_set(why, ERR_INVALID, "--header: more than %d", WEBHOOK_MAX_HEADERS);
    }
    webhook_clear_headers(wh);
    for (size_t i = 0; i < list->count && !is_emptying(list) && err == ERR_OK; i++) {
        err = apply_header(wh, list->items[i], why);
    }
    return err;
}

static enum err apply_signature(struct webhook *wh, const char *name, struct errmsg *why)
{
    if (!name) {
        return ERR_OK;
    }
    if (strcmp(name, "trueftp") == 0) {
        wh->signature = WEBHOOK_SIGN_TRUEFTP;
    } else if (strcmp(name, "standard") == 0) {
        wh->signature = WEBHOOK_SIGN_STANDARD;
    } else if (strcmp(name, "both") == 0) {
        wh->signature = WEBHOOK_SIGN_BOTH;
    } else {
        return errmsg_set(why, ERR_INVALID, "--signature: expected trueftp, standard or both, not \"%.64s\"", name);
    }
    return ERR_OK;
}

static void apply_numbers(struct webhook *wh, const struct webhook_args *args)
{
    wh->max_attempts = args->max_attempts < 0 ? wh->max_attempts : (int)args->max_attempts;
    wh->timeout_ms = args->timeout_ms < 0 ? wh->timeout_ms : args->timeout_ms;
    wh->max_concurrency = args->max_concurrency < 0 ? wh->max_concurrency : (int)args->max_concurrency;
    wh->rate_limit_per_second = args->rate_limit < 0 ? wh->rate_limit_per_second : args->rate_limit;
}

static enum err apply_enabled(struct webhook *wh, const struct webhook_args *args, struct errmsg *why)
{
    if (args->enable + args->pause + (args->disable != NULL) > 1) {
        return errmsg_set(why, ERR_INVALID, "--enable, --disable and --pause exclude each other");
    }
    if (args->disable && !*args->disable) {
        return errmsg_set(why, ERR_INVALID, "--disable: a reason is needed");
    }
    if (args->enable || args->disable || args->pause) {
        wh->enabled = args->enable;
        replace(&wh->disabled_reason, args->disable ? args->disable : "");
    }
    return ERR_OK;
}

enum err webhook_apply(struct webhook *wh, const struct webhook_args *args, struct errmsg *why)
{
    replace(&wh->url, args->url);
    replace(&wh->description, args->description);
    apply_numbers(wh, args);
    enum err err = apply_events(wh, args->events, why);
    if (err == ERR_OK) {
        err = apply_patterns(wh, &args->patterns, why);
    }
    if (err == ERR_OK) {
        err = apply_headers(wh, &args->headers, why);
    }
    if (err == ERR_OK) {
        err = apply_signature(wh, args->signature, why);
    }
    return err == ERR_OK ? apply_enabled(wh, args, why) : err;
}
