#include "producer/emit.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "producer/emit_kafka.h"
#include "producer/include/trueftp_producer.h"
#include "producer/settings.h"
#include "util/clock.h"

#define WAIT_SECONDS 30
#define MAX_WAIT_SECONDS 86400

static const char usage[] =
    "usage: trueftp-producer emit --account ID --event NAME [options]\n"
    "Publishes one event: file.uploaded, file.downloaded, file.deleted, file.renamed, dir.created, dir.deleted (each with "
    "--path) or\n"
    "ftp_user.created (with --username). It is on disk when the command ends, and the agent ships it. Prints the event's id.\n"
    "  --path PATH           absolute, as the customer sees it\n"
    "  --username NAME       who did it; of ftp_user.created the new user\n"
    "  --home PATH           the new user's\n"
    "  --size BYTES          of the file\n"
    "  --time TIME           RFC 3339 (default: now)\n"
    "  --client-ip ADDRESS   --protocol NAME   --session ID   --frontend NAME   --suspect WORD   --renamed-from PATH\n"
    "  --traceparent TEXT    W3C trace context\n"
    "  --event-id UUID       the same id again is the same event again\n"
    "  --spool FOLDER        default: the agent's, $TRUEFTP_DATA_DIR/spool\n"
    "  --wait[=SECONDS]      do not spool: publish to Kafka and wait for its acknowledgement (default 30)\n"
    "  --config FILE         settings, as for the agent\n";

struct emit {
    struct trueftp_event event;
    const char *spool; /* NULL: the agent's */
    char *config;      /* file of settings, or NULL */
    bool wait;
    int wait_seconds;
};

/* -------- arguments -------- */

static bool set_type(struct emit *e, const char *name)
{
    static const char *const names[] = {
        [TRUEFTP_FILE_UPLOADED] = "file.uploaded", [TRUEFTP_FILE_DOWNLOADED] = "file.downloaded",
        [TRUEFTP_FILE_DELETED] = "file.deleted",   [TRUEFTP_DIR_CREATED] = "dir.created",
        [TRUEFTP_DIR_DELETED] = "dir.deleted",     [TRUEFTP_USER_CREATED] = "ftp_user.created",
        [TRUEFTP_FILE_RENAMED] = "file.renamed",
    };
    for (int i = TRUEFTP_FILE_UPLOADED; i <= TRUEFTP_FILE_RENAMED; i++) {
        if (strcmp(names[i], name) == 0) {
            e->event.type = (enum trueftp_event_type)i;
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || errno != 0 || value < 0 || value > max)
        return false;
    *out = value;
    return true;
}

static bool set_wait(struct emit *e, const char *seconds)
{
    int64_t value = WAIT_SECONDS;
    if (seconds && (!read_number(seconds, MAX_WAIT_SECONDS, &value) || value == 0))
        return false;
    e->wait = true;
    e->wait_seconds = (int)value;
    return true;
}

/* Options that are a text of the event, by the place of that member. */
static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"account", offsetof(struct trueftp_event, account_id)},      {"path", offsetof(struct trueftp_event, path)},
    {"username", offsetof(struct trueftp_event, username)},       {"home", offsetof(struct trueftp_event, home)},
    {"client-ip", offsetof(struct trueftp_event, client_ip)},     {"protocol", offsetof(struct trueftp_event, protocol)},
    {"session", offsetof(struct trueftp_event, session_id)},      {"frontend", offsetof(struct trueftp_event, frontend)},
    {"suspect", offsetof(struct trueftp_event, suspect)},         {"renamed-from", offsetof(struct trueftp_event, renamed_from)},
    {"traceparent", offsetof(struct trueftp_event, traceparent)}, {"event-id", offsetof(struct trueftp_event, event_id)},
};
enum { TEXTS = sizeof(texts) / sizeof(texts[0]), OTHERS = 7, OPTION_BASE = 256 };

static bool set_option(struct emit *e, int option, char *value)
{
    if (option >= OPTION_BASE) {
        const char *text = value;
        memcpy((char *)&e->event + texts[option - OPTION_BASE].offset, &text, sizeof(text));
        return true;
    }
    switch (option) {
    case 'e':
        return set_type(e, value);
    case 's':
        return read_number(value, INT64_MAX, &e->event.size_bytes);
    case 't':
        return clock_parse_utc(slice_str(value), &e->event.time_ms) == ERR_OK && e->event.time_ms > 0;
    case 'o':
        e->spool = value;
        return true;
    case 'c':
        e->config = value;
        return true;
    case 'w':
        return set_wait(e, value);
    default:
        return false;
    }
}

static void list_options(struct option longs[TEXTS + OTHERS])
{
    static const struct option others[OTHERS] = {{"event", required_argument, NULL, 'e'},
                                                 {"size", required_argument, NULL, 's'},
                                                 {"time", required_argument, NULL, 't'},
                                                 {"spool", required_argument, NULL, 'o'},
                                                 {"wait", optional_argument, NULL, 'w'},
                                                 {"config", required_argument, NULL, 'c'},
                                                 {NULL, 0, NULL, 0}};
    for (int i = 0; i < TEXTS; i++)
        longs[i] = (struct option){texts[i].name, required_argument, NULL, OPTION_BASE + i};
    memcpy(longs + TEXTS, others, sizeof(others));
}

static bool read_options(struct emit *e, int argc, char **argv)
{
    struct option longs[TEXTS + OTHERS];
    const char *member = "";
    int option, index = 0;
    list_options(longs);
    while ((option = getopt_long(argc, argv, "", longs, &index)) != -1) {
        if (option == '?')
            return false;
        if (!set_option(e, option, optarg)) {
            fprintf(stderr, "trueftp-producer: --%s: not %s\n", longs[index].name, optarg ? optarg : "a value");
            return false;
        }
    }
    if (argc != optind) {
        fprintf(stderr, "trueftp-producer: %s: not an option\n", argv[optind]);
        return false;
    }
    if (trueftp_check(&e->event, &member) != TRUEFTP_OK) {
        fprintf(stderr, "trueftp-producer: the event's %s is missing or wrong\n", member);
        return false;
    }
    return true;
}

/* -------- the spool -------- */

static int status_of(int error)
{
    switch (error) {
    case TRUEFTP_OK:
        return 0;
    case TRUEFTP_ERR_INVALID:
        return EX_USAGE;
    case TRUEFTP_ERR_IO:
        return EX_IOERR;
    default:
        return EX_TEMPFAIL;
    }
}

static int spool(const struct emit *e, const char *folder)
{
    struct trueftp_config config = TRUEFTP_CONFIG_INIT;
    struct trueftp *handle;
    char why[512], id[TRUEFTP_ID_SIZE];
    config.spool_dir = folder;
    if (trueftp_open(&config, &handle, why, sizeof(why)) != TRUEFTP_OK) {
        fprintf(stderr, "trueftp-producer: %s (the agent makes the spool at its first start)\n", why);
        return EX_UNAVAILABLE;
    }
    int error = trueftp_publish(handle, &e->event, NULL, id);
    if (error == TRUEFTP_OK)
        puts(id);
    else
        fprintf(stderr, "trueftp-producer: %s: %s\n", folder,
                error == TRUEFTP_ERR_IO ? strerror(errno) : trueftp_strerror(error));
    trueftp_close(handle);
    return status_of(error);
}

/* -------- the whole -------- */

static int spool_of_agent(const struct emit *e, const struct producer_settings *settings)
{
    char folder[4096];
    snprintf(folder, sizeof(folder), "%s/spool", settings->data_dir);
    return spool(e, folder);
}

/* Without --wait no broker has to be configured. */
static int run(const struct emit *e)
{
    const struct config_table *table = e->wait ? &producer_settings_table : &producer_data_dir_table;
    struct producer_settings settings = {0};
    struct errmsg why;
    char program[] = "trueftp-producer", option[] = "--config";
    char *argv[] = {program, e->config ? option : NULL, e->config, NULL};
    int argc = e->config ? 3 : 1;
    if (config_load(table, &settings, "", &argc, argv, environ, &why) != CONFIG_RUN) {
        fprintf(stderr, "trueftp-producer: %s\n", why.text);
        return EX_USAGE;
    }
    int status = e->wait ? emit_kafka(&settings.shared, &e->event, e->wait_seconds) : spool_of_agent(e, &settings);
    config_free(table, &settings);
    return status;
}

int emit_main(int argc, char **argv)
{
    struct emit e = {.event = TRUEFTP_EVENT_INIT};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!read_options(&e, argc, argv)) {
        fputs("trueftp-producer emit --help shows how it is used\n", stderr);
        return EX_USAGE;
    }
    return e.spool && !e.wait ? spool(&e, e.spool) : run(&e);
}
