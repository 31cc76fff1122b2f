/* What of a webhook is sealed: header values one by one, and all of it when the key changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/webhook_seal.h"
#include "util/mem.h"

#define NOW 1780920000000LL
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

static char folder[] = "/tmp/test_webhook_seal.XXXXXX";
static char path[64];
static struct keyring *old, *both, *new;

static struct keyring *loaded(const char *text)
{
    struct keyring *k = NULL;
    struct errmsg why = {""};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
    if (keyring_load(path, &k, &why) != ERR_OK)
        fail_msg("%s", why.text);
    return k;
}

static int make_rings(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/keys", folder);
    old = loaded("old " KEY_A "\n");
    both = loaded("new " KEY_B "\nold " KEY_A "\n");
    new = loaded("new " KEY_B "\n");
    return 0;
}

static int remove_rings(void **state)
{
    (void)state;
    keyring_free(old);
    keyring_free(both);
    keyring_free(new);
    unlink(path);
    return rmdir(folder);
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

static struct webhook *plain(void)
{
    struct webhook *wh = webhook_new();
    set(&wh->id, "wh_1");
    set(&wh->account_id, "acc_1");
    set(&wh->url, "https://example.com/");
    wh->all_events = true;
    wh->version = 7;
    webhook_add_header(wh, SLICE("Authorization"), SLICE("Bearer token-1"));
    webhook_add_header(wh, SLICE("X-|-Odd"), SLICE("token-2"));
    return wh;
}

static void add_secret(struct webhook *wh, const struct keyring *k, const char *secret, int64_t version, int64_t expires_wall_ms)
{
    struct buf sealed;
    buf_init(&sealed, 4096);
    assert_int_equal(sealed_seal(k, slice_str(wh->account_id), slice_str(wh->id), version, slice_str(secret), &sealed), ERR_OK);
    wh->secrets[wh->secret_count++] = (struct webhook_secret){mem_strdup(buf_cstr(&sealed)), version, expires_wall_ms};
    buf_done(&sealed);
}

/* All of it by the old key: two secrets, a client key, headers. */
static struct webhook *sealed_by_old(int64_t previous_expires_wall_ms)
{
    struct webhook *wh = plain();
    add_secret(wh, old, "whsec_current", 6, 0);
    add_secret(wh, old, "whsec_previous", 2, previous_expires_wall_ms);
    wh->tls = webhook_tls_new();
    set(&wh->tls->client_certificate, "certificate");
    assert_int_equal(webhook_tls_seal_key(wh->tls, old, wh->account_id, wh->id, 5, SLICE("the client's key")), ERR_OK);
    assert_int_equal(webhook_seal_headers(wh, old), ERR_OK);
    return wh;
}

static void check_opens(enum err err, const struct buf *opened, const char *wanted, const struct errmsg *why)
{
    if (err != ERR_OK)
        fail_msg("%s", why->text);
    assert_string_equal(buf_cstr((struct buf *)(uintptr_t)opened), wanted);
}

static void check_all_open(const struct webhook *wh, const struct keyring *k, const char *const *secrets)
{
    static const char *const values[] = {"Bearer token-1", "token-2"};
    struct slice account = slice_str(wh->account_id), id = slice_str(wh->id);
    struct errmsg why = {""};
    struct buf opened;
    buf_init(&opened, 4096);
    check(wh->secret_count == 2 && wh->header_count == 2);
    for (size_t i = 0; i < wh->secret_count; i++) {
        enum err err =
            sealed_open(k, account, id, wh->secrets[i].sealed_version, slice_str(wh->secrets[i].sealed), &opened, &why);
        check_opens(err, &opened, secrets[i], &why);
        buf_reset(&opened);
    }
    check_opens(webhook_tls_open_key(wh->tls, k, wh->account_id, wh->id, &opened, &why), &opened, "the client's key", &why);
    for (size_t i = 0; i < wh->header_count; i++) {
        buf_reset(&opened);
        check_opens(webhook_open_header(wh, &wh->headers[i], k, &opened, &why), &opened, values[i], &why);
    }
    buf_done(&opened);
}

/* -------- headers -------- */

static void test_headers_are_sealed_and_open(void **state)
{
    (void)state;
    struct webhook *wh = plain(), *again = NULL;
    struct buf record, value;
    struct errmsg why = {""};
    buf_init(&record, 65536);
    buf_init(&value, 4096);
    assert_int_equal(webhook_open_header(wh, &wh->headers[0], new, &value, &why), ERR_OK); /* in the clear, as of old */
    assert_string_equal(buf_cstr(&value), "Bearer token-1");
    assert_int_equal(webhook_seal_headers(wh, new), ERR_OK);
    webhook_write(&record, wh);
    assert_null(strstr(buf_cstr(&record), "token-"));
    assert_non_null(strstr(buf_cstr(&record), "\"Authorization\":{\"sealed\":\"v1.new."));
    assert_int_equal(webhook_parse(buf_slice(&record), &again, &why), ERR_OK);
    buf_reset(&value);
    assert_int_equal(webhook_open_header(again, &again->headers[1], new, &value, &why), ERR_OK);
    assert_string_equal(buf_cstr(&value), "token-2");
    assert_int_equal(again->headers[1].sealed_version, 7);

    char *before = mem_strdup(wh->headers[0].sealed);
    wh->version++;
    assert_int_equal(webhook_seal_headers(wh, new), ERR_OK); /* what is sealed stays as it is */
    assert_string_equal(wh->headers[0].sealed, before);
    free(before);
    webhook_free(wh);
    webhook_free(again);
    buf_done(&record);
    buf_done(&value);
}

/* An envelope is its header's, its webhook's and its version's: nowhere else does it open. */
static void test_a_header_cannot_be_moved(void **state)
{
    (void)state;
    struct webhook *wh = plain(), *other = plain();
    struct buf value;
    struct errmsg why;
    buf_init(&value, 4096);
    assert_int_equal(webhook_seal_headers(wh, new), ERR_OK);
    struct webhook_header moved = wh->headers[0];
    moved.name = wh->headers[1].name;
    assert_int_equal(webhook_open_header(wh, &moved, new, &value, &why), ERR_REFUSED);
    moved = wh->headers[0];
    moved.sealed_version++;
    assert_int_equal(webhook_open_header(wh, &moved, new, &value, &why), ERR_REFUSED);
    set(&other->id, "wh_2");
    assert_int_equal(webhook_open_header(other, &wh->headers[0], new, &value, &why), ERR_REFUSED);
    set(&other->id, "wh_1");
    set(&other->account_id, "acc_2");
    assert_int_equal(webhook_open_header(other, &wh->headers[0], new, &value, &why), ERR_REFUSED);
    /* nor as a secret */
    assert_int_equal(sealed_open(new, SLICE("acc_1"), SLICE("wh_1"), 7, slice_str(wh->headers[0].sealed), &value, &why),
                     ERR_REFUSED);
    assert_int_equal(value.len, 0);
    webhook_free(wh);
    webhook_free(other);
    buf_done(&value);
}

/* -------- another key -------- */

static void test_all_of_it_is_rewrapped(void **state)
{
    (void)state;
    static const char *const secrets[] = {"whsec_current", "whsec_previous"};
    struct webhook *wh = sealed_by_old(NOW + 1);
    struct errmsg why = {""};
    assert_false(webhook_is_rewrapped(wh, both));
    assert_true(webhook_is_rewrapped(wh, old));
    check_all_open(wh, old, secrets);
    wh->version = 8;
    assert_int_equal(webhook_rewrap(wh, both, NOW, &why), ERR_OK);
    assert_true(webhook_is_rewrapped(wh, both));
    assert_int_equal(wh->secret_count, 2);
    check_all_open(wh, new, secrets);                   /* without the old key */
    assert_int_equal(wh->secrets[0].sealed_version, 6); /* which tells a client when a secret came */
    webhook_free(wh);
}

static void test_each_part_counts(void **state)
{
    (void)state;
    for (int part = 0; part < 4; part++) {
        struct webhook *fresh = sealed_by_old(NOW + 1), *stale = sealed_by_old(NOW + 1);
        struct errmsg why = {""};
        assert_int_equal(webhook_rewrap(fresh, both, NOW, &why), ERR_OK);
        if (part < 2)
            set(&fresh->secrets[part].sealed, stale->secrets[part].sealed);
        else if (part == 2)
            set(&fresh->tls->client_key, stale->tls->client_key);
        else
            set(&fresh->headers[1].sealed, stale->headers[1].sealed);
        assert_false(webhook_is_rewrapped(fresh, both));
        webhook_free(fresh);
        webhook_free(stale);
    }
}

static void test_headers_in_the_clear_are_sealed_by_it(void **state)
{
    (void)state;
    struct webhook *wh = plain();
    struct errmsg why = {""};
    add_secret(wh, new, "whsec_current", 1, 0);
    assert_false(webhook_is_rewrapped(wh, new));
    assert_int_equal(webhook_rewrap(wh, new, NOW, &why), ERR_OK);
    assert_true(webhook_is_rewrapped(wh, new));
    assert_string_equal(wh->headers[0].value, "");
    assert_int_equal(wh->headers[0].sealed_version, 7);
    webhook_free(wh);
}

/* A secret that signs no more may be sealed with a key that is lost: it goes. */
static void test_what_is_over_goes(void **state)
{
    (void)state;
    struct webhook *wh = plain();
    struct errmsg why = {""};
    webhook_clear_headers(wh);
    add_secret(wh, new, "whsec_current", 6, 0);
    add_secret(wh, old, "whsec_previous", 2, NOW);
    assert_false(webhook_is_rewrapped(wh, new)); /* a worker would fail to open it */
    assert_int_equal(webhook_rewrap(wh, new, NOW - 1, &why), ERR_NOT_FOUND);
    assert_string_equal(why.text, "secrets: the secret is sealed with key old, which is not in the key file");
    assert_int_equal(webhook_rewrap(wh, new, NOW, &why), ERR_OK);
    assert_int_equal(wh->secret_count, 1);
    webhook_free(wh);
}

static void test_what_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct webhook *wh = sealed_by_old(NOW + 1);
    struct errmsg why = {""};
    set(&wh->secrets[0].sealed, "v1.lost.AAAA.AAAA");
    assert_int_equal(webhook_rewrap(wh, both, NOW, &why), ERR_NOT_FOUND);
    assert_string_equal(why.text, "secrets: the secret is sealed with key lost, which is not in the key file");
    webhook_free(wh);
    wh = sealed_by_old(NOW + 1);
    set(&wh->tls->client_key, wh->secrets[0].sealed);
    assert_int_equal(webhook_rewrap(wh, both, NOW, &why), ERR_REFUSED);
    assert_memory_equal(why.text, "tls.client_key: ", 16);
    webhook_free(wh);
    wh = sealed_by_old(NOW + 1);
    set(&wh->headers[1].sealed, wh->headers[0].sealed);
    assert_int_equal(webhook_rewrap(wh, both, NOW, &why), ERR_REFUSED);
    assert_memory_equal(why.text, "headers: ", 9);
    webhook_free(wh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_are_sealed_and_open),
        cmocka_unit_test(test_a_header_cannot_be_moved),
        cmocka_unit_test(test_all_of_it_is_rewrapped),
        cmocka_unit_test(test_each_part_counts),
        cmocka_unit_test(test_headers_in_the_clear_are_sealed_by_it),
        cmocka_unit_test(test_what_is_over_goes),
        cmocka_unit_test(test_what_cannot_be_opened_is_named),
    };
    return cmocka_run_group_tests(tests, make_rings, remove_rings);
}
