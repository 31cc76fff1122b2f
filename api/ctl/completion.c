/* completion: a script that makes bash complete commands and options. It is made from the table of commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"

static void print_options(const struct command *c)
{
    struct opt_group groups[COMMAND_GROUPS_MAX];
    struct opt *own = NULL;
    size_t count = command_options(c, NULL, NULL, &own, groups);
    for (size_t g = 0; g < count; g++) {
        for (size_t i = 0; i < groups[g].count; i++) {
            (void)printf(" --%s", groups[g].options[i].name);
        }
    }
    (void)puts(c->needs & COMMAND_SETTINGS ? " --config --help' ;;" : " --help' ;;");
    free(own);
}

static bool is_first_of_group(size_t at)
{
    const struct command *c = command_at(at);
    for (size_t i = 0; c->group && i < at; i++) {
        if (command_at(i)->group && strcmp(command_at(i)->group, c->group) == 0) {
            return false;
        }
    }
    return true;
}

static void print_words(void)
{
    (void)fputs("    '') words='--help --version", stdout);
    for (size_t i = 0; command_at(i); i++) {
        const struct command *c = command_at(i);
        if (is_first_of_group(i)) {
            (void)printf(" %s", c->group ? c->group : c->name);
        }
    }
    (void)puts("' ;;");
    for (size_t i = 0; command_at(i); i++) {
        const struct command *c = command_at(i);
        if (!c->group || !is_first_of_group(i)) {
            continue;
        }
        (void)printf("    '%s') words='--help", c->group);
        for (size_t j = i; command_at(j); j++) {
            if (command_at(j)->group && strcmp(command_at(j)->group, c->group) == 0) {
                (void)printf(" %s", command_at(j)->name);
            }
        }
        (void)puts("' ;;");
    }
}

static int run(struct ctl *ctl, const void *args)
{
    (void)args;
    if (strcmp(ctl->argument, "bash") != 0) {
        return ctl_usage("there is a script for bash, not for \"%.64s\"", ctl->argument);
    }
    (void)puts("# Completion of trueftpctl for bash; made by `trueftpctl completion bash`.\n"
               "_trueftpctl() {\n"
               "  local current=${COMP_WORDS[COMP_CWORD]} words='' before\n"
               "  before=\"${COMP_WORDS[*]:1:COMP_CWORD < 3 ? COMP_CWORD - 1 : 2}\"\n"
               "  case $before in");
    print_words();
    for (size_t i = 0; command_at(i); i++) {
        char name[64];
        command_name(command_at(i), name, sizeof name);
        /* A command without a group is followed by its argument, or by an option. */
        (void)printf(command_at(i)->group ? "    '%s') words='" : "    '%1$s' | '%1$s '*) words='", name);
        print_options(command_at(i));
    }
    (void)puts("  esac\n"
               "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
               "}\n"
               "complete -o default -F _trueftpctl trueftpctl");
    return CTL_OK;
}

const struct command command_completion = {
    .name = "completion",
    .argument = "SHELL",
    .help = "Prints a script that completes commands and options: . <(trueftpctl completion bash)",
    .run = run,
};
