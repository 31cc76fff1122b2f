/* The sources file, the rules for accounts, and what becomes of a fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/policy.h"
#include "producer/sources_file.h"
#include "util/file.h"

#define MINIMAL "[main]\nformat=proftpd\npath=/var/log/w.log\naccount=group\nhost=h\n"

static void a_sources_file_is_read(void **state)
{
    (void)state;
    static const char text[] =
        "# comment\n\n[main]\n format = proftpd \r\npath=/var/log/proftpd/webhook.log\naccount = constant:acc_1\nhost = ftp1\n"
        "start = end\npath_prefix = /srv/{user}\nroot=/srv/{user}\ntemporary_suffixes = .a  .b\nannounce_temporary=0\n"
        "announce_renames = 1\nsuspect = emit\nsuspect_window_ms = 20\n"
        "[other-1]\nformat=proftpd\npath=/b.log\naccount=group\n; the end";
    struct sources s;
    struct errmsg why = {""};
    assert_int_equal(ERR_OK, sources_parse("f", slice_str(text), &s, &why));
    assert_int_equal(2, s.count);
    const struct source_config *c = s.list[0];
    assert_string_equal("main", c->name);
    assert_ptr_equal(&source_proftpd, c->format);
    assert_string_equal("/var/log/proftpd/webhook.log", c->path);
    assert_string_equal("ftp1", c->host);
    assert_true(c->from_end && !c->announce_temporary && c->announce_renames && !c->suspect);
    assert_string_equal("/srv/{user}", c->path_prefix);
    assert_string_equal("/srv/{user}", c->root);
    assert_int_equal(2, c->suffix_count);
    assert_string_equal(".b", c->suffixes[1]);
    assert_int_equal(20, c->suspect_window_ms);
    c = s.list[1];
    assert_string_equal("other-1", c->name);
    assert_true(!c->from_end && c->announce_temporary && !c->announce_renames && c->suspect && !c->path_prefix && !c->root);
    assert_true(strlen(c->host) > 0 && c->suffix_count > 0);
    sources_done(&s);
}

static void a_socket_and_a_hold_are_read(void **state)
{
    (void)state;
    static const char text[] =
        "[main]\nformat=proftpd\npath=/a\naccount=group\nsuspect = hold\nsuspect_hold_ms = 5000\nsuspect_hold_end = drop\n"
        "[app]\nformat=jsonl\nsocket=/run/trueftp/events.sock\nsocket_type=datagram\nsocket_mode=0622\naccount=record\n"
        "spool_max_bytes=2000000\n[app-2]\nformat=jsonl\nsocket=/run/trueftp/b.sock\naccount=constant:a\n";
    struct sources s;
    struct errmsg why = {""};
    assert_int_equal(ERR_OK, sources_parse("f", slice_str(text), &s, &why));
    const struct source_config *c = s.list[0];
    assert_true(c->hold && c->suspect && c->hold_drops);
    assert_int_equal(5000, source_config_options(c).hold_ms);
    c = s.list[1];
    assert_true(!c->hold && c->socket_datagram && c->path == NULL);
    assert_int_equal(0622, c->socket_mode);
    assert_int_equal(2000000, c->spool_max_bytes);
    assert_int_equal(0, source_config_options(c).hold_ms);
    assert_false(s.list[2]->socket_datagram);
    sources_place_spools(&s, "/var/lib/trueftp");
    assert_string_equal("/a", s.list[0]->path);
    assert_string_equal("/var/lib/trueftp/app.spool/events.jsonl", s.list[1]->path);
    sources_done(&s);
}

/* What a record says of its account counts with `record` alone, and contradicts no other rule. */
static void an_account_from_the_record(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *record;
        const char *account; /* NULL: none */
    } cases[] = {
        {"record", "acc_1", "acc_1"},      {"record", "", NULL},
        {"constant:acc_1", "", "acc_1"},   {"constant:acc_1", "acc_1", "acc_1"},
        {"constant:acc_1", "acc_2", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_config *c = source_config_new("x");
        struct event_fields f;
        struct errmsg why;
        struct buf scratch;
        buf_init(&scratch, 4096);
        c->format = &source_jsonl;
        assert_int_equal(ERR_OK, account_rule_parse(cases[i].rule, &c->account, &why));
        struct source_fact fact = {.type = EVENT_FTP_USER_CREATED,
                                   .size_bytes = -1,
                                   .username = SLICE("u"),
                                   .home = SLICE("/h"),
                                   .frontend = i == 0 ? SLICE("own") : SLICE(""),
                                   .account_id = slice_str(cases[i].record)};
        enum policy_verdict verdict = policy_apply(c, &fact, &scratch, &f);
        assert_int_equal(cases[i].account ? POLICY_ANNOUNCE : POLICY_NO_ACCOUNT, verdict);
        if (cases[i].account)
            assert_true(slice_eq(slice_str(cases[i].account), f.account_id));
        assert_true(slice_eq(i == 0 ? SLICE("own") : SLICE("jsonl"), f.frontend));
        assert_true(slice_eq(SLICE("/h"), f.home));
        buf_done(&scratch);
        source_config_free(c);
    }
}

static void what_becomes_of_a_held_upload(void **state)
{
    (void)state;
    static const struct {
        bool hold, drops, superseded;
        const char *suspect;
        enum policy_verdict verdict;
    } cases[] = {
        {false, true, false, "eof", POLICY_ANNOUNCE}, {true, false, false, "eof", POLICY_ANNOUNCE},
        {true, true, false, "eof", POLICY_SILENT},    {true, true, false, "", POLICY_ANNOUNCE},
        {true, false, true, "eof", POLICY_SILENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source_config *c = source_config_new("x");
        struct event_fields f;
        struct errmsg why;
        struct buf scratch;
        buf_init(&scratch, 4096);
        c->format = &source_proftpd;
        c->hold = cases[i].hold;
        c->hold_drops = cases[i].drops;
        assert_int_equal(ERR_OK, account_rule_parse("constant:a", &c->account, &why));
        struct source_fact fact = {.type = EVENT_FILE_UPLOADED,
                                   .path = SLICE("/a"),
                                   .suspect = slice_str(cases[i].suspect),
                                   .superseded = cases[i].superseded};
        assert_int_equal(cases[i].verdict, policy_apply(c, &fact, &scratch, &f));
        buf_done(&scratch);
        source_config_free(c);
    }
}

static void a_wrong_sources_file_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "no source"},
        {"format=proftpd\n", "line 1"},
        {"[main\n", "line 1"},
        {"[Main]\n", "line 1"},
        {"[]\n", "line 1"},
        {"[abcdefghijklmnopqrstuvwxyz0123456789]\n", "line 1"},
        {"[main]\nformat=proftpd\n", "has no path"},
        {"[main]\nformat=proftpd\npath=/a\n", "has no account"},
        {"[main]\npath=/a\naccount=group\n", "has no format"},
        {"[main]\nformat=wuftpd\n", "there are: proftpd"},
        {"[main]\npath=webhook.log\n", "line 2"},
        {"[main]\npath=/var/log/\n", "line 2"},
        {"[main]\npath=\n", "line 2"},
        {"[main]\ncolour=red\n", "no such key"},
        {"[main]\nword\n", "line 2"},
        {"[main]\naccount=constant:a/b\n", "not an account id"},
        {"[main]\naccount=groups\n", "none of"},
        {"[main]\naccount=user:x\n", "{account}"},
        {"[main]\naccount=user:{account}*\n", "between"},
        {"[main]\naccount=user:*{account}\n", "at the end only"},
        {"[main]\naccount=table:/nonexistent/table\n", "/nonexistent/table"},
        {"[main]\nstart=now\n", "beginning or end"},
        {"[main]\nannounce_renames=yes\n", "0 or 1"},
        {"[main]\nsuspect=drop\n", "flag, emit or hold"},
        {"[main]\nsuspect_hold_ms=999\n", "1000 to 86400000"},
        {"[main]\nsuspect_hold_end=keep\n", "emit or drop"},
        {"[main]\nsocket=events.sock\n", "absolute"},
        {"[main]\nsocket_type=pipe\n", "stream or datagram"},
        {"[main]\nsocket_mode=0888\n", "octal"},
        {"[main]\nspool_max_bytes=1000\n", "1048576 to"},
        {"[main]\naccount=records\n", "none of"},
        {"[main]\nformat=vsftpd\npath=/a\naccount=constant:a\nsuspect=hold\n", "does not tell"},
        {"[main]\nformat=vsftpd\nsocket=/a\naccount=constant:a\n", "needs format = jsonl"},
        {"[main]\nformat=jsonl\npath=/b\nsocket=/a\naccount=constant:a\n", "one of them"},
        {"[main]\nformat=jsonl\nsocket=/a\naccount=record\n[b]\nformat=jsonl\nsocket=/a\naccount=record\n", "one path"},
        {"[main]\nsuspect_window_ms=0\n", "1 to 10000"},
        {"[main]\nsuspect_window_ms=3s\n", "1 to 10000"},
        {"[main]\npath_prefix=/srv/\n", "line 2"},
        {MINIMAL "[main]\n", "another source"},
        {MINIMAL "[b]\nformat=proftpd\npath=/var/log/w.log\naccount=group\n", "one path"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sources s;
        struct errmsg why = {""};
        assert_int_equal(ERR_INVALID, sources_parse("the-file", slice_str(cases[i].text), &s, &why));
        if (!strstr(why.text, cases[i].says) || strncmp(why.text, "the-file", 8) != 0)
            fail_msg("case %zu: %s", i, why.text);
        assert_int_equal(0, s.count);
    }
}

static void accounts(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *user, *group;
        const char *account; /* NULL: none */
    } cases[] = {
        {"constant:acc_1", "u", "g", "acc_1"},
        {"constant:acc_1", "", "", "acc_1"},
        {"group", "u", "acc_9", "acc_9"},
        {"group", "u", "", NULL},
        {"group", "u", "not an id", NULL},
        {"user:{account}", "acme", "g", "acme"},
        {"user:{account}", "a/b", "g", NULL},
        {"user:{account}", "", "g", NULL},
        {"user:{account}.*", "acme.alice.b", "g", "acme"},
        {"user:{account}.*", "acme", "g", NULL},
        {"user:{account}.*", ".alice", "g", NULL},
        {"user:ftp-{account}", "ftp-acme", "g", "acme"},
        {"user:ftp-{account}", "ftp-", "g", NULL},
        {"user:ftp-{account}", "sftp-acme", "g", NULL},
        {"user:ftp-{account}-in", "ftp-acme-in", "g", "acme"},
        {"user:ftp-{account}-in", "ftp-acme-in-in", "g", "acme-in"},
        {"user:ftp-{account}-in", "ftp-acme-out", "g", NULL},
        {"user:{account}--*", "a-b--c", "g", "a-b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct account_rule *rule;
        struct errmsg why;
        struct slice account = {0};
        assert_int_equal(ERR_OK, account_rule_parse(cases[i].rule, &rule, &why));
        bool found = account_rule_find(rule, slice_str(cases[i].user), slice_str(cases[i].group), &account);
        if (found != (cases[i].account != NULL) || (found && !slice_eq(account, slice_str(cases[i].account))))
            fail_msg("case %zu: %d %.*s", i, found, (int)account.len, account.p ? account.p : "");
        account_rule_free(rule);
    }
}

static char table[64];

static void write_table(const char *text)
{
    struct errmsg why;
    assert_int_equal(ERR_OK, file_replace(table, slice_str(text), 0640, &why));
}

static void a_table_is_read_again_when_it_changes(void **state)
{
    (void)state;
    struct account_rule *rule;
    struct errmsg why = {""};
    struct slice account;
    char text[128];
    snprintf(table, sizeof(table), "/tmp/test_policy.%ld", (long)getpid());
    snprintf(text, sizeof(text), "table:%s", table);
    write_table("# users\nalice acc_1\n\n  bob\tacc_2  \nalice acc_3\n");
    assert_int_equal(ERR_OK, account_rule_parse(text, &rule, &why));
    assert_true(account_rule_find(rule, SLICE("alice"), SLICE(""), &account) && slice_eq(account, SLICE("acc_3")));
    assert_true(account_rule_find(rule, SLICE("bob"), SLICE(""), &account) && slice_eq(account, SLICE("acc_2")));
    assert_false(account_rule_find(rule, SLICE("carol"), SLICE("g"), &account));
    write_table("carol acc_4\n");
    assert_int_equal(ERR_OK, account_rule_refresh(rule, &why));
    assert_true(account_rule_find(rule, SLICE("carol"), SLICE(""), &account) && slice_eq(account, SLICE("acc_4")));
    assert_false(account_rule_find(rule, SLICE("bob"), SLICE(""), &account));
    write_table("carol acc_4\ndave\n");
    assert_int_equal(ERR_INVALID, account_rule_refresh(rule, &why));
    assert_non_null(strstr(why.text, "line 2"));
    assert_true(account_rule_find(rule, SLICE("carol"), SLICE(""), &account));
    assert_int_equal(0, unlink(table));
    assert_int_equal(ERR_IO, account_rule_refresh(rule, &why));
    assert_true(account_rule_find(rule, SLICE("carol"), SLICE(""), &account));
    account_rule_free(rule);
}

static void facts_become_events(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *more; /* lines for the sources file */
        enum event_type type;
        const char *path, *from, *suspect, *group;
        enum policy_verdict verdict;
        enum event_type event;
        const char *event_path, *event_from, *event_suspect;
    } cases[] = {
        {"an upload", "", EVENT_FILE_UPLOADED, "/a", "", "", "acc", POLICY_ANNOUNCE, EVENT_FILE_UPLOADED, "/a", "", ""},
        {"no account", "", EVENT_FILE_UPLOADED, "/a", "", "", "", POLICY_NO_ACCOUNT, 0, "", "", ""},
        {"a temporary upload", "", EVENT_FILE_UPLOADED, "/a.part", "", "", "acc", POLICY_ANNOUNCE, EVENT_FILE_UPLOADED, "/a.part",
         "", ""},
        {"kept silent", "announce_temporary=0\n", EVENT_FILE_UPLOADED, "/a.part", "", "", "acc", POLICY_SILENT, 0, "", "", ""},
        {"a temporary file deleted", "announce_temporary=0\n", EVENT_FILE_DELETED, "/a.part", "", "", "acc", POLICY_ANNOUNCE,
         EVENT_FILE_DELETED, "/a.part", "", ""},
        {"its rename", "", EVENT_FILE_RENAMED, "/a", "/a.part", "", "acc", POLICY_ANNOUNCE, EVENT_FILE_UPLOADED, "/a", "/a.part",
         ""},
        {"to another temporary name", "", EVENT_FILE_RENAMED, "/a.tmp", "/a.part", "", "acc", POLICY_SILENT, 0, "", "", ""},
        {"another rename", "", EVENT_FILE_RENAMED, "/b", "/a", "", "acc", POLICY_SILENT, 0, "", "", ""},
        {"announced", "announce_renames=1\n", EVENT_FILE_RENAMED, "/b", "/a", "", "acc", POLICY_ANNOUNCE, EVENT_FILE_RENAMED,
         "/b", "/a", ""},
        {"own suffixes", "temporary_suffixes=~\n", EVENT_FILE_RENAMED, "/a", "/a~", "", "acc", POLICY_ANNOUNCE,
         EVENT_FILE_UPLOADED, "/a", "/a~", ""},
        {"no suffixes", "temporary_suffixes=\n", EVENT_FILE_RENAMED, "/a", "/a.part", "", "acc", POLICY_SILENT, 0, "", "", ""},
        {"a name that is the suffix", "", EVENT_FILE_RENAMED, "/a", "/.part", "", "acc", POLICY_SILENT, 0, "", "", ""},
        {"a prefix", "path_prefix=/srv/{user}\n", EVENT_FILE_UPLOADED, "/srv/u/a", "", "", "acc", POLICY_ANNOUNCE,
         EVENT_FILE_UPLOADED, "/a", "", ""},
        {"of both names", "path_prefix=/srv/{group}\n", EVENT_FILE_RENAMED, "/srv/acc/a", "/srv/acc/a.tmp", "", "acc",
         POLICY_ANNOUNCE, EVENT_FILE_UPLOADED, "/a", "/a.tmp", ""},
        {"not at a boundary", "path_prefix=/srv/{user}\n", EVENT_FILE_UPLOADED, "/srv/u2/a", "", "", "acc", POLICY_ANNOUNCE,
         EVENT_FILE_UPLOADED, "/srv/u2/a", "", ""},
        {"the prefix itself", "path_prefix=/srv/{user}\n", EVENT_DIR_CREATED, "/srv/u", "", "", "acc", POLICY_ANNOUNCE,
         EVENT_DIR_CREATED, "/", "", ""},
        {"suspect", "", EVENT_FILE_UPLOADED, "/a", "", "why", "acc", POLICY_ANNOUNCE, EVENT_FILE_UPLOADED, "/a", "", "why"},
        {"suspect, emitted", "suspect=emit\n", EVENT_FILE_UPLOADED, "/a", "", "why", "acc", POLICY_ANNOUNCE, EVENT_FILE_UPLOADED,
         "/a", "", ""},
    };
    struct buf scratch, text;
    buf_init(&scratch, 10000);
    buf_init(&text, 10000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sources s;
        struct errmsg why;
        struct event_fields f = {0};
        buf_reset(&text);
        buf_puts(&text, MINIMAL);
        buf_puts(&text, cases[i].more);
        assert_int_equal(ERR_OK, sources_parse("f", buf_slice(&text), &s, &why));
        struct source_fact fact = {.type = cases[i].type,
                                   .path = slice_str(cases[i].path),
                                   .renamed_from = slice_str(cases[i].from),
                                   .suspect = slice_str(cases[i].suspect),
                                   .username = SLICE("u"),
                                   .group = slice_str(cases[i].group)};
        enum policy_verdict verdict = policy_apply(s.list[0], &fact, &scratch, &f);
        if (verdict != cases[i].verdict)
            fail_msg("%s: verdict %d", cases[i].what, (int)verdict);
        if (verdict == POLICY_ANNOUNCE) {
            assert_int_equal(cases[i].event, f.type);
            assert_true(slice_eq(f.path, slice_str(cases[i].event_path)) &&
                        slice_eq(f.renamed_from, slice_str(cases[i].event_from)));
            assert_true(slice_eq(f.suspect, slice_str(cases[i].event_suspect)) && slice_eq(f.account_id, SLICE("acc")));
            assert_true(slice_eq(f.frontend, SLICE("proftpd")));
        }
        sources_done(&s);
    }
    buf_done(&scratch);
    buf_done(&text);
}

static void a_renamed_upload_has_its_size(void **state)
{
    (void)state;
    static const struct {
        const char *uploaded, *from;
        int64_t size;
    } cases[] = {{"/a.part", "/a.part", 5},
                 {"/srv/u/a.part", "/a.part", 5},
                 {"/srv/u2/a.part", "/a.part", -1},
                 {"/b.part", "/a.part", -1},
                 {"", "/a.part", -1}};
    struct sources s;
    struct errmsg why;
    struct buf scratch;
    buf_init(&scratch, 10000);
    assert_int_equal(ERR_OK, sources_parse("f", SLICE(MINIMAL "path_prefix=/srv/{user}\n"), &s, &why));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_fields f;
        struct source_fact fact = {.type = EVENT_FILE_RENAMED,
                                   .path = SLICE("/a"),
                                   .renamed_from = slice_str(cases[i].from),
                                   .size_bytes = -1,
                                   .uploaded_path = slice_str(cases[i].uploaded),
                                   .uploaded_size_bytes = 5,
                                   .username = SLICE("u"),
                                   .group = SLICE("acc")};
        assert_int_equal(POLICY_ANNOUNCE, policy_apply(s.list[0], &fact, &scratch, &f));
        assert_int_equal(EVENT_FILE_UPLOADED, f.type);
        assert_int_equal(cases[i].size, f.size_bytes);
    }
    sources_done(&s);
    buf_done(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sources_file_is_read),
        cmocka_unit_test(a_socket_and_a_hold_are_read),
        cmocka_unit_test(an_account_from_the_record),
        cmocka_unit_test(what_becomes_of_a_held_upload),
        cmocka_unit_test(a_wrong_sources_file_says_where),
        cmocka_unit_test(accounts),
        cmocka_unit_test(a_table_is_read_again_when_it_changes),
        cmocka_unit_test(facts_become_events),
        cmocka_unit_test(a_renamed_upload_has_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
