#include "ctl/commands.h"

#include <stdio.h>

#include "ctl/calls.h"

static const struct command *const streams[] = {&command_deliveries_tail, &command_listen};
static const struct command *const operators[] = {&command_secrets_rewrap};
static const struct command *const topics[] = {
    &command_events_publish,  &command_log_tail,   &command_log_purge, &command_reconcile,    &command_dlq_list,
    &command_dlq_reinject,    &command_sign,       &command_verify,    &command_check_target, &command_topics_ensure,
    &command_key_file_create, &command_completion,
};

/* A part of the list: rows of one array, or pointers. */
struct part {
    const struct command *rows;
    const struct command *const *pointers;
    size_t count;
};

const struct command *command_at(size_t i)
{
    const struct part parts[] = {
        {commands_webhooks, NULL, commands_webhooks_count},
        {commands_deliveries, NULL, commands_deliveries_count},
        {NULL, streams, COUNT(streams)},
        {commands_recoveries, NULL, commands_recoveries_count},
        {commands_expectations, NULL, commands_expectations_count},
        {commands_account, NULL, commands_account_count},
        {commands_admin, NULL, commands_admin_count},
        {NULL, operators, COUNT(operators)},
        {NULL, topics, COUNT(topics)},
    };
    for (size_t p = 0; p < COUNT(parts); p++) {
        if (i < parts[p].count) {
            return parts[p].rows ? &parts[p].rows[i] : parts[p].pointers[i];
        }
        i -= parts[p].count;
    }
    return NULL;
}

void command_name(const struct command *c, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
}

/* -------- options -------- */

#define AT(field) offsetof(struct shared_args, field)

static const struct opt output_options[] = {
    {"output", OPT_TEXT, "table|json", "for people (default), or a line of JSON for each thing", AT(output), 0, 0, 0},
    {"no-color", OPT_FLAG, NULL, "no colours, on a terminal too (as the variable NO_COLOR)", AT(no_color), 0, 0, 0},
};
static const struct opt kafka_options[] = {
    {"brokers", OPT_TEXT, "LIST", "Kafka bootstrap servers (else TRUEFTP_KAFKA_BROKERS)", AT(brokers), 0, 0, 0},
    {"timeout-s", OPT_INT, "N", "seconds to wait for Kafka (default 15)", AT(timeout_s), 1, 3600, 15},
};
static const struct opt api_options[] = {
    {"api", OPT_TEXT, "URL", "where trueftp-api is (else TRUEFTP_API)", AT(api), 0, 0, 0},
    {"ca-file", OPT_TEXT, "FILE", "certificates to trust instead of the system's", AT(ca_file), 0, 0, 0},
    {"timeout-s", OPT_INT, "N", "seconds to wait for an answer (default 30)", AT(timeout_s), 1, 3600, 30},
};
static const struct opt key_options[] = {
    {"key-file", OPT_TEXT, "FILE", "API key (else TRUEFTP_API_KEY or TRUEFTP_API_KEY_FILE); - is standard input", AT(key_file), 0,
     0, 0},
};
static const struct opt admin_options[] = {
    {"admin-token-file", OPT_TEXT, "FILE", "the operator's token (else TRUEFTP_ADMIN_TOKEN_FILE); - is standard input",
     AT(admin_token_file), 0, 0, 0},
};

size_t command_options(const struct command *c, void *args, struct shared_args *shared, struct opt **own,
                       struct opt_group out[COMMAND_GROUPS_MAX])
{
    size_t n = 0;
    *own = c->call ? field_options(c->call->fields, c->call->field_count) : NULL;
    out[n++] =
        *own ? (struct opt_group){*own, c->call->field_count, args} : (struct opt_group){c->options, c->option_count, args};
    if (c->needs & COMMAND_OUTPUT) {
        out[n++] = (struct opt_group){output_options, COUNT(output_options), shared};
    }
    if (c->needs & COMMAND_KAFKA) {
        out[n++] = (struct opt_group){kafka_options, COUNT(kafka_options), shared};
    }
    if (c->needs & COMMAND_CLIENT) {
        out[n++] = (struct opt_group){api_options, COUNT(api_options), shared};
    }
    if ((c->needs & COMMAND_CLIENT) == (COMMAND_API & COMMAND_CLIENT)) {
        out[n++] = (struct opt_group){key_options, COUNT(key_options), shared};
    } else if ((c->needs & COMMAND_CLIENT) == (COMMAND_ADMIN & COMMAND_CLIENT)) {
        out[n++] = (struct opt_group){admin_options, COUNT(admin_options), shared};
    }
    check(n <= COMMAND_GROUPS_MAX);
    return n;
}

size_t command_args_size(const struct command *c)
{
    return c->call ? (c->call->field_count + 1) * sizeof(struct slot) : c->args_size + 1;
}
