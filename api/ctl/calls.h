/* The rows: commands that are one call of the API each. */
#ifndef CTL_CALLS_H
#define CTL_CALLS_H

#include "ctl/call.h"

extern const struct command commands_webhooks[];
extern const size_t commands_webhooks_count;
extern const struct command commands_recoveries[];
extern const size_t commands_recoveries_count;
extern const struct command commands_expectations[];
extern const size_t commands_expectations_count;
extern const struct command commands_deliveries[];
extern const size_t commands_deliveries_count;
extern const struct command commands_account[]; /* what else an account's key is for */
extern const size_t commands_account_count;
extern const struct command commands_admin[]; /* the operator's */
extern const size_t commands_admin_count;

/* Columns of a list of deliveries. */
extern const struct column delivery_columns[];
extern const size_t delivery_column_count;

/* Columns of an audit. */
#define AUDIT_COLUMNS 6
extern const struct column audit_columns[AUDIT_COLUMNS];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CALL_COMMAND(group_, name_, argument_, needs_, call_, help_)                                                             \
    {                                                                                                                            \
        .group = (group_), .name = (name_), .argument = (argument_), .help = (help_), .needs = (needs_) | COMMAND_OUTPUT,        \
        .run = call_run, .call = &(call_)                                                                                        \
    }

#define CALL_RANGE                                                                                                               \
    {"since", FIELD_PAST, IN_QUERY, "since", "T", "from this time on: 2026-06-08T12:00:00Z, or an age as 2h", 0, 0, false},      \
    {                                                                                                                            \
        "until", FIELD_PAST, IN_QUERY, "until", "T", "before this time", 0, 0, false                                             \
    }

#define CALL_LISTING(operation, path, shape, fields, columns)                                                                    \
    {                                                                                                                            \
        operation, "GET", path, shape, fields, COUNT(fields), columns, COUNT(columns), NULL, NULL                                \
    }

#endif
