#include "model/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

#include "util/err.h"
#include "util/mem.h"

int pem_no_passphrase(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static BIO *open_text(struct slice text)
{
    BIO *bio = BIO_new_mem_buf(text.len > 0 ? text.p : "", (int)text.len);
    mem_need(bio != NULL);
    return bio;
}

static bool holds(struct slice text, const char *word)
{
    return text.len > 0 && memmem(text.p, text.len, word, strlen(word)) != NULL;
}

unsigned long pem_take_errors(void)
{
    unsigned long e, last = 0;
    while ((e = ERR_get_error()) != 0) {
        mem_need(ERR_GET_REASON(e) != ERR_R_MALLOC_FAILURE);
        last = e;
    }
    return last;
}

/* The last that was read is followed by nothing but text. */
static bool at_end(void)
{
    unsigned long e = pem_take_errors();
    return ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
}

static enum err read_all(BIO *bio, int max, STACK_OF(X509) * out, struct errmsg *why)
{
    X509 *x;
    while ((x = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL)) != NULL) {
        if (sk_X509_num(out) == max) {
            X509_free(x);
            return errmsg_set(why, ERR_INVALID, "more than %d certificates", max);
        }
        mem_need(sk_X509_push(out, x) > 0);
    }
    int number = sk_X509_num(out) + 1;
    if (!at_end())
        return errmsg_set(why, ERR_INVALID, "certificate %d cannot be read", number);
    return number > 1 ? ERR_OK : errmsg_set(why, ERR_INVALID, "no certificate in PEM (-----BEGIN CERTIFICATE-----)");
}

enum err pem_certificates_parse(struct slice text, int max, STACK_OF(X509) * *out, struct errmsg *why)
{
    if (holds(text, "PRIVATE KEY"))
        return errmsg_set(why, ERR_INVALID, "holds a private key, which does not belong here");
    STACK_OF(X509) *certificates = sk_X509_new_null();
    mem_need(certificates != NULL);
    BIO *bio = open_text(text);
    ERR_clear_error();
    enum err err = read_all(bio, max, certificates, why);
    BIO_free(bio);
    if (err == ERR_OK)
        *out = certificates;
    else
        pem_certificates_free(certificates);
    return err;
}

void pem_certificates_free(STACK_OF(X509) * certificates)
{
    sk_X509_pop_free(certificates, X509_free);
}

void pem_certificates_write(struct buf *out, const STACK_OF(X509) * certificates)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    mem_need(bio != NULL);
    for (int i = 0; i < sk_X509_num(certificates); i++)
        mem_need(PEM_write_bio_X509(bio, sk_X509_value(certificates, i)) == 1);
    long len = BIO_get_mem_data(bio, &text);
    buf_put(out, text, (size_t)len);
    BIO_free(bio);
}

enum err pem_key_parse(struct slice text, EVP_PKEY **out, struct errmsg *why)
{
    BIO *bio = open_text(text);
    ERR_clear_error();
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL);
    BIO_free(bio);
    (void)pem_take_errors();
    if (!key)
        return errmsg_set(why, ERR_INVALID,
                          holds(text, "ENCRYPTED") ? "the key is encrypted: give it without a passphrase"
                                                   : "no private key in PEM (-----BEGIN PRIVATE KEY-----)");
    *out = key;
    return ERR_OK;
}

bool pem_key_matches(X509 *certificate, EVP_PKEY *key)
{
    bool matches = X509_check_private_key(certificate, key) == 1;
    (void)pem_take_errors();
    return matches;
}

int64_t pem_not_after_ms(const X509 *certificate)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}
