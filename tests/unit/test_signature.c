/* Signatures against published vectors, and what verification must not let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "model/base64.h"
#include "model/signature.h"

static const char SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
static const char BODY[] = "{\"test\": 2432232314}";
static const int64_t TIMESTAMP_S = 1614265330;

static const char *text_of(const json_t *vector, const char *name)
{
    const char *text = json_string_value(json_object_get(vector, name));
    assert_non_null(text);
    return text;
}

/* header: "v1,..." */
static void check_standard_vector(const json_t *vector)
{
    char out[SIGNATURE_STANDARD_SIZE];
    struct signer *s = signer_new_standard(slice_str(text_of(vector, "secret")));
    struct slice id = slice_str(text_of(vector, "id")), body = slice_str(text_of(vector, "body"));
    int64_t timestamp_s = json_integer_value(json_object_get(vector, "timestamp"));
    assert_non_null(s);
    sign_standard(s, id, timestamp_s, body, out);
    assert_string_equal(out, text_of(vector, "header"));
    assert_true(verify_standard(s, id, timestamp_s, body, slice_str(text_of(vector, "header"))));
    signer_free(s);
}

/* header: "t=...,v0=<hex>"; the signed content is ours, so the hex must be too. */
static void check_dotted_vector(const json_t *vector)
{
    char out[SIGNATURE_TRUEFTP_SIZE];
    struct signer *s = signer_new_trueftp(slice_str(text_of(vector, "secret")));
    struct slice body = slice_str(text_of(vector, "body"));
    int64_t timestamp_s = json_integer_value(json_object_get(vector, "timestamp"));
    const char *hex = strstr(text_of(vector, "header"), "v0=");
    assert_non_null(s);
    assert_non_null(hex);
    sign_trueftp(s, timestamp_s, body, out);
    assert_memory_equal(out, "sha256=", 7);
    assert_string_equal(out + 7, hex + 3);
    assert_true(verify_trueftp(s, timestamp_s, body, slice_str(out)));
    signer_free(s);
}

static void test_published_vectors(void **state)
{
    (void)state;
    json_t *root = json_load_file(TEST_DATA_DIR "/webhooks.json", JSON_REJECT_DUPLICATES, NULL);
    json_t *vectors = json_object_get(root, "signatures"), *vector;
    size_t i, standard = 0, dotted = 0;
    assert_non_null(vectors);
    json_array_foreach(vectors, i, vector)
    {
        const char *scheme = text_of(vector, "scheme");
        if (strcmp(scheme, "hmac-sha256 base64, content=id.ts.body") == 0) {
            check_standard_vector(vector);
            standard++;
        } else {
            assert_string_equal(scheme, "hmac-sha256 hex, content=ts.body");
            check_dotted_vector(vector);
            dotted++;
        }
    }
    assert_int_equal(standard, 1);
    assert_int_equal(dotted, 1);
    json_decref(root);
}

/* Computed with Python's hmac module. */
static void test_trueftp_values(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        int64_t timestamp_s;
        const char *body, *hex;
    } cases[] = {
        {"secret", 1636936200, "hello !", "1b3d69df55f1e52f05224ba94a5162abeb17ef52cd7f4948c390f810d6a87e98"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1780920000, "{\"event\":\"file.uploaded\"}",
         "5a9e1840056d1bc628caf929f9e740f947f435d92accc0d9a4eef8e2bb9af321"},
        {"k", 0, "", "6b4a4b8b3c40f1e8f53a3d36682e5f99f7ad2ac1df1c93dfe336f329167641e7"},
        {"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
         "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
         INT64_MAX, "x", "dca37ebf298eee8cee4a036883ba436d7886e51a9394b82372137cb59728a8bc"},
        {"k", INT64_MIN, "x", "d515c91abe3d418bd6c01b8653cee042ea6d0b9856ce288a1457cb472f1a3a0b"},
        {"k", -1, ".", "0e655640c21c66861f96f20569b28c34e8d4e22d735a1e8838bc7ba4aaca7332"},
        {"k", 10, "0.1", "752f0e0dba70bb3f2708603812e475754a89dc180be615e75b712db993140e8b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[SIGNATURE_TRUEFTP_SIZE];
        struct signer *s = signer_new_trueftp(slice_str(cases[i].secret));
        assert_non_null(s);
        for (int again = 0; again < 3; again++) { /* the same context signs anew each time */
            sign_trueftp(s, cases[i].timestamp_s, slice_str(cases[i].body), out);
            assert_string_equal(out + 7, cases[i].hex);
        }
        signer_free(s);
    }
}

/* Two signers alternate: neither disturbs the other's state. */
static void test_signers_are_independent(void **state)
{
    (void)state;
    char a1[SIGNATURE_TRUEFTP_SIZE], a2[SIGNATURE_TRUEFTP_SIZE], b1[SIGNATURE_STANDARD_SIZE], b2[SIGNATURE_STANDARD_SIZE];
    struct signer *a = signer_new_trueftp(slice_str(SECRET)), *b = signer_new_standard(slice_str(SECRET));
    sign_trueftp(a, TIMESTAMP_S, slice_str(BODY), a1);
    sign_standard(b, SLICE("id"), TIMESTAMP_S, slice_str(BODY), b1);
    sign_trueftp(a, TIMESTAMP_S, slice_str(BODY), a2);
    sign_standard(b, SLICE("id"), TIMESTAMP_S, slice_str(BODY), b2);
    assert_string_equal(a1, a2);
    assert_string_equal(b1, b2);
    signer_free(a);
    signer_free(b);
    signer_free(NULL);
}

static void test_binary_body(void **state)
{
    (void)state;
    char zero[SIGNATURE_TRUEFTP_SIZE], longer[SIGNATURE_TRUEFTP_SIZE];
    struct signer *s = signer_new_trueftp(slice_str(SECRET));
    sign_trueftp(s, 1, slice_of("a\0b", 3), zero);
    sign_trueftp(s, 1, slice_of("a\0c", 3), longer);
    assert_string_not_equal(zero, longer);
    signer_free(s);
}

static void test_trueftp_verification(void **state)
{
    (void)state;
    char good[SIGNATURE_TRUEFTP_SIZE], bad[SIGNATURE_TRUEFTP_SIZE + 8];
    struct slice body = slice_str(BODY);
    struct signer *s = signer_new_trueftp(slice_str(SECRET)), *other = signer_new_trueftp(SLICE("whsec_other"));
    sign_trueftp(s, TIMESTAMP_S, body, good);
    assert_true(verify_trueftp(s, TIMESTAMP_S, body, slice_str(good)));
    assert_false(verify_trueftp(s, TIMESTAMP_S + 1, body, slice_str(good)));
    assert_false(verify_trueftp(s, TIMESTAMP_S, SLICE("{\"test\": 2432232315}"), slice_str(good)));
    assert_false(verify_trueftp(other, TIMESTAMP_S, body, slice_str(good)));
    /* Every truncation, every single changed character, and what is longer. */
    for (size_t len = 0; len < strlen(good); len++)
        assert_false(verify_trueftp(s, TIMESTAMP_S, body, slice_of(good, len)));
    for (size_t at = 0; at < strlen(good); at++) {
        memcpy(bad, good, sizeof(good));
        bad[at] ^= 1;
        assert_false(verify_trueftp(s, TIMESTAMP_S, body, slice_str(bad)));
    }
    memcpy(bad, good, sizeof(good));
    memcpy(bad + strlen(good), " ", 2);
    assert_false(verify_trueftp(s, TIMESTAMP_S, body, slice_str(bad)));
    assert_false(verify_trueftp(s, TIMESTAMP_S, body, slice_str(good + 7)));
    assert_false(verify_trueftp(s, TIMESTAMP_S, body, slice_of(NULL, 0)));
    signer_free(s);
    signer_free(other);
}

static void test_standard_lists(void **state)
{
    (void)state;
#define RIGHT "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define WRONG "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
    static const struct {
        const char *header;
        bool passes;
    } cases[] = {
        {RIGHT, true},
        {WRONG " " RIGHT, true},
        {RIGHT " " WRONG, true},
        {"v1a,abc " RIGHT, true},
        {WRONG " " WRONG " " RIGHT " v2,x", true},
        {"  " RIGHT "  ", true},
        {"", false},
        {" ", false},
        {WRONG, false},
        {"v1,", false},
        {"v1", false},
        {"g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
        {"v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", false},
        {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE", false},
        {RIGHT "x", false},
        {RIGHT "," WRONG, false},
        {RIGHT "\t" WRONG, false},
        {"v1,G0HM9SSE+OTPJTGT/TMIKTSYZLE3UFJELVLNIOLJ1OE=", false},
    };
    struct signer *s = signer_new_standard(slice_str(SECRET));
    struct slice id = SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(verify_standard(s, id, TIMESTAMP_S, slice_str(BODY), slice_str(cases[i].header)), cases[i].passes);
    assert_false(verify_standard(s, SLICE("msg_other"), TIMESTAMP_S, slice_str(BODY), SLICE(RIGHT)));
    assert_false(verify_standard(s, id, TIMESTAMP_S - 1, slice_str(BODY), SLICE(RIGHT)));
    assert_false(verify_standard(s, id, TIMESTAMP_S, SLICE("{}"), SLICE(RIGHT)));
    signer_free(s);
}

static void test_secrets_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "whsec_", "whsec_!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",  "whsec_whsec_MfKQ", "whsec_AA", "whsec_AA=",
        " MfKQ", "MfKQ\n", "AAB=",    "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(signer_new_standard(slice_str(bad[i])));
    assert_null(signer_new_trueftp(SLICE("")));
    assert_null(signer_new_trueftp(slice_of(NULL, 0)));
    assert_null(signer_new_standard(slice_of(NULL, 0)));
}

/* The prefix is no part of the key of the standard scheme, but of ours it is. */
static void test_prefix(void **state)
{
    (void)state;
    char with[SIGNATURE_STANDARD_SIZE], without[SIGNATURE_STANDARD_SIZE];
    char ours_with[SIGNATURE_TRUEFTP_SIZE], ours_without[SIGNATURE_TRUEFTP_SIZE];
    struct signer *a = signer_new_standard(slice_str(SECRET)), *b = signer_new_standard(slice_str(SECRET + 6));
    struct signer *c = signer_new_trueftp(slice_str(SECRET)), *d = signer_new_trueftp(slice_str(SECRET + 6));
    sign_standard(a, SLICE("i"), 1, SLICE("b"), with);
    sign_standard(b, SLICE("i"), 1, SLICE("b"), without);
    sign_trueftp(c, 1, SLICE("b"), ours_with);
    sign_trueftp(d, 1, SLICE("b"), ours_without);
    assert_string_equal(with, without);
    assert_string_not_equal(ours_with, ours_without);
    signer_free(a);
    signer_free(b);
    signer_free(c);
    signer_free(d);
}

static void test_key_lengths(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        bool accepted;
    } cases[] = {{0, false},  {1, true},   {24, true},   {64, true},   {65, true},
                 {511, true}, {512, true}, {513, false}, {514, false}, {5000, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text;
        char *key = calloc(1, cases[i].bytes + 1);
        buf_init(&text, 10000);
        base64_put(&text, slice_of(key, cases[i].bytes));
        struct signer *s = signer_new_standard(buf_slice(&text));
        assert_int_equal(s != NULL, cases[i].accepted);
        signer_free(s);
        buf_done(&text);
        free(key);
    }
}

static void test_new_secrets(void **state)
{
    (void)state;
    char a[SIGNATURE_SECRET_SIZE], b[SIGNATURE_SECRET_SIZE];
    struct buf bytes;
    signature_new_secret(a);
    signature_new_secret(b);
    assert_int_equal(strlen(a), SIGNATURE_SECRET_SIZE - 1);
    assert_memory_equal(a, "whsec_", 6);
    assert_string_not_equal(a, b);
    buf_init(&bytes, 64);
    assert_int_equal(base64_decode(&bytes, slice_str(a + 6)), ERR_OK);
    assert_int_equal(bytes.len, 32);
    buf_done(&bytes);
    struct signer *s = signer_new_standard(slice_str(a));
    assert_non_null(s);
    signer_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_trueftp_values),
        cmocka_unit_test(test_signers_are_independent),
        cmocka_unit_test(test_binary_body),
        cmocka_unit_test(test_trueftp_verification),
        cmocka_unit_test(test_standard_lists),
        cmocka_unit_test(test_secrets_that_are_none),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_key_lengths),
        cmocka_unit_test(test_new_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
