/* sign and verify: the two signature schemes on the command line. */
#include "ctl/command.h"
#include "ctl/secret.h"
#include "model/signature.h"

#define BODY_MAX (64 * 1024 * 1024)

struct args {
    const char *secret, *secret_file, *body_file, *id, *signature;
    int64_t timestamp_s;
    bool standard;
};

#define SIGN_OPTIONS                                                                                                             \
    {"secret",                                                                                                                   \
     OPT_TEXT,                                                                                                                   \
     "S",                                                                                                                        \
     "the secret as shown to the customer (visible to other users in the list of processes)",                                    \
     offsetof(struct args, secret),                                                                                              \
     0,                                                                                                                          \
     0,                                                                                                                          \
     0},                                                                                                                         \
        {"secret-file", OPT_TEXT, "F", "a file with the secret instead", offsetof(struct args, secret_file), 0, 0, 0},           \
        {"timestamp", OPT_INT,   "T", "Unix seconds, as in the timestamp header", offsetof(struct args, timestamp_s),            \
         0,           INT64_MAX, -1},                                                                                            \
        {"body-file", OPT_TEXT, "F", "the raw body; - is standard input", offsetof(struct args, body_file), 0, 0, 0},            \
        {"standard", OPT_FLAG, NULL, "webhook-signature of Standard Webhooks", offsetof(struct args, standard), 0, 0, 0},        \
    {                                                                                                                            \
        "id", OPT_TEXT, "ID", "the webhook-id header's value, with --standard", offsetof(struct args, id), 0, 0, 0               \
    }

static const struct opt sign_options[] = {SIGN_OPTIONS};
static const struct opt verify_options[] = {
    SIGN_OPTIONS,
    {"signature", OPT_TEXT, "V", "the signature header's value", offsetof(struct args, signature), 0, 0, 0},
};

/* What signing and verifying start from. */
struct input {
    struct buf secret, body;
    struct signer *signer;
};

/* 0, or the exit status with the reason printed. */
static int check_args(const struct args *a, bool verify)
{
    if (a->timestamp_s < 0) {
        return ctl_usage("--timestamp is missing (--help tells more)");
    }
    if (!a->body_file) {
        return ctl_usage("--body-file is missing (--help tells more)");
    }
    if (!a->secret == !a->secret_file) {
        return ctl_usage("one of --secret and --secret-file is needed");
    }
    if (!a->standard != !a->id) {
        return ctl_usage(a->id ? "--id goes with --standard alone" : "--standard needs --id");
    }
    if (verify && !a->signature) {
        return ctl_usage("--signature is missing (--help tells more)");
    }
    if (a->secret_file && strcmp(a->secret_file, "-") == 0 && strcmp(a->body_file, "-") == 0) {
        return ctl_usage("only one of --secret-file and --body-file can be standard input");
    }
    return CTL_OK;
}

static enum err input_read(struct input *in, const struct args *a, struct errmsg *why)
{
    *in = (struct input){0};
    buf_init(&in->body, BODY_MAX);
    enum err err = secret_read(a->secret, a->secret_file, &in->secret, why);
    if (err == ERR_OK) {
        err = read_input(a->body_file, &in->body, why);
    }
    if (err == ERR_OK) {
        in->signer = a->standard ? signer_new_standard(buf_slice(&in->secret)) : signer_new_trueftp(buf_slice(&in->secret));
    }
    if (err == ERR_OK && !in->signer) {
        err = errmsg_set(why, ERR_INVALID, "the secret must be whsec_ and base64 for Standard Webhooks");
    }
    return err;
}

static void input_done(struct input *in)
{
    signer_free(in->signer);
    secret_done(&in->secret);
    buf_done(&in->body);
}

static void print_signature(const struct input *in, const struct args *a)
{
    char trueftp[SIGNATURE_TRUEFTP_SIZE], standard[SIGNATURE_STANDARD_SIZE];
    if (a->standard) {
        sign_standard(in->signer, slice_str(a->id), a->timestamp_s, buf_slice(&in->body), standard);
        (void)puts(standard);
    } else {
        sign_trueftp(in->signer, a->timestamp_s, buf_slice(&in->body), trueftp);
        (void)puts(trueftp);
    }
}

static int sign(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct input in;
    struct errmsg why;
    (void)ctl;
    int status = check_args(a, false);
    if (status != CTL_OK) {
        return status;
    }
    enum err err = input_read(&in, a, &why);
    if (err == ERR_OK) {
        print_signature(&in, a);
    }
    input_done(&in);
    return err == ERR_OK ? CTL_OK : ctl_fail(err, &why);
}

static int print_verdict(const struct input *in, const struct args *a)
{
    struct slice body = buf_slice(&in->body), header = slice_str(a->signature);
    bool valid = a->standard ? verify_standard(in->signer, slice_str(a->id), a->timestamp_s, body, header)
                             : verify_trueftp(in->signer, a->timestamp_s, body, header);
    (void)puts(valid ? "valid" : "invalid");
    return valid ? CTL_OK : CTL_FAILED;
}

static int verify(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct input in;
    struct errmsg why;
    (void)ctl;
    int status = check_args(a, true);
    if (status != CTL_OK) {
        return status;
    }
    enum err err = input_read(&in, a, &why);
    status = err == ERR_OK ? print_verdict(&in, a) : ctl_fail(err, &why);
    input_done(&in);
    return status;
}

const struct command command_sign = {
    .name = "sign",
    .help = "Prints the value of the X-TrueFTP-Signature header, or of webhook-signature, for a body.",
    .options = sign_options,
    .option_count = sizeof sign_options / sizeof sign_options[0],
    .args_size = sizeof(struct args),
    .run = sign,
};

const struct command command_verify = {
    .name = "verify",
    .help = "Checks a signature over the raw body: \"valid\" and exit 0, or \"invalid\" and exit 1.\n"
            "The age of the timestamp is not looked at; a receiver should refuse old ones.",
    .options = verify_options,
    .option_count = sizeof verify_options / sizeof verify_options[0],
    .args_size = sizeof(struct args),
    .run = verify,
};
