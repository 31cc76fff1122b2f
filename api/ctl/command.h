/* Commands of trueftpctl. Each is a row of data: parsing, --help and dispatch come from it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "ctl/options.h"
#include "model/settings.h"

/* Exit statuses. */
enum {
    CTL_OK = 0,
    CTL_FAILED = 1, /* also: "invalid", "refused" */
    CTL_DRIFT = 3,
    CTL_USAGE = 64,
    CTL_UNAVAILABLE = 69, /* Kafka cannot be reached */
};

struct kafka_sync;

/* What every command gets. */
struct ctl {
    struct settings settings; /* when the command has COMMAND_SETTINGS */
    struct kafka_sync *kafka; /* when it has COMMAND_KAFKA */
    bool json;                /* --output json */
    int64_t timeout_ms;       /* --timeout-s */
    const char *argument;     /* the one argument, NULL for commands without */
};

enum command_needs {
    COMMAND_SETTINGS = 1, /* TRUEFTP_... and --config */
    COMMAND_KAFKA = 2,    /* with COMMAND_SETTINGS: a connection; --brokers and --timeout-s */
    COMMAND_OUTPUT = 4,   /* --output text|json */
};

struct command {
    const char *group; /* "webhook" of `webhook create`; NULL where name stands alone */
    const char *name;
    const char *argument; /* as shown in --help, "ID"; NULL: none */
    const char *help;     /* a sentence or more */
    unsigned needs;
    const struct opt *options;
    size_t option_count;
    size_t args_size; /* of the struct that options fill; 0: none */
    /* args is that struct. Returns the exit status; what went wrong has been printed. */
    int (*run)(struct ctl *ctl, const void *args);
};

/* "trueftpctl: ..." on standard error. Returns CTL_USAGE. */
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Prints why. Returns CTL_UNAVAILABLE for ERR_AGAIN, else CTL_FAILED. */
int ctl_fail(enum err err, const struct errmsg *why);
/* A line that begins with "warning". */
void ctl_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

extern const struct command command_topics_ensure;
extern const struct command command_keys_create;
extern const struct command command_account_create, command_account_set, command_account_list, command_account_show;
extern const struct command command_webhook_create, command_webhook_update, command_webhook_list, command_webhook_show,
    command_webhook_delete, command_webhook_rotate_secret;
extern const struct command command_deliveries_tail, command_deliveries_purge;
extern const struct command command_events_publish;
extern const struct command command_dlq_list, command_dlq_reinject;
extern const struct command command_reconcile;
extern const struct command command_sign, command_verify;
extern const struct command command_check_target;

#endif
