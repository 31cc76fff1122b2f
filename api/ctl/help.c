/* --help, of everything, of a group, of a command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"

static void put_left(const struct command *c, char *out, size_t size)
{
    char name[64];
    command_name(c, name, sizeof name);
    (void)snprintf(out, size, "%s%s%s", name, c->argument ? " " : "", c->argument ? c->argument : "");
}

int help_command(const struct command *c)
{
    struct opt_group groups[COMMAND_GROUPS_MAX];
    struct opt *own = NULL;
    char left[128];
    size_t count = command_options(c, NULL, NULL, &own, groups);
    put_left(c, left, sizeof left);
    (void)printf("usage: trueftpctl %s [options]\n%s\nOptions:\n", left, c->help);
    for (size_t i = 0; i < count; i++) {
        options_print(groups[i].options, groups[i].count, stdout);
    }
    if (c->needs & COMMAND_SETTINGS) {
        (void)puts("  --config FILE                read settings from a file; `trueftpctl --help` lists them");
    }
    (void)puts("  --help                       print this");
    free(own);
    return CTL_OK;
}

/* A line, up to the help's first one. */
static void print_line(const struct command *c)
{
    char left[128];
    put_left(c, left, sizeof left);
    (void)printf("  %-39s %.*s\n", left, (int)strcspn(c->help, "\n"), c->help);
}

int help_group(const char *group)
{
    (void)printf("usage: trueftpctl %s COMMAND [options]\n", group);
    for (size_t i = 0; command_at(i); i++) {
        const struct command *c = command_at(i);
        if (c->group && strcmp(c->group, group) == 0) {
            print_line(c);
        }
    }
    return CTL_OK;
}

enum audience { TENANT, OPERATOR, TOPICS, LOCAL, AUDIENCES };

static enum audience audience_of(const struct command *c)
{
    if (c->needs & COMMAND_KAFKA) {
        return TOPICS;
    }
    if ((c->needs & COMMAND_CLIENT) == 0) {
        return LOCAL;
    }
    return (c->needs & COMMAND_CLIENT) == (COMMAND_ADMIN & COMMAND_CLIENT) ? OPERATOR : TENANT;
}

int help_all(void)
{
    static const char *const titles[AUDIENCES] = {
        [TENANT] = "With the API key of an account:",
        [OPERATOR] = "With the operator's token:",
        [TOPICS] = "On Kafka's topics, for operators:",
        [LOCAL] = "On this machine:",
    };
    (void)puts("usage: trueftpctl COMMAND [options]\n"
               "The command line of TrueFTP Webhooks. `trueftpctl COMMAND --help` tells a command's options.\n\n"
               "Commands:");
    for (int a = 0; a < AUDIENCES; a++) {
        (void)printf("%s %s\n", a > 0 ? "\n" : "", titles[a]);
        for (size_t i = 0; command_at(i); i++) {
            if (audience_of(command_at(i)) == (enum audience)a) {
                print_line(command_at(i));
            }
        }
    }
    (void)puts(
        "\nExit status: 0 done; 1 failed, also \"invalid\" and \"refused\"; 3 topics are not as wanted, or something is "
        "missing;\n"
        "4 there is no such thing; 5 it is there already, or was changed by somebody else; 64 wrong usage or configuration;\n"
        "69 the API or Kafka cannot be reached, or cannot do it now; 77 the key is not accepted, or not for this.\n\n"
        "Settings, as environment variables or lines of the file that --config names (default:\n"
        "~/.config/trueftp/trueftpctl.conf where it is there):");
    config_print(&ctl_settings_table, stdout);
    return CTL_OK;
}
