/* The list of all commands, and what is told of them. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl/command.h"

/* In the order of --help; NULL beyond the last. */
const struct command *command_at(size_t i);

/* What options the shared ones are put into. */
struct shared_args {
    const char *brokers;
    int64_t timeout_s;
    const char *output;
    bool no_color;
    const char *api, *key_file, *admin_token_file, *ca_file;
};

#define COMMAND_GROUPS_MAX 5

/* The options of a command, its own first: fills out and returns how many. *own is the options made of its call's fields, NULL
 * where it has none, and the caller's to free. args and shared are where values go. */
size_t command_options(const struct command *c, void *args, struct shared_args *shared, struct opt **own,
                       struct opt_group out[COMMAND_GROUPS_MAX]);
/* Bytes that args needs. */
size_t command_args_size(const struct command *c);

/* "webhooks create" */
void command_name(const struct command *c, char *out, size_t size);

/* --help of one, of a group, of all. Return CTL_OK. */
int help_command(const struct command *c);
int help_group(const char *group);
int help_all(void);

#endif
