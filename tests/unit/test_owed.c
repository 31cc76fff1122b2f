/* What was owed, from the history of definitions. Times are seconds before and after the event was logged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "owed/owed.h"
#include "util/clock.h"

#define LOGGED_MS 1780920000000LL
#define HOUR 3600
#define DAY (24 * HOUR)

/* A version of wh_1. wants: "*" for all, "-" for nothing, "x" disabled, "p" paused, "d" deleted. */
struct change {
    int at_s;
    int version;
    char wants;
};

static void add_webhook(struct owed *o, const struct change *c, int created_at_s)
{
    char json[512], created[CLOCK_UTC_SIZE];
    struct errmsg why;
    (void)clock_format_utc(LOGGED_MS + created_at_s * 1000LL, true, created);
    (void)snprintf(
        json, sizeof json,
        "{\"id\":\"wh_1\",\"account_id\":\"acc_1\",\"url\":\"https://a.example/\",\"events\":[\"%s\"],"
        "\"enabled\":%s,\"disabled_reason\":\"%s\",\"secrets\":[{\"sealed\":\"s\"}],\"version\":%d,\"created_at\":\"%s\"}",
        c->wants == '-' ? "dir.created" : "*", c->wants == 'x' || c->wants == 'p' ? "false" : "true",
        c->wants == 'x' ? "gone" : "", c->version, created);
    struct slice text = c->wants == 'd' ? slice_of(NULL, 0) : slice_str(json);
    if (owed_add_webhook(o, SLICE("wh_1"), text, LOGGED_MS + c->at_s * 1000LL, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static const struct event uploaded = {.type = EVENT_FILE_UPLOADED, .path = {"/in/a", 5}};

static void test_webhooks(void **state)
{
    static const struct {
        const char *what;
        int created_at_s;
        struct change changes[4];
        enum owed_verdict expected;
    } cases[] = {
        {"it was there and wants all", -DAY, {{-DAY, 1, '*'}}, OWED_YES},
        {"it wants another event", -DAY, {{-DAY, 1, '-'}}, OWED_NO},
        {"it was disabled", -DAY, {{-DAY, 1, '*'}, {-HOUR, 2, 'x'}}, OWED_NO},
        {"it was paused: what it wants is held", -DAY, {{-DAY, 1, '*'}, {-HOUR, 2, 'p'}}, OWED_YES},
        {"it was enabled again before", -DAY, {{-DAY, 1, '*'}, {-HOUR, 2, 'x'}, {-60, 3, '*'}}, OWED_YES},
        {"it was made later", 60, {{60, 1, '*'}}, OWED_UNSURE}, /* a backlog could have met it */
        {"it was made two days later", 2 * DAY, {{2 * DAY, 1, '*'}}, OWED_NO},
        {"it was made two seconds before", -2, {{-2, 1, '*'}}, OWED_UNSURE},
        {"it was deleted an hour later", -DAY, {{-DAY, 1, '*'}, {HOUR, 0, 'd'}}, OWED_UNSURE},
        {"it was deleted two days later", -DAY, {{-DAY, 1, '*'}, {2 * DAY, 0, 'd'}}, OWED_YES},
        {"it was deleted before", -DAY, {{-DAY, 1, '*'}, {-HOUR, 0, 'd'}}, OWED_NO},
        {"it was changed, and wants all as before", -DAY, {{-DAY, 1, '*'}, {HOUR, 2, '*'}}, OWED_YES},
        {"a loser's record does not count", -DAY, {{-DAY, 2, '*'}, {-HOUR, 2, 'x'}, {-60, 1, 'x'}}, OWED_YES},
        {"older versions are not known", -30 * DAY, {{HOUR, 7, '*'}}, OWED_UNSURE},
        {"older versions are not known, nor wanted since", -30 * DAY, {{HOUR, 7, '-'}}, OWED_NO},
        {"the only known version stands from before", -30 * DAY, {{-HOUR, 7, '*'}}, OWED_YES},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct owed *o = owed_new();
        for (int j = 0; j < 4 && cases[i].changes[j].wants; j++) {
            add_webhook(o, &cases[i].changes[j], cases[i].created_at_s);
        }
        assert_int_equal(owed_count(o), 1);
        enum owed_verdict verdict = owed_verdict(o, 0, &uploaded, LOGGED_MS);
        if (verdict != cases[i].expected) {
            fail_msg("%s: %d, not %d", cases[i].what, verdict, cases[i].expected);
        }
        owed_free(o);
    }
}

static void test_what_is_no_definition_changes_nothing(void **state)
{
    struct owed *o = owed_new();
    struct errmsg why;
    (void)state;
    assert_int_equal(owed_add_webhook(o, SLICE("wh_1"), SLICE("{\"id\":7}"), 0, &why), ERR_INVALID);
    assert_int_equal(owed_count(o), 0);
    owed_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhooks),
        cmocka_unit_test(test_what_is_no_definition_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
