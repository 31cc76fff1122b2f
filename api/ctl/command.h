/* Commands of trueftpctl. Each is a row of data: parsing, --help and dispatch come from it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "ctl/options.h"
#include "ctl/settings.h"

/* Exit statuses. */
enum {
    CTL_OK = 0,
    CTL_FAILED = 1, /* also: "invalid", "refused" */
    CTL_DRIFT = 3,
    CTL_NOT_FOUND = 4,
    CTL_CONFLICT = 5, /* it is there already, or was changed by somebody else */
    CTL_USAGE = 64,
    CTL_UNAVAILABLE = 69, /* Kafka or the API cannot be reached, or cannot do it now */
    CTL_DENIED = 77,      /* the key is not accepted, or not for this */
};

struct kafka_sync;
struct client;

#define ARGUMENTS_MAX 2

/* What every command gets. */
struct ctl {
    struct ctl_settings settings; /* when the command has COMMAND_SETTINGS */
    struct kafka_sync *kafka;     /* when it has COMMAND_KAFKA */
    struct client *client;        /* when it has COMMAND_API, COMMAND_ADMIN or COMMAND_ANYBODY */
    const struct call *call;      /* of the command */
    bool json;                    /* --output json */
    bool colour;                  /* standard output is a terminal that wants it */
    int64_t timeout_ms;           /* --timeout-s */
    const char *arguments[ARGUMENTS_MAX];
    const char *argument; /* the first of them, NULL for commands without */
};

enum command_needs {
    COMMAND_SETTINGS = 1,                    /* TRUEFTP_... and --config */
    COMMAND_KAFKA = 2,                       /* with COMMAND_SETTINGS: a connection; --brokers and --timeout-s */
    COMMAND_OUTPUT = 4,                      /* --output table|json */
    COMMAND_API = 8 | COMMAND_SETTINGS,      /* a client with the key of an account */
    COMMAND_ADMIN = 16 | COMMAND_SETTINGS,   /* a client with the operator's token */
    COMMAND_ANYBODY = 32 | COMMAND_SETTINGS, /* a client without a key */
};

#define COMMAND_CLIENT (8 | 16 | 32)

struct command {
    const char *group; /* "webhooks" of `webhooks create`; NULL where name stands alone */
    const char *name;
    const char *argument; /* as shown in --help: "WEBHOOK DELIVERY", at most ARGUMENTS_MAX words; NULL: none */
    const char *help;     /* a sentence or more */
    unsigned needs;
    const struct opt *options;
    size_t option_count;
    size_t args_size; /* of the struct that options fill; 0: none */
    /* args is that struct. Returns the exit status; what went wrong has been printed. */
    int (*run)(struct ctl *ctl, const void *args);
    const struct call
        *call; /* a call of the API (ctl/call.h): its fields are the options, and run is call_run, or makes it often */
};

/* "trueftpctl: ..." on standard error. Returns CTL_USAGE. */
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Prints why. Returns CTL_UNAVAILABLE for ERR_AGAIN, else CTL_FAILED. */
int ctl_fail(enum err err, const struct errmsg *why);
/* A line that begins with "warning: ". */
void ctl_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Anything else worth telling on standard error. */
void ctl_note(const char *fmt, ...) PRINTF_LIKE(1, 2);

extern const struct command command_completion;
extern const struct command command_listen;
extern const struct command command_deliveries_tail;
extern const struct command command_topics_ensure;
extern const struct command command_key_file_create;
extern const struct command command_secrets_rewrap;
extern const struct command command_log_tail, command_log_purge;
extern const struct command command_events_publish;
extern const struct command command_dlq_list, command_dlq_reinject;
extern const struct command command_reconcile;
extern const struct command command_sign, command_verify;
extern const struct command command_check_target;

#endif
