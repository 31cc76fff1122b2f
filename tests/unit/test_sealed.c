/* Key files and sealed secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/base64.h"
#include "model/sealed.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

static const struct slice ACCOUNT = {"acc_1", 5};
static const struct slice WEBHOOK = {"wh_1", 4};
static const struct slice SECRET = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 38};

static char folder[] = "/tmp/test_sealed.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/keys", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void write_file(const char *text, size_t len, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static struct keyring *loaded(const char *text)
{
    struct keyring *k = NULL;
    struct errmsg why = {""};
    write_file(text, strlen(text), 0600);
    if (keyring_load(path, &k, &why) != ERR_OK)
        fail_msg("%s", why.text);
    return k;
}

static void test_key_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *writes;
    } cases[] = {
        {"a " KEY_A, "a"},
        {"a " KEY_A "\n", "a"},
        {"a " KEY_A "\nb " KEY_B "\n", "a"},
        {"# keys\n\n  \t\nb\t" KEY_B "  # from 2026\n\na " KEY_A "\n", "b"},
        {"a " KEY_A "\r\nb " KEY_B "\r\n", "a"},
        {"  2026-06_A  " KEY_A "  \n", "2026-06_A"},
        {"a " KEY_A "# right behind\n", "a"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl " KEY_A,
         "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct keyring *k = loaded(cases[i].text);
        assert_string_equal(keyring_writing_id(k), cases[i].writes);
        keyring_free(k);
    }
    keyring_free(NULL);
}

static void test_key_files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *fault;
    } cases[] = {
        {"", "keys:", "no key"},
        {"\n# nothing\n", "keys:", "no key"},
        {"a", "keys:1:", "base64 of 32 bytes"},
        {"a \n", "keys:1:", "base64 of 32 bytes"},
        {KEY_A "\n", "keys:1:", "key id must be"},
        {"a " KEY_A "\nb\n", "keys:2:", "base64 of 32 bytes"},
        {"# one\n\na " KEY_A " more\n", "keys:3:", "base64 of 32 bytes"},
        {"a " KEY_A "\na " KEY_B "\n", "keys:2:", "twice"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n", "keys:1:", "base64 of 32 bytes"}, /* 31 bytes */
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n", "keys:1:", "base64 of 32 bytes"}, /* 33 bytes */
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", "keys:1:", "base64 of 32 bytes"},  /* no padding */
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n", "keys:1:", "base64 of 32 bytes"}, /* stray bits */
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_=\n", "keys:1:", "base64 of 32 bytes"}, /* other alphabet */
        {"a.b " KEY_A "\n", "keys:1:", "key id must be"},
        {"\xc3\xa4 " KEY_A "\n", "keys:1:", "key id must be"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm " KEY_A, "keys:1:", "key id must be"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct keyring *k = NULL;
        struct errmsg why = {""};
        write_file(cases[i].text, strlen(cases[i].text), 0600);
        if (keyring_load(path, &k, &why) != ERR_INVALID)
            fail_msg("accepted: %s", cases[i].text);
        assert_null(k);
        if (!strstr(why.text, cases[i].place) || !strstr(why.text, cases[i].fault) || strstr(why.text, "AAECAwQF"))
            fail_msg("%s: %s", cases[i].text, why.text);
    }
}

static void test_odd_files(void **state)
{
    (void)state;
    struct keyring *k = NULL;
    struct errmsg why = {""};
    static char large[20000];
    write_file("a\0b " KEY_A, sizeof("a\0b " KEY_A) - 1, 0600);
    assert_int_equal(keyring_load(path, &k, &why), ERR_INVALID);
    memset(large, '#', sizeof(large));
    write_file(large, sizeof(large), 0600);
    assert_int_equal(keyring_load(path, &k, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "larger than"));
    unlink(path);
    assert_int_equal(keyring_load(path, &k, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(keyring_load(folder, &k, &why), ERR_INVALID);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(keyring_load(path, &k, &why), ERR_INVALID); /* and does not hang */
    unlink(path);
    assert_null(k);
}

static void test_many_keys(void **state)
{
    (void)state;
    struct buf text;
    struct keyring *k = NULL;
    struct errmsg why = {""};
    buf_init(&text, 100000);
    for (int i = 0; i < SEALED_KEYS_MAX; i++)
        buf_printf(&text, "k%d %s\n", i, KEY_A);
    keyring_free(loaded(buf_cstr(&text)));
    buf_printf(&text, "more %s\n", KEY_A);
    write_file(text.p, text.len, 0600);
    assert_int_equal(keyring_load(path, &k, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "too many"));
    buf_done(&text);
}

static void test_permissions(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        enum err err;
    } cases[] = {
        {0600, ERR_OK},      {0400, ERR_OK},      {0440, ERR_OK},      {0640, ERR_OK},      {0700, ERR_OK},
        {0644, ERR_REFUSED}, {0604, ERR_REFUSED}, {0602, ERR_REFUSED}, {0601, ERR_REFUSED}, {0620, ERR_REFUSED},
        {0660, ERR_REFUSED}, {0666, ERR_REFUSED}, {0777, ERR_REFUSED}, {0444, ERR_REFUSED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct keyring *k = NULL;
        struct errmsg why = {""};
        write_file("a " KEY_A "\n", sizeof("a " KEY_A "\n") - 1, cases[i].mode);
        enum err err = keyring_load(path, &k, &why);
        if (err != cases[i].err)
            fail_msg("mode %04o: %s: %s", (unsigned)cases[i].mode, err_name(err), why.text);
        if (err != ERR_OK)
            assert_non_null(strstr(why.text, "chmod"));
        keyring_free(k);
    }
}

static void test_create(void **state)
{
    (void)state;
    struct errmsg why = {""};
    struct keyring *k = NULL;
    struct stat st;
    char other[96];
    unlink(path);
    mode_t old = umask(0);
    assert_int_equal(keyring_create(path, "2026-06", &why), ERR_OK);
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(keyring_load(path, &k, &why), ERR_OK);
    assert_string_equal(keyring_writing_id(k), "2026-06");
    keyring_free(k);
    assert_int_equal(keyring_create(path, "2026-07", &why), ERR_EXISTS);
    unlink(path);
    static const char *const bad[] = {"",   "a b", "a.b",
                                      "a#", "a\n", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(keyring_create(path, bad[i], &why), ERR_INVALID);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(other, sizeof(other), "%s/none/keys", folder);
    assert_int_equal(keyring_create(other, "a", &why), ERR_NOT_FOUND);
}

/* A disk that takes nothing (here: no file may grow) leaves no half file behind. */
static void test_create_that_cannot_write(void **state)
{
    (void)state;
    struct errmsg why = {""};
    struct rlimit was;
    unlink(path);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = was.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    enum err err = keyring_create(path, "a", &why);
    int reason = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(reason, EFBIG);
    assert_non_null(strstr(why.text, "cannot write"));
    assert_int_equal(access(path, F_OK), -1);
}

static void test_created_keys_differ(void **state)
{
    (void)state;
    struct errmsg why = {""};
    struct keyring *a = NULL, *b = NULL;
    struct buf sealed, opened;
    unlink(path);
    assert_int_equal(keyring_create(path, "a", &why), ERR_OK);
    assert_int_equal(keyring_load(path, &a, &why), ERR_OK);
    unlink(path);
    assert_int_equal(keyring_create(path, "a", &why), ERR_OK);
    assert_int_equal(keyring_load(path, &b, &why), ERR_OK);
    buf_init(&sealed, 1000);
    buf_init(&opened, 1000);
    assert_int_equal(sealed_seal(a, ACCOUNT, WEBHOOK, 1, SECRET, &sealed), ERR_OK);
    assert_int_equal(sealed_open(b, ACCOUNT, WEBHOOK, 1, buf_slice(&sealed), &opened, &why), ERR_REFUSED);
    assert_int_equal(sealed_open(a, ACCOUNT, WEBHOOK, 1, buf_slice(&sealed), &opened, &why), ERR_OK);
    buf_done(&sealed);
    buf_done(&opened);
    keyring_free(a);
    keyring_free(b);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 50, 255, 4095, SEALED_SECRET_MAX};
    static char secret[SEALED_SECRET_MAX];
    struct keyring *k = loaded("a " KEY_A "\n");
    for (size_t i = 0; i < sizeof(secret); i++)
        secret[i] = (char)(i * 7); /* NUL bytes too */
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct buf sealed, opened;
        buf_init(&sealed, 10000);
        buf_init(&opened, 10000);
        buf_puts(&opened, "before ");
        assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 3, slice_of(secret, lengths[i]), &sealed), ERR_OK);
        assert_memory_equal(sealed.p, "v1.a.", 5);
        assert_int_equal(sealed_open(k, ACCOUNT, WEBHOOK, 3, buf_slice(&sealed), &opened, NULL), ERR_OK);
        assert_int_equal(opened.len, 7 + lengths[i]);
        assert_memory_equal(opened.p, "before ", 7);
        assert_memory_equal(opened.p + 7, secret, lengths[i]);
        buf_done(&sealed);
        buf_done(&opened);
    }
    keyring_free(k);
}

/* Made by another implementation (Python's cryptography) with fixed nonces. */
static void test_known_envelope(void **state)
{
    (void)state;
    static const char envelope[] = "v1.a.AQEBAQEBAQEBAQEBE6aDUgDsAg24OQl3aBYgq78b+azp+mynj6Z5kx2IfLL1RS37oZmeCyi4opCNlX2A.A"
                                   "gICAgICAgICAgICRe8hU+cJ7IIRrAeJcuubS0v7ZIEDiRdI3wNczs9dx6pyoT7+ebgjnVz1hJj29L9a6A89FqaN";
    struct keyring *k = loaded("other " KEY_B "\na " KEY_A "\n");
    struct buf opened;
    struct errmsg why = {""};
    buf_init(&opened, 1000);
    if (sealed_open(k, ACCOUNT, WEBHOOK, 7, slice_str(envelope), &opened, &why) != ERR_OK)
        fail_msg("%s", why.text);
    assert_true(slice_eq(buf_slice(&opened), SECRET));
    buf_done(&opened);
    keyring_free(k);
}

static void test_every_sealing_differs(void **state)
{
    (void)state;
    struct keyring *k = loaded("a " KEY_A "\n");
    struct buf one, two;
    buf_init(&one, 1000);
    buf_init(&two, 1000);
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 1, SECRET, &one), ERR_OK);
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 1, SECRET, &two), ERR_OK);
    assert_int_equal(one.len, two.len);
    assert_false(slice_eq(buf_slice(&one), buf_slice(&two)));
    assert_null(strstr(buf_cstr(&one), "whsec_"));
    buf_done(&one);
    buf_done(&two);
    keyring_free(k);
}

static void test_it_cannot_be_moved(void **state)
{
    (void)state;
    static const struct {
        const char *account, *webhook;
        int64_t version;
        enum err err;
    } cases[] = {
        {"acc_1", "wh_1", 3, ERR_OK},       {"acc_1", "wh_1", 4, ERR_REFUSED},   {"acc_1", "wh_1", -3, ERR_REFUSED},
        {"acc_1", "wh_2", 3, ERR_REFUSED},  {"acc_2", "wh_1", 3, ERR_REFUSED},   {"wh_1", "acc_1", 3, ERR_REFUSED},
        {"", "acc_1wh_1", 3, ERR_REFUSED},  {"acc_1|wh_1", "3", 3, ERR_INVALID}, {"acc_1", "wh_1|3", 3, ERR_INVALID},
        {"acc_1", "wh_13", 3, ERR_REFUSED}, {"acc_1", "wh_1", 33, ERR_REFUSED},
    };
    struct keyring *k = loaded("a " KEY_A "\n");
    struct buf sealed, opened;
    buf_init(&sealed, 1000);
    buf_init(&opened, 1000);
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 3, SECRET, &sealed), ERR_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        buf_reset(&opened);
        enum err err = sealed_open(k, slice_str(cases[i].account), slice_str(cases[i].webhook), cases[i].version,
                                   buf_slice(&sealed), &opened, NULL);
        if (err != cases[i].err)
            fail_msg("%s|%s: %s", cases[i].account, cases[i].webhook, err_name(err));
        assert_int_equal(opened.len, err == ERR_OK ? SECRET.len : 0);
    }
    buf_done(&sealed);
    buf_done(&opened);
    keyring_free(k);
}

static void test_every_changed_byte(void **state)
{
    (void)state;
    struct keyring *k = loaded("a " KEY_A "\nb " KEY_B "\n");
    struct buf sealed, opened;
    buf_init(&sealed, 1000);
    buf_init(&opened, 1000);
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 3, SECRET, &sealed), ERR_OK);
    for (size_t at = 0; at < sealed.len; at++) {
        static const char others[] = "b.A/+=_\0v1";
        char was = sealed.p[at];
        for (size_t i = 0; i < sizeof(others); i++) {
            sealed.p[at] = others[i];
            enum err err = sealed_open(k, ACCOUNT, WEBHOOK, 3, buf_slice(&sealed), &opened, NULL);
            bool refused = err == ERR_INVALID || err == ERR_REFUSED || err == ERR_NOT_FOUND;
            if (others[i] != was && (!refused || opened.len > 0))
                fail_msg("byte %zu as %d: %s", at, others[i], err_name(err));
            buf_reset(&opened);
        }
        sealed.p[at] = was;
    }
    for (size_t len = 0; len < sealed.len; len++)
        assert_int_not_equal(sealed_open(k, ACCOUNT, WEBHOOK, 3, slice_of(sealed.p, len), &opened, NULL), ERR_OK);
    assert_int_equal(opened.len, 0);
    buf_done(&sealed);
    buf_done(&opened);
    keyring_free(k);
}

static void test_envelopes_that_are_none(void **state)
{
    (void)state;
#define B60 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 60 bytes */
    static const struct {
        const char *envelope;
        enum err err;
    } cases[] = {
        {"", ERR_INVALID},
        {"v1", ERR_INVALID},
        {"v1.a", ERR_INVALID},
        {"v1.a." B60, ERR_INVALID},
        {"v1.a." B60 ".", ERR_INVALID},
        {"v1.a.." B60, ERR_INVALID},
        {"v1.a.AAAA." B60, ERR_INVALID},
        {"v1.a." B60 ".AAAA", ERR_INVALID},
        {"v1.a." B60 "AAAA." B60, ERR_INVALID},
        {"v1.a." B60 "." B60 ".x", ERR_INVALID},
        {"v1.a." B60 "." B60 "\n", ERR_INVALID},
        {"v2.a." B60 "." B60, ERR_INVALID},
        {" v1.a." B60 "." B60, ERR_INVALID},
        {"v1.." B60 "." B60, ERR_INVALID},
        {"v1.a b." B60 "." B60, ERR_INVALID},
        {"v1.z." B60 "." B60, ERR_NOT_FOUND},
        {"v1.A." B60 "." B60, ERR_NOT_FOUND},
        {"v1.a." B60 "." B60, ERR_REFUSED},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_INVALID},
    };
    struct keyring *k = loaded("a " KEY_A "\n");
    struct buf opened, large;
    buf_init(&opened, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct errmsg why = {""};
        enum err err = sealed_open(k, ACCOUNT, WEBHOOK, 1, slice_str(cases[i].envelope), &opened, &why);
        if (err != cases[i].err || why.text[0] == '\0')
            fail_msg("%s: %s: %s", cases[i].envelope, err_name(err), why.text);
    }
    buf_init(&large, 100000);
    buf_puts(&large, "v1.a." B60 ".");
    for (int i = 0; i < 100; i++)
        buf_puts(&large, B60);
    assert_int_equal(sealed_open(k, ACCOUNT, WEBHOOK, 1, buf_slice(&large), &opened, NULL), ERR_INVALID);
    assert_int_equal(sealed_open(k, ACCOUNT, WEBHOOK, 1, slice_of(NULL, 0), &opened, NULL), ERR_INVALID);
    assert_int_equal(opened.len, 0);
    buf_done(&opened);
    buf_done(&large);
    keyring_free(k);
}

/* The first key writes; what an older one sealed still opens; when it is taken out, the message names it. */
static void test_key_rotation(void **state)
{
    (void)state;
    struct keyring *old = loaded("old " KEY_A "\n"), *both = loaded("new " KEY_B "\nold " KEY_A "\n"),
                   *new = loaded("new " KEY_B "\n");
    struct buf by_old, by_both, opened;
    struct errmsg why = {""};
    buf_init(&by_old, 1000);
    buf_init(&by_both, 1000);
    buf_init(&opened, 1000);
    assert_int_equal(sealed_seal(old, ACCOUNT, WEBHOOK, 1, SECRET, &by_old), ERR_OK);
    assert_int_equal(sealed_seal(both, ACCOUNT, WEBHOOK, 1, SECRET, &by_both), ERR_OK);
    assert_memory_equal(by_both.p, "v1.new.", 7);
    assert_int_equal(sealed_open(both, ACCOUNT, WEBHOOK, 1, buf_slice(&by_old), &opened, &why), ERR_OK);
    assert_int_equal(sealed_open(both, ACCOUNT, WEBHOOK, 1, buf_slice(&by_both), &opened, &why), ERR_OK);
    assert_int_equal(sealed_open(new, ACCOUNT, WEBHOOK, 1, buf_slice(&by_both), &opened, &why), ERR_OK);
    assert_int_equal(opened.len, 3 * SECRET.len);
    assert_int_equal(sealed_open(new, ACCOUNT, WEBHOOK, 1, buf_slice(&by_old), &opened, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "key old"));
    buf_done(&by_old);
    buf_done(&by_both);
    buf_done(&opened);
    keyring_free(old);
    keyring_free(both);
    keyring_free(new);
}

/* The last part of an envelope: the secret's own box. */
static const char *box_of(const struct buf *envelope)
{
    return strrchr(buf_cstr(envelope), '.');
}

/* Sealed by the old key, wrapped anew: it opens without the old one, for the same webhook and version alone, and the secret's box
 * is the same. */
static void test_rewrap(void **state)
{
    (void)state;
    struct keyring *old = loaded("old " KEY_A "\n"), *both = loaded("new " KEY_B "\nold " KEY_A "\n"),
                   *new = loaded("new " KEY_B "\n");
    struct buf by_old, fresh, again, opened, small;
    struct errmsg why = {""};
    buf_init(&by_old, 1000);
    buf_init(&fresh, 1000);
    buf_init(&again, 1000);
    buf_init(&opened, 1000);
    buf_init(&small, 100);
    assert_int_equal(sealed_seal(old, ACCOUNT, WEBHOOK, 3, SECRET, &by_old), ERR_OK);
    assert_false(sealed_by_writing(both, buf_slice(&by_old)));
    assert_true(sealed_by_writing(old, buf_slice(&by_old)));
    assert_false(sealed_by_writing(both, SLICE("")));
    assert_false(sealed_by_writing(both, SLICE("new")));

    assert_int_equal(sealed_rewrap(both, ACCOUNT, WEBHOOK, 3, buf_slice(&by_old), &fresh, &why), ERR_OK);
    assert_true(sealed_by_writing(both, buf_slice(&fresh)));
    assert_string_equal(box_of(&fresh), box_of(&by_old));
    assert_int_equal(sealed_open(new, ACCOUNT, WEBHOOK, 3, buf_slice(&fresh), &opened, &why), ERR_OK);
    assert_true(slice_eq(buf_slice(&opened), SECRET));
    assert_int_equal(sealed_open(new, ACCOUNT, WEBHOOK, 4, buf_slice(&fresh), &opened, &why), ERR_REFUSED);
    assert_int_equal(sealed_open(new, ACCOUNT, SLICE("wh_2"), 3, buf_slice(&fresh), &opened, &why), ERR_REFUSED);

    assert_int_equal(sealed_rewrap(both, ACCOUNT, WEBHOOK, 4, buf_slice(&by_old), &again, &why), ERR_REFUSED);
    assert_int_equal(sealed_rewrap(both, ACCOUNT, SLICE("wh_2"), 3, buf_slice(&by_old), &again, &why), ERR_REFUSED);
    assert_int_equal(sealed_rewrap(new, ACCOUNT, WEBHOOK, 3, buf_slice(&by_old), &again, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "key old, which is not in the key file"));
    assert_int_equal(sealed_rewrap(both, ACCOUNT, WEBHOOK, 3, SLICE("whsec_x"), &again, &why), ERR_INVALID);
    by_old.p[by_old.len - 5] = (char)(by_old.p[by_old.len - 5] == 'A' ? 'B' : 'A'); /* in the secret's box, not in the key's */
    assert_int_equal(sealed_rewrap(both, ACCOUNT, WEBHOOK, 3, buf_slice(&by_old), &again, &why), ERR_REFUSED);
    assert_int_equal(again.len, 0);
    buf_puts(&small, "x");
    assert_int_equal(sealed_rewrap(both, ACCOUNT, WEBHOOK, 3, buf_slice(&fresh), &small, &why), ERR_TOO_BIG);
    assert_string_equal(buf_cstr(&small), "x");
    buf_done(&by_old);
    buf_done(&fresh);
    buf_done(&again);
    buf_done(&opened);
    buf_done(&small);
    keyring_free(old);
    keyring_free(both);
    keyring_free(new);
}

static void test_limits(void **state)
{
    (void)state;
    static char large[SEALED_SECRET_MAX + 1];
    struct keyring *k = loaded("a " KEY_A "\n");
    struct buf sealed, small, opened;
    buf_init(&sealed, 10000);
    buf_init(&small, 100);
    buf_init(&opened, SECRET.len - 1);
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 1, slice_of(large, sizeof(large)), &sealed), ERR_TOO_BIG);
    assert_int_equal(sealed_seal(k, slice_of(large, 2000), WEBHOOK, 1, SECRET, &sealed), ERR_TOO_BIG);
    assert_int_equal(sealed_seal(k, SLICE("a|b"), WEBHOOK, 1, SECRET, &sealed), ERR_INVALID);
    assert_int_equal(sealed_seal(k, ACCOUNT, SLICE("a|b"), 1, SECRET, &sealed), ERR_INVALID);
    assert_int_equal(sealed.len, 0);
    buf_puts(&small, "x");
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 1, SECRET, &small), ERR_TOO_BIG);
    assert_string_equal(buf_cstr(&small), "x");
    assert_int_equal(sealed_seal(k, ACCOUNT, WEBHOOK, 1, SECRET, &sealed), ERR_OK);
    assert_int_equal(sealed_open(k, ACCOUNT, WEBHOOK, 1, buf_slice(&sealed), &opened, NULL), ERR_TOO_BIG);
    assert_int_equal(opened.len, 0);
    buf_done(&sealed);
    buf_done(&small);
    buf_done(&opened);
    keyring_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_key_files_that_are_none),
        cmocka_unit_test(test_odd_files),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_that_cannot_write),
        cmocka_unit_test(test_created_keys_differ),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_known_envelope),
        cmocka_unit_test(test_every_sealing_differs),
        cmocka_unit_test(test_it_cannot_be_moved),
        cmocka_unit_test(test_every_changed_byte),
        cmocka_unit_test(test_envelopes_that_are_none),
        cmocka_unit_test(test_key_rotation),
        cmocka_unit_test(test_rewrap),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
