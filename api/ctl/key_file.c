/* key-file create. */
#include "ctl/command.h"
#include "model/sealed.h"
#include "util/clock.h"

struct args {
    const char *file;
    const char *key_id;
};

static const struct opt options[] = {
    {"file", OPT_TEXT, "FILE", "where to write it; must not be there yet", offsetof(struct args, file), 0, 0, 0},
    {"key-id", OPT_TEXT, "ID", "name of the key (default: today's date, as k20260608)", offsetof(struct args, key_id), 0, 0, 0},
};

static int create(struct ctl *ctl, const void *args)
{
    const struct args *a = args;
    struct errmsg why;
    char utc[CLOCK_UTC_SIZE], today[16];
    (void)ctl;
    if (!a->file) {
        return ctl_usage("--file is missing (--help tells more)");
    }
    (void)clock_format_utc(clock_wall_ms(), false, utc);
    (void)snprintf(today, sizeof today, "k%.4s%.2s%.2s", utc, utc + 5, utc + 8);
    const char *id = a->key_id ? a->key_id : today;
    enum err err = keyring_create(a->file, id, &why);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    (void)printf("%s: key %s\n", a->file, id);
    return CTL_OK;
}

const struct command command_key_file_create = {
    .group = "key-file",
    .name = "create",
    .help = "Writes a key file with one new key, mode 0600.\n"
            "Webhook secrets are sealed by it: keep a copy where it is safe. The worker reads it too (TRUEFTP_SECRETS_KEY_FILE).",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .args_size = sizeof(struct args),
    .run = create,
};
