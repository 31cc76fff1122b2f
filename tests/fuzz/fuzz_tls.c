/* What a webhook says of TLS: authorities, a client certificate and its key, as PEM texts, each ended by a NUL. They are taken,
 * or refused with a message that names the option and holds nothing of the key; what is taken is written and read again. */
#include "fuzz.h"

#include "io/http_internal.h"
#include "model/pem.h"

static void check_certificates(struct slice text)
{
    STACK_OF(X509) *found = NULL, *again = NULL;
    struct errmsg why = {""};
    struct buf written;
    if (pem_certificates_parse(text, 8, &found, &why) != ERR_OK) {
        check(*why.text && !found);
        return;
    }
    buf_init(&written, 1024 * 1024);
    pem_certificates_write(&written, found);
    check(written.err == ERR_OK);
    check(pem_certificates_parse(buf_slice(&written), 8, &again, &why) == ERR_OK);
    check(sk_X509_num(found) == sk_X509_num(again) && sk_X509_num(found) >= 1 && sk_X509_num(found) <= 8);
    for (int i = 0; i < sk_X509_num(found); i++) {
        check(X509_cmp(sk_X509_value(found, i), sk_X509_value(again, i)) == 0);
        (void)pem_not_after_ms(sk_X509_value(found, i));
    }
    buf_done(&written);
    pem_certificates_free(found);
    pem_certificates_free(again);
}

static void check_refusal(const struct errmsg *why)
{
    static const char *const options[] = {"ca_certificates: ", "client_certificate: ", "client_key: "};
    bool named = false;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        named = named || strncmp(why->text, options[i], strlen(options[i])) == 0;
    check(named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_tls_options o = {.tls13 = size % 2};
    struct http_tls *tls = NULL;
    struct errmsg why = {""};
    struct slice rest = fuzz_slice(data, size);
    o.ca_certificates = fuzz_cut(&rest, '\0');
    o.client_certificate = fuzz_cut(&rest, '\0');
    o.client_key = fuzz_cut(&rest, '\0');
    check_certificates(o.ca_certificates);
    if (http_tls_new(&o, &tls, &why) == ERR_OK) {
        check(strlen(tls->digest) == 64);
        http_tls_unref(tls);
    } else {
        check(!tls);
        check_refusal(&why);
    }
    return 0;
}

/* OpenSSL makes ready what it keeps; it asserts that there is memory for some of that. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
}
