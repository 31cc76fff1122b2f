/* Who is new in a file of users: baseline, newcomers, rewriting tools, empty files, restarts. The publisher's client is the
 * test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/kafka.h"
#include "producer/users.h"
#include "producer/users_known.h"
#include "spool_reader.h"
#include "util/file.h"
#include "util/log.h"
#include "util/mem.h"

/* -------- formats -------- */

static void each_format_gives_its_users(void **state)
{
    (void)state;
    static const struct {
        enum users_format format;
        const char *text;
        const char *wanted; /* name,home,gid; for each */
        size_t malformed;
    } cases[] = {
        {USERS_PROFTPD, "", "", 0},
        {USERS_PROFTPD, "bob:$1$x:1000:33::/srv/bob:/bin/false\n", "bob,/srv/bob,33;", 0},
        {USERS_PROFTPD, "# c\n\na:x:1:2:g:/h:/s\r\nb:x:1:2:g:/i:", "a,/h,2;b,/i,2;", 0},
        {USERS_PROFTPD, "bob:x:1000:33::/srv/bob\n:x:1:2::/h:/s\nc:x:one:2::/h:/s\n", "", 3},
        {USERS_PUREFTPD, "joe:$7$x:33:33::/srv/joe/./::::::::::::\n", "joe,/srv/joe,33;", 0},
        {USERS_PUREFTPD, "joe:x:33:33::/srv/joe::\nhalf:x:33\n", "joe,/srv/joe,33;", 1},
        {USERS_VSFTPD, "# list\n ann \nbob\t\n\nc d", "ann,,;bob,,;c d,,;", 0},
        {USERS_PASSWD,
         "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:,,,:/home/ann:/bin/sh\nnobody:x:65534:65534::/:/x\n+::::::\n",
         "ann,/home/ann,1000;", 0},
    };
    struct buf got;
    buf_init(&got, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice rest = slice_str(cases[i].text);
        struct users_entry e;
        size_t malformed = 0;
        buf_reset(&got);
        while (users_file_next(cases[i].format, 1000, 59999, &rest, &e, &malformed))
            buf_printf(&got, "%.*s,%.*s,%.*s;", (int)e.name.len, e.name.p, (int)e.home.len, e.home.len ? e.home.p : "",
                       (int)e.gid.len, e.gid.len ? e.gid.p : "");
        assert_string_equal(buf_cstr(&got), cases[i].wanted);
        assert_int_equal(malformed, cases[i].malformed);
    }
    buf_done(&got);
    for (int f = USERS_PROFTPD; f < USERS_FORMAT_COUNT; f++)
        assert_int_equal(users_format_find(users_format_name((enum users_format)f)), f);
    assert_int_equal(users_format_find("x"), USERS_NONE);
}

static void groups_have_names(void **state)
{
    (void)state;
    struct slice groups = SLICE("a:x:1:u,v\nacc_7:x:700:\nbroken\n");
    assert_true(slice_eq(users_file_group(groups, SLICE("700")), SLICE("acc_7")));
    assert_int_equal(users_file_group(groups, SLICE("70")).len, 0);
    assert_int_equal(users_file_group(groups, SLICE("")).len, 0);
    assert_int_equal(users_file_group(SLICE(""), SLICE("1")).len, 0);
}

/* -------- the client -------- */

struct kafka_producer {
    struct kafka_producer_options options;
};

enum { MAX_SENT = 64 };
static struct kafka_producer client;
static struct {
    void *opaque;
    char key[256], value[1024];
} sent[MAX_SENT];
static int sent_count, acked_count;
static bool hold_acks;

enum err kafka_producer_new(const struct kafka_options *k, const struct kafka_producer_options *o, struct kafka_producer **out,
                            struct errmsg *why)
{
    (void)k;
    (void)why;
    client.options = *o;
    *out = &client;
    return ERR_OK;
}

enum err kafka_produce(struct kafka_producer *p, const char *topic, int32_t partition, struct slice key, struct slice value,
                       const struct kafka_header *headers, int header_count, void *opaque)
{
    (void)p;
    (void)topic;
    (void)partition;
    (void)headers;
    (void)header_count;
    assert_true(sent_count < MAX_SENT);
    snprintf(sent[sent_count].key, sizeof sent[0].key, "%.*s", (int)key.len, key.p);
    snprintf(sent[sent_count].value, sizeof sent[0].value, "%.*s", (int)value.len, value.p);
    sent[sent_count++].opaque = opaque;
    return ERR_OK;
}

void kafka_producer_free(struct kafka_producer *p)
{
    (void)p;
}

static void ack_all(void)
{
    while (acked_count < sent_count)
        client.options.on_ack(client.options.ctx, sent[acked_count++].opaque, ERR_OK, 0, 0);
}

/* -------- the world -------- */

struct world {
    char folder[64], file[128], groups[128];
    struct loop *loop;
    struct loop_timer *wake;
    struct loop_turn *turn;
    struct metrics *metrics;
    struct counters counters;
    struct publisher *publisher;
    struct source_config *config;
    struct users *users;
    int wanted; /* how many events are waited for */
};

static void discard(void *ctx, struct slice line)
{
    (void)ctx;
    (void)line;
}

static void on_refused(void *ctx, enum err err, struct slice key)
{
    (void)ctx;
    (void)err;
    (void)key;
    fail();
}

static void on_wake(void *ctx)
{
    struct world *w = ctx;
    loop_stop(w->loop);
}

static bool on_turn(void *ctx)
{
    struct world *w = ctx;
    if (w->users)
        (void)users_work(w->users);
    publisher_flush(w->publisher);
    if (!hold_acks)
        ack_all();
    if (w->wanted > 0 && sent_count >= w->wanted)
        loop_stop(w->loop);
    return false;
}

static void start(struct world *w)
{
    struct users_options o = {.loop = w->loop,
                              .config = w->config,
                              .publisher = w->publisher,
                              .counters = &w->counters,
                              .data_dir = w->folder,
                              .settle_ms = 20};
    struct errmsg why;
    assert_int_equal(users_new(&o, &w->users, &why), ERR_OK);
    assert_true(users_watching(w->users));
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    struct errmsg why;
    log_set_sink(discard, NULL);
    snprintf(w->folder, sizeof w->folder, "/tmp/test_users_XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->file, sizeof w->file, "%s/ftpd.passwd", w->folder);
    snprintf(w->groups, sizeof w->groups, "%s/ftpd.group", w->folder);
    w->loop = loop_new();
    w->wake = loop_timer_new(w->loop, on_wake, w);
    w->turn = loop_turn_new(w->loop, LOOP_ORDER_WORK, on_turn, w);
    w->metrics = metrics_new();
    counters_register(&w->counters, w->metrics);
    struct kafka_options kafka = {.loop = w->loop, .metrics = w->metrics};
    struct publish_options o = {.kafka = &kafka, .topic_prefix = "t", .refused = on_refused, .ctx = w};
    assert_int_equal(publisher_new(&o, &w->publisher, &why), ERR_OK);
    routes_set_partitions(publisher_routes(w->publisher), "t.events", 4);
    w->config = source_config_new("accounts");
    w->config->is_users = true;
    w->config->users = USERS_PROFTPD;
    w->config->path = mem_strdup(w->file);
    assert_int_equal(account_rule_parse("user:{account}", &w->config->account, &why), ERR_OK);
    sent_count = acked_count = 0;
    hold_acks = false;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    users_free(w->users);
    publisher_free(w->publisher);
    source_config_free(w->config);
    loop_turn_free(w->turn);
    loop_timer_free(w->wake);
    metrics_free(w->metrics);
    loop_free(w->loop);
    spool_reader_remove(w->folder);
    free(w);
    log_set_sink(NULL, NULL);
    return 0;
}

static void run_for(struct world *w, int ms)
{
    w->wanted = 0;
    loop_timer_arm(w->wake, ms);
    loop_run(w->loop);
}

/* Until so many events were sent in all, and a little longer: no more may come. */
static void expect_sent(struct world *w, int count)
{
    w->wanted = count;
    loop_timer_arm(w->wake, 10000);
    if (sent_count < count)
        loop_run(w->loop);
    run_for(w, 100);
    assert_int_equal(sent_count, count);
}

static void put_line(struct buf *text, const char *name)
{
    buf_printf(text, "%s:x:1000:700::/srv/%s:/bin/false\n", name, name);
}

/* names: separated by blanks. In place, as ftpasswd does, or by a rename, as pure-pw does. */
static void write_users(struct world *w, const char *names, bool in_place)
{
    struct buf text;
    struct errmsg why;
    char copy[256], *rest = copy, *name;
    buf_init(&text, 65536);
    snprintf(copy, sizeof copy, "%s", names);
    while ((name = strsep(&rest, " "))) {
        if (*name)
            put_line(&text, name);
    }
    if (in_place) {
        FILE *f = fopen(w->file, "w");
        assert_non_null(f);
        fputs(buf_cstr(&text), f);
        fclose(f);
    } else {
        assert_int_equal(file_replace(w->file, buf_slice(&text), 0600, &why), ERR_OK);
    }
    buf_done(&text);
}

static void restart(struct world *w)
{
    users_save(w->users);
    users_free(w->users);
    w->users = NULL;
    start(w);
}

/* -------- stories -------- */

static void newcomers_are_announced_and_the_first_look_is_not(void **state)
{
    struct world *w = *state;
    write_users(w, "ann bob", true);
    start(w);
    run_for(w, 150);
    assert_int_equal(sent_count, 0);
    write_users(w, "ann bob cid", false);
    expect_sent(w, 1);
    assert_string_equal(sent[0].key, "cid/cid");
    assert_non_null(strstr(sent[0].value, "\"event\":\"ftp_user.created\""));
    assert_non_null(strstr(sent[0].value, "\"username\":\"cid\",\"home\":\"/srv/cid\",\"frontend\":\"proftpd\""));
    write_users(w, "dan ann bob cid", true);
    expect_sent(w, 2);
    assert_string_equal(sent[1].key, "dan/dan");
}

static void what_came_while_it_was_down_is_found_at_the_start(void **state)
{
    struct world *w = *state;
    write_users(w, "ann", true);
    start(w);
    run_for(w, 100);
    users_free(w->users);
    w->users = NULL;
    write_users(w, "ann bob", true);
    start(w);
    expect_sent(w, 1);
    restart(w);
    run_for(w, 150);
    assert_int_equal(sent_count, 1);
}

/* Not known before the acknowledgement: after a crash it is sent again, and is the same event. */
static void what_was_not_acknowledged_is_sent_again(void **state)
{
    struct world *w = *state;
    write_users(w, "ann", true);
    start(w);
    run_for(w, 100);
    hold_acks = true;
    write_users(w, "ann bob", true);
    expect_sent(w, 1);
    users_tick(w->users);
    assert_int_not_equal(users_oldest_ms(w->users), INT64_MAX);
    restart(w);
    expect_sent(w, 2);
    assert_string_equal(sent[0].value, sent[1].value);
    acked_count = 1; /* the first one's track is gone with its owner */
    ack_all();
    users_tick(w->users);
    restart(w);
    run_for(w, 150);
    assert_int_equal(sent_count, 2);
}

static void an_empty_file_changes_nothing_and_alarms(void **state)
{
    struct world *w = *state;
    write_users(w, "ann bob", true);
    start(w);
    run_for(w, 100);
    write_users(w, "", true);
    run_for(w, 150);
    assert_true(*w->counters.users_alarms[USERS_EMPTY] >= 1);
    write_users(w, "ann bob cid", true);
    expect_sent(w, 1);
    unlink(w->file);
    restart(w);
    run_for(w, 100);
    assert_true(*w->counters.users_alarms[USERS_UNREADABLE] >= 1);
    write_users(w, "ann bob cid", true);
    run_for(w, 150);
    assert_int_equal(sent_count, 1);
}

/* The first look must not take a file that is being rewritten for a server without users. */
static void an_empty_file_is_no_baseline(void **state)
{
    struct world *w = *state;
    write_users(w, "", true);
    start(w);
    run_for(w, 100);
    assert_int_equal(*w->counters.users_alarms[USERS_EMPTY], 1);
    write_users(w, "ann bob", true);
    run_for(w, 150);
    assert_int_equal(sent_count, 0);
    write_users(w, "ann bob cid", true);
    expect_sent(w, 1);
}

static void an_old_empty_file_is_one(void **state)
{
    struct world *w = *state;
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    write_users(w, "", true);
    assert_int_equal(utimensat(AT_FDCWD, w->file, old, 0), 0);
    start(w);
    run_for(w, 100);
    assert_int_equal(*w->counters.users_alarms[USERS_EMPTY], 0);
    write_users(w, "ann", true);
    expect_sent(w, 1);
}

/* Half a file, for longer than a look takes: read only when it is quiet. */
static void a_file_that_is_being_written_is_waited_for(void **state)
{
    struct world *w = *state;
    struct buf text;
    write_users(w, "ann", true);
    start(w);
    run_for(w, 100);
    buf_init(&text, 65536);
    put_line(&text, "ann");
    put_line(&text, "bob");
    put_line(&text, "cid");
    FILE *f = fopen(w->file, "w");
    assert_non_null(f);
    for (size_t i = 0; i < text.len; i += 8) {
        fwrite(text.p + i, 1, text.len - i < 8 ? text.len - i : 8, f);
        fflush(f);
        run_for(w, 5);
        assert_int_equal(sent_count, 0);
    }
    fclose(f);
    expect_sent(w, 2);
    assert_int_equal(*w->counters.users_alarms[USERS_MALFORMED], 0);
    buf_done(&text);
}

static void users_who_vanish_and_return_are_not_new(void **state)
{
    struct world *w = *state;
    write_users(w, "ann bob cid", true);
    start(w);
    run_for(w, 100);
    write_users(w, "ann", true);
    run_for(w, 150);
    write_users(w, "ann bob cid dan", true);
    expect_sent(w, 1);
    assert_string_equal(sent[0].key, "dan/dan");
}

static void a_user_without_an_account_waits_for_one(void **state)
{
    struct world *w = *state;
    struct errmsg why;
    write_users(w, "ann", true);
    start(w);
    run_for(w, 100);
    write_users(w, "ann b@b", true); /* its name is no account id */
    run_for(w, 150);
    write_users(w, "ann b@b ", false);
    run_for(w, 150);
    assert_int_equal(sent_count, 0);
    assert_int_equal(*w->counters.quarantined[SOURCE_NO_ACCOUNT], 1); /* said once */
    account_rule_free(w->config->account);
    assert_int_equal(account_rule_parse("constant:acc_1", &w->config->account, &why), ERR_OK);
    write_users(w, "ann b@b", true);
    expect_sent(w, 1);
    assert_string_equal(sent[0].key, "acc_1/b@b");
}

static void the_account_can_be_the_group(void **state)
{
    struct world *w = *state;
    struct errmsg why;
    account_rule_free(w->config->account);
    assert_int_equal(account_rule_parse("group", &w->config->account, &why), ERR_OK);
    w->config->group_file = mem_strdup(w->groups);
    assert_int_equal(file_replace(w->groups, SLICE("acc_7:x:700:\n"), 0600, &why), ERR_OK);
    write_users(w, "ann", true);
    start(w);
    run_for(w, 100);
    write_users(w, "ann bob", true);
    expect_sent(w, 1);
    assert_string_equal(sent[0].key, "acc_7/bob");
}

static void the_set_is_one_files(void **state)
{
    struct world *w = *state;
    char path[128];
    struct errmsg why;
    struct users_known *k;
    snprintf(path, sizeof path, "%s/x.users", w->folder);
    assert_int_equal(users_known_load(path, "/a", &k, &why), ERR_OK);
    assert_false(users_known_begun(k));
    users_known_begin(k);
    users_known_add(k, SLICE("r\xe9n\xe9"));
    users_known_add(k, SLICE("ann"));
    users_known_add(k, SLICE("ann"));
    assert_int_equal(users_known_save(k, &why), ERR_OK);
    users_known_free(k);
    assert_int_equal(users_known_load(path, "/a", &k, &why), ERR_OK);
    assert_true(users_known_begun(k));
    assert_int_equal(users_known_count(k), 2);
    assert_true(users_known_has(k, SLICE("r\xe9n\xe9")));
    assert_false(users_known_has(k, SLICE("an")));
    users_known_free(k);
    static const char *const bad[] = {"", "x", "trueftp.users/1 /b\n", "trueftp.users/1 /a", "trueftp.users/1 /a\nann"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(file_replace(path, slice_str(bad[i]), 0600, &why), ERR_OK);
        assert_int_equal(users_known_load(path, "/a", &k, &why), ERR_INVALID);
        assert_non_null(strstr(why.text, path));
    }
}

static void the_configuration_is_checked(void **state)
{
    (void)state;
#define BASE "[u]\nformat = users\npath = /etc/x\nhost = h\n"
    static const struct {
        const char *text, *why; /* NULL: fine */
    } cases[] = {
        {BASE "users_format = proftpd\naccount = user:{account}\n", NULL},
        {BASE "users_format = passwd\nuid_min = 5\nuid_max = 6\naccount = group\ngroup_file = /etc/group\n", NULL},
        {BASE "account = constant:a\n", "users_format"},
        {BASE "users_format = x\n", "must be proftpd"},
        {BASE "users_format = vsftpd\naccount = record\n", "account = record"},
        {BASE "users_format = proftpd\naccount = group\n", "group_file"},
        {BASE "users_format = vsftpd\naccount = group\ngroup_file = /etc/group\n", "group ids"},
        {BASE "users_format = vsftpd\naccount = constant:a\nsuspect = hold\n", "hold"},
        {BASE "users_format = vsftpd\naccount = constant:a\nuid_min = x\n", "uid_min"},
        {"[u]\nformat = proftpd\npath = /x\nhost = h\naccount = group\nusers_format = passwd\n", "format = users"},
        {"[u]\nformat = nothing\n", "spool, users"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sources s;
        struct errmsg why = {""};
        enum err err = sources_parse("f", slice_str(cases[i].text), &s, &why);
        assert_int_equal(err, cases[i].why ? ERR_INVALID : ERR_OK);
        if (cases[i].why)
            assert_non_null(strstr(why.text, cases[i].why));
        else
            sources_done(&s);
    }
}

static void the_spool_is_a_source_by_itself(void **state)
{
    (void)state;
    struct sources s = {0};
    struct errmsg why;
    sources_add_spool(&s, "/data");
    sources_add_spool(&s, "/data");
    assert_int_equal(s.count, 1);
    assert_ptr_equal(s.list[0]->format, &source_spool);
    assert_string_equal(s.list[0]->path, "/data/spool/events.spool");
    sources_done(&s);
    assert_int_equal(
        sources_parse("f", SLICE("[spool]\nformat = spool\npath = /x/events.spool\naccount = record\nhost = h\n"), &s, &why),
        ERR_OK);
    sources_add_spool(&s, "/data");
    assert_int_equal(s.count, 1);
    assert_string_equal(s.list[0]->path, "/x/events.spool");
    sources_done(&s);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_gives_its_users),
        cmocka_unit_test(groups_have_names),
        STORY(newcomers_are_announced_and_the_first_look_is_not),
        STORY(what_came_while_it_was_down_is_found_at_the_start),
        STORY(what_was_not_acknowledged_is_sent_again),
        STORY(an_empty_file_changes_nothing_and_alarms),
        STORY(an_empty_file_is_no_baseline),
        STORY(an_old_empty_file_is_one),
        STORY(a_file_that_is_being_written_is_waited_for),
        STORY(users_who_vanish_and_return_are_not_new),
        STORY(a_user_without_an_account_waits_for_one),
        STORY(the_account_can_be_the_group),
        STORY(the_set_is_one_files),
        cmocka_unit_test(the_configuration_is_checked),
        cmocka_unit_test(the_spool_is_a_source_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
