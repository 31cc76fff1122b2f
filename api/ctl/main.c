/* trueftpctl: topics, keys, accounts, webhooks, deliveries and signatures from the command line. Each command runs, prints
 * its result on standard output and ends; so it talks to Kafka synchronously, without the loop of the other programs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/kafka_sync.h"
#include "util/mem.h"

static const struct command *const commands[] = {
    &command_topics_ensure,
    &command_keys_create,
    &command_account_create,
    &command_account_list,
    &command_account_show,
    &command_account_set,
    &command_webhook_create,
    &command_webhook_list,
    &command_webhook_show,
    &command_webhook_update,
    &command_webhook_rotate_secret,
    &command_webhook_delete,
    &command_deliveries_tail,
    &command_deliveries_purge,
    &command_events_publish,
    &command_sign,
    &command_verify,
    &command_check_target,
    &command_dlq_list,
    &command_dlq_reinject,
    &command_reconcile,
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* -------- settings -------- */

static const struct config_option all_settings[] = {SETTINGS_OPTIONS("127.0.0.1:9466")};

/* Those that mean something here; the others are accepted and ignored. */
static const char *const own_settings[] = {
    "TRUEFTP_KAFKA_BROKERS", "TRUEFTP_KAFKA_CONFIG", "TRUEFTP_TOPIC_PREFIX", "TRUEFTP_SECRETS_KEY_FILE",
    "TRUEFTP_ALLOW_TARGETS", "TRUEFTP_DENY_TARGETS", "TRUEFTP_ALLOW_HTTP",   "TRUEFTP_DEV",
};

#define SETTING_COUNT (sizeof own_settings / sizeof own_settings[0])

static struct config_option setting_rows[SETTING_COUNT];
static const struct config_table setting_table = {setting_rows, SETTING_COUNT, settings_known_names};

/* The brokers are not required here: --brokers names them too, and many commands need none. */
static void choose_settings(void)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        for (size_t j = 0; j < sizeof all_settings / sizeof all_settings[0]; j++) {
            if (strcmp(own_settings[i], all_settings[j].name) == 0) {
                setting_rows[i] = all_settings[j];
            }
        }
        check(setting_rows[i].name != NULL);
        if (!setting_rows[i].fallback) {
            setting_rows[i].fallback = "";
            setting_rows[i].min = 0;
        }
    }
}

/* -------- options that commands share -------- */

struct shared_args {
    const char *brokers;
    int64_t timeout_s;
    const char *output;
};

static const struct opt kafka_options[] = {
    {"brokers", OPT_TEXT, "LIST", "Kafka bootstrap servers (else TRUEFTP_KAFKA_BROKERS)", offsetof(struct shared_args, brokers),
     0, 0, 0},
    {"timeout-s", OPT_INT, "N", "seconds to wait for Kafka (default 15)", offsetof(struct shared_args, timeout_s), 1, 3600, 15},
};
static const struct opt output_options[] = {
    {"output", OPT_TEXT, "text|json", "how to print the result (default text)", offsetof(struct shared_args, output), 0, 0, 0},
};

#define MAX_GROUPS 3

static size_t option_groups(const struct command *c, void *args, struct shared_args *shared, struct opt_group out[MAX_GROUPS])
{
    size_t n = 0;
    out[n++] = (struct opt_group){c->options, c->option_count, args};
    if (c->needs & COMMAND_OUTPUT) {
        out[n++] = (struct opt_group){output_options, 1, shared};
    }
    if (c->needs & COMMAND_KAFKA) {
        out[n++] = (struct opt_group){kafka_options, 2, shared};
    }
    return n;
}

/* -------- help -------- */

static void print_name(const struct command *c, FILE *out)
{
    (void)fprintf(out, "trueftpctl %s%s%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name, c->argument ? " " : "",
                  c->argument ? c->argument : "");
}

static int help_command(const struct command *c)
{
    struct opt_group groups[MAX_GROUPS];
    size_t count = option_groups(c, NULL, NULL, groups);
    (void)fputs("usage: ", stdout);
    print_name(c, stdout);
    (void)printf("%s\n%s\n", c->option_count || c->needs ? " [options]" : "", c->help);
    (void)puts("Options:");
    for (size_t i = 0; i < count; i++) {
        options_print(groups[i].options, groups[i].count, stdout);
    }
    if (c->needs & COMMAND_SETTINGS) {
        (void)puts("  --config FILE                read settings from a file; `trueftpctl --help` lists them");
    }
    (void)puts("  --help                       print this");
    return CTL_OK;
}

/* The commands of one group, or of all (NULL): a line each, up to the help's first line. */
static void list_commands(const char *group, FILE *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = commands[i];
        if (!group || (c->group && strcmp(c->group, group) == 0)) {
            char left[64];
            (void)snprintf(left, sizeof left, "%s%s%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name,
                           c->argument ? " " : "", c->argument ? c->argument : "");
            (void)fprintf(out, "  %-28s %.*s\n", left, (int)strcspn(c->help, "\n"), c->help);
        }
    }
}

static int help_all(void)
{
    (void)puts("usage: trueftpctl COMMAND [options]\n"
               "The command line of TrueFTP Webhooks. `trueftpctl COMMAND --help` tells a command's options.\n\n"
               "Commands:");
    list_commands(NULL, stdout);
    (void)puts(
        "\nExit status: 0 done; 1 failed, also \"invalid\" and \"refused\"; 3 topics are not as wanted; 64 wrong usage or\n"
        "configuration; 69 Kafka cannot be reached.\n\n"
        "Settings, as environment variables or lines of the file that --config names:");
    config_print(&setting_table, stdout);
    return CTL_OK;
}

/* -------- running a command -------- */

static int run_with_kafka(struct ctl *ctl, const struct command *c, const void *args, const struct shared_args *shared)
{
    struct errmsg why;
    const char *brokers = shared->brokers ? shared->brokers : ctl->settings.kafka_brokers;
    if (!brokers || !*brokers) {
        return ctl_usage("no Kafka brokers are named: set TRUEFTP_KAFKA_BROKERS or give --brokers");
    }
    enum err err = kafka_sync_open(brokers, ctl->settings.kafka_config, ctl->timeout_ms, &ctl->kafka, &why);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    int status = c->run(ctl, args);
    kafka_sync_close(ctl->kafka);
    return status;
}

static int run_with_options(struct ctl *ctl, const struct command *c, int argc, char **argv, const void *args,
                            const struct shared_args *shared)
{
    if (argc - 1 > (c->argument ? 1 : 0)) {
        return ctl_usage("unexpected argument \"%.64s\" (--help tells more)", argv[c->argument ? 2 : 1]);
    }
    if (c->argument && argc < 2) {
        return ctl_usage("%s is missing (--help tells more)", c->argument);
    }
    if (shared->output && strcmp(shared->output, "json") != 0 && strcmp(shared->output, "text") != 0) {
        return ctl_usage("--output: expected text or json, not \"%.64s\"", shared->output);
    }
    ctl->argument = c->argument ? argv[1] : NULL;
    ctl->json = shared->output && strcmp(shared->output, "json") == 0;
    ctl->timeout_ms = shared->timeout_s * 1000;
    return c->needs & COMMAND_KAFKA ? run_with_kafka(ctl, c, args, shared) : c->run(ctl, args);
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct ctl ctl = {0};
    struct errmsg why;
    struct shared_args shared = {0};
    struct opt_group groups[MAX_GROUPS];
    bool loaded = (c->needs & COMMAND_SETTINGS) != 0;

    enum config_verdict verdict = CONFIG_RUN;
    if (loaded) {
        verdict = config_load(&setting_table, &ctl.settings, c->help, &argc, argv, environ, &why);
    }
    if (verdict != CONFIG_RUN) {
        return verdict == CONFIG_EXIT ? CTL_OK : ctl_usage("%s", why.text);
    }
    void *args = mem_zalloc(c->args_size + 1);
    size_t count = option_groups(c, args, &shared, groups);
    int status = options_parse(groups, count, &argc, argv, &why) == ERR_OK ? run_with_options(&ctl, c, argc, argv, args, &shared)
                                                                           : ctl_usage("%s (--help tells more)", why.text);
    options_free(groups, count);
    free(args);
    if (loaded) {
        config_free(&setting_table, &ctl.settings);
    }
    return status;
}

/* -------- finding it -------- */

/* *words: how many of argv name it. */
static const struct command *find_command(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = commands[i];
        *words = c->group ? 2 : 1;
        if (argc > *words && (!c->group || strcmp(argv[1], c->group) == 0) && strcmp(argv[*words], c->name) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_group(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i]->group && strcmp(commands[i]->group, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static int no_command(int argc, char **argv)
{
    if (argc < 2) {
        return ctl_usage("no command is given (--help lists them)");
    }
    if (!is_group(argv[1])) {
        return ctl_usage("unknown command \"%.64s\" (--help lists them)", argv[1]);
    }
    if (argc < 3 || argv[2][0] == '-') {
        return ctl_usage("%s: which command? (trueftpctl %s --help lists them)", argv[1], argv[1]);
    }
    return ctl_usage("unknown command \"%s %.64s\" (trueftpctl %s --help lists them)", argv[1], argv[2], argv[1]);
}

static int help_group(const char *group)
{
    (void)printf("usage: trueftpctl %s COMMAND [options]\n", group);
    list_commands(group, stdout);
    return CTL_OK;
}

static int dispatch(int argc, char **argv)
{
    int words = 0;
    const struct command *c = find_command(argc, argv, &words);
    bool help = asks_for_help(argc, argv);
    if (c) {
        argv[words] = argv[0]; /* the program's name, where --version looks for it */
        return help ? help_command(c) : run_command(c, argc - words, argv + words);
    }
    if (help && (argv[1][0] == '-' || !is_group(argv[1]))) {
        return argv[1][0] == '-' ? help_all() : no_command(argc, argv);
    }
    if (help) {
        return help_group(argv[1]);
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void)puts("trueftpctl " TRUEFTP_VERSION);
        return CTL_OK;
    }
    return no_command(argc, argv);
}

int main(int argc, char **argv)
{
    (void)prctl(PR_SET_DUMPABLE, 0); /* secrets and their keys are in memory */
    choose_settings();
    int status = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        struct errmsg why;
        return ctl_fail(errmsg_set(&why, ERR_IO, "standard output: %s", strerror(errno)), &why);
    }
    return status;
}
