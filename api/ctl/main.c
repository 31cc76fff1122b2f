/* trueftpctl: the API's calls, and what operators do to topics, from the command line. Each command runs, prints its result on
 * standard output and ends; so it talks to the API and to Kafka synchronously, without the loop of the other programs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/commands.h"
#include "ctl/kafka_sync.h"
#include "util/mem.h"

/* -------- running a command -------- */

static int run_with_kafka(struct ctl *ctl, const struct command *c, const void *args, const struct shared_args *shared)
{
    struct errmsg why;
    const struct settings *s = &ctl->settings.common;
    const char *brokers = shared->brokers ? shared->brokers : s->kafka_brokers;
    if (!brokers || !*brokers) {
        return ctl_usage("no Kafka brokers are named: set TRUEFTP_KAFKA_BROKERS or give --brokers");
    }
    enum err err = kafka_sync_open(brokers, s->kafka_config, ctl->timeout_ms, &ctl->kafka, &why);
    if (err != ERR_OK) {
        return ctl_fail(err, &why);
    }
    int status = c->run(ctl, args);
    kafka_sync_close(ctl->kafka);
    return status;
}

static int run_with_client(struct ctl *ctl, const struct command *c, const void *args, const struct shared_args *shared)
{
    const struct client_args how = {shared->api, shared->key_file, shared->admin_token_file, shared->ca_file, ctl->timeout_ms};
    unsigned kind = c->needs & COMMAND_CLIENT;
    struct errmsg why;
    if (client_open(&ctl->settings, &how, kind == (COMMAND_ADMIN & COMMAND_CLIENT), kind == (COMMAND_ANYBODY & COMMAND_CLIENT),
                    &ctl->client, &why) != ERR_OK) {
        return ctl_usage("%s", why.text);
    }
    int status = c->run(ctl, args);
    client_free(ctl->client);
    return status;
}

static int run(struct ctl *ctl, const struct command *c, const void *args, const struct shared_args *shared)
{
    if (c->needs & COMMAND_KAFKA) {
        return run_with_kafka(ctl, c, args, shared);
    }
    return c->needs & COMMAND_CLIENT ? run_with_client(ctl, c, args, shared) : c->run(ctl, args);
}

/* Words of the argument's name: "WEBHOOK DELIVERY" are two. Returns how many; *missing: the one that argc words do not reach. */
static int count_arguments(const char *names, int given, char *missing, size_t size)
{
    int count = 0;
    for (const char *p = names ? names : ""; *p; p += *p == ' ') {
        size_t len = strcspn(p, " ");
        if (count++ == given) {
            (void)snprintf(missing, size, "%.*s", (int)len, p);
        }
        p += len;
    }
    check(count <= ARGUMENTS_MAX);
    return count;
}

static bool wants_colour(const struct shared_args *shared)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !shared->no_color && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

static int run_with_options(struct ctl *ctl, const struct command *c, int argc, char **argv, const void *args,
                            const struct shared_args *shared)
{
    char missing[32] = "";
    int wanted = count_arguments(c->argument, argc - 1, missing, sizeof missing);
    if (argc - 1 > wanted) {
        return ctl_usage("unexpected argument \"%.64s\" (--help tells more)", argv[wanted + 1]);
    }
    if (argc - 1 < wanted) {
        return ctl_usage("%s is missing (--help tells more)", missing);
    }
    if (shared->output && strcmp(shared->output, "json") != 0 && strcmp(shared->output, "table") != 0) {
        return ctl_usage("--output: expected table or json, not \"%.64s\"", shared->output);
    }
    for (int i = 0; i < wanted; i++) {
        ctl->arguments[i] = argv[i + 1];
    }
    ctl->argument = ctl->arguments[0];
    ctl->call = c->call;
    ctl->json = shared->output && strcmp(shared->output, "json") == 0;
    ctl->colour = wants_colour(shared);
    ctl->timeout_ms = shared->timeout_s * 1000;
    return run(ctl, c, args, shared);
}

static bool names_config(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--config") == 0 || strncmp(argv[i], "--config=", 9) == 0) {
            return true;
        }
    }
    return false;
}

/* As config_load, with the user's own file where none is named. argv's room is one word longer than argc and its end. */
static enum config_verdict load(struct ctl *ctl, const struct command *c, int *argc, char **argv, struct errmsg *why)
{
    char *file = names_config(*argc, argv) ? NULL : ctl_settings_default_file(), option[4200];
    if (file) {
        (void)snprintf(option, sizeof option, "--config=%s", file);
        memmove(argv + 2, argv + 1, (size_t)*argc * sizeof *argv); /* with the NULL at its end */
        argv[1] = option;
        (*argc)++;
    }
    enum config_verdict verdict = config_load(&ctl_settings_table, &ctl->settings, c->help, argc, argv, environ, why);
    free(file);
    return verdict;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct ctl ctl = {0};
    struct errmsg why;
    struct shared_args shared = {0};
    struct opt_group groups[COMMAND_GROUPS_MAX];
    struct opt *own = NULL;
    bool loaded = (c->needs & COMMAND_SETTINGS) != 0;

    enum config_verdict verdict = loaded ? load(&ctl, c, &argc, argv, &why) : CONFIG_RUN;
    if (verdict != CONFIG_RUN) {
        return verdict == CONFIG_EXIT ? CTL_OK : ctl_usage("%s", why.text);
    }
    void *args = mem_zalloc(command_args_size(c));
    size_t count = command_options(c, args, &shared, &own, groups);
    int status = options_parse(groups, count, &argc, argv, &why) == ERR_OK ? run_with_options(&ctl, c, argc, argv, args, &shared)
                                                                           : ctl_usage("%s (--help tells more)", why.text);
    options_free(groups, count);
    free(own);
    free(args);
    if (loaded) {
        config_free(&ctl_settings_table, &ctl.settings);
    }
    return status;
}

/* -------- finding it -------- */

/* *words: how many of argv name it. */
static const struct command *find_command(int argc, char **argv, int *words)
{
    for (size_t i = 0; command_at(i); i++) {
        const struct command *c = command_at(i);
        *words = c->group ? 2 : 1;
        if (argc > *words && (!c->group || strcmp(argv[1], c->group) == 0) && strcmp(argv[*words], c->name) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_group(const char *name)
{
    for (size_t i = 0; command_at(i); i++) {
        if (command_at(i)->group && strcmp(command_at(i)->group, name) == 0) {
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
    (void)prctl(PR_SET_DUMPABLE, 0);                                 /* secrets and their keys are in memory */
    char **words = mem_array(NULL, (size_t)argc + 2, sizeof *words); /* with room for one more */
    memcpy(words, argv, ((size_t)argc + 1) * sizeof *words);
    int status = dispatch(argc, words);
    free(words);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        struct errmsg why;
        return ctl_fail(errmsg_set(&why, ERR_IO, "standard output: %s", strerror(errno)), &why);
    }
    return status;
}
