/* What stands for a secret, and is sent by others: a key file, an envelope, a session's cookie, a signature header, a secret's
 * text. Nothing that was not made with the key is ever taken: not an envelope with one bit changed, not a signature that is a
 * part of the right one. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/session.h"
#include "model/keyring.h"
#include "model/sealed.h"
#include "model/signature.h"

#define SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static struct keyring ring = {.count = 1, .keys = {{.id = "k1", .bytes = {1, 2, 3}}}};

static char good[512];
static size_t good_len;

/* One good envelope; what the input says is done to it: each two bytes change a byte. */
static void change_envelope(const uint8_t *data, size_t size)
{
    char changed[512];
    struct buf out, plain;
    struct errmsg why = {""};
    if (good_len == 0) {
        buf_init(&out, sizeof good);
        check(sealed_seal(&ring, SLICE("acc_1"), SLICE("wh_1"), 1, SLICE("secret"), &out) == ERR_OK && out.len < sizeof good);
        memcpy(good, out.p, out.len);
        good_len = out.len;
        buf_done(&out);
    }
    memcpy(changed, good, good_len);
    for (size_t i = 0; i + 1 < size; i += 2)
        changed[data[i] % good_len] = (char)data[i + 1];
    buf_init(&plain, SEALED_SECRET_MAX);
    enum err err = sealed_open(&ring, SLICE("acc_1"), SLICE("wh_1"), 1, slice_of(changed, good_len), &plain, &why);
    check((err == ERR_OK) == (memcmp(changed, good, good_len) == 0) && (err == ERR_OK || (*why.text && plain.len == 0)));
    buf_reset(&plain);
    check(sealed_rewrap(&ring, SLICE("acc_1"), SLICE("wh_1"), 1, slice_of(changed, good_len), &plain, &why) == err);
    check((err == ERR_OK) == sealed_by_writing(&ring, buf_slice(&plain)));
    buf_done(&plain);
}

static void open_foreign(struct slice text, const char *string)
{
    struct session s;
    struct buf plain;
    struct errmsg why = {""};
    buf_init(&plain, SEALED_SECRET_MAX);
    check(sealed_open(&ring, SLICE("acc_1"), SLICE("wh_1"), 1, text, &plain, &why) != ERR_OK && *why.text && plain.len == 0);
    check(session_open(&ring, string, 1780000000000, &s) == ERR_REFUSED);
    buf_done(&plain);
}

/* The header is right exactly when it is the signature, or (standard) a list with it. */
static void verify(struct slice header)
{
    static struct signer *trueftp, *standard;
    static char right[SIGNATURE_TRUEFTP_SIZE], right_standard[SIGNATURE_STANDARD_SIZE];
    if (!trueftp) {
        trueftp = signer_new_trueftp(SLICE(SECRET));
        standard = signer_new_standard(SLICE(SECRET));
        sign_trueftp(trueftp, 1780000000, SLICE("{}"), right);
        sign_standard(standard, SLICE("id"), 1780000000, SLICE("{}"), right_standard);
    }
    check(verify_trueftp(trueftp, 1780000000, SLICE("{}"), header) == slice_eq(header, slice_str(right)));
    bool listed = false;
    struct slice rest = header;
    while (rest.len > 0)
        listed = slice_eq(fuzz_cut(&rest, ' '), slice_str(right_standard)) || listed;
    check(verify_standard(standard, SLICE("id"), 1780000000, SLICE("{}"), header) == listed);
}

static void read_key_file(struct slice text)
{
    static char path[64];
    struct keyring *k = NULL;
    struct errmsg why = {""};
    if (!*path)
        snprintf(path, sizeof path, "/dev/shm/fuzz_sealed.%d", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, text.p, text.len) == (ssize_t)text.len && close(fd) == 0);
    if (keyring_load(path, &k, &why) == ERR_OK)
        check(k->count >= 1 && k->count <= SEALED_KEYS_MAX && keyring_find(k, slice_str(keyring_writing_id(k))) == &k->keys[0]);
    else
        check(*why.text);
    keyring_free(k);
    check(unlink(path) == 0);
}

/* OpenSSL makes ready what it keeps. Without memory for that it reads through a NULL of its own. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    change_envelope(NULL, 0);
    good_len = 0; /* to be sealed again, where that may fail */
    verify(slice_of(NULL, 0));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct slice all = fuzz_slice(data, size);
    change_envelope(data, size);
    open_foreign(all, text);
    verify(all);
    read_key_file(all);
    signer_free(signer_new_trueftp(all));
    signer_free(signer_new_standard(all));
    free(text);
    return 0;
}
