/* trueftp-producer, the agent beside the FTP servers: follows their logs and publishes what happened. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "model/topics.h"
#include "producer/agent.h"
#include "producer/emit.h"
#include "producer/parse.h"
#include "util/log.h"

static const char summary[] =
    "follows the logs of FTP servers and publishes what happened to Kafka, durably and in order of each log.\n"
    "trueftp-producer parse FORMAT FILE shows the events of a log without publishing them.\n"
    "trueftp-producer emit publishes one event from a script.\n"
    "`parse` and `emit` have a --help of their own.";

static int run(int argc, char **argv)
{
    struct producer_settings settings;
    struct errmsg why;
    enum log_level level;
    switch (config_load(&producer_settings_table, &settings, summary, &argc, argv, environ, &why)) {
    case CONFIG_EXIT:
        return 0;
    case CONFIG_BAD:
        fprintf(stderr, "trueftp-producer: %s\n", why.text);
        return EX_USAGE;
    case CONFIG_RUN:
        break;
    }
    int status = EX_USAGE;
    if (argc > 1)
        fprintf(stderr, "trueftp-producer: %s: no such command; see --help\n", argv[1]);
    else if (log_level_parse(settings.shared.log_level, &level) != ERR_OK)
        fprintf(stderr, "trueftp-producer: TRUEFTP_LOG_LEVEL must be debug, info, warn or error\n");
    else if (!topic_prefix_valid(settings.shared.topic_prefix))
        fprintf(stderr, "trueftp-producer: TRUEFTP_TOPIC_PREFIX: '%s' is not a topic prefix\n", settings.shared.topic_prefix);
    else {
        log_init("trueftp-producer", level);
        status = agent_run(&settings);
    }
    config_free(&producer_settings_table, &settings);
    return status;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "parse") == 0)
        return parse_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "emit") == 0)
        return emit_main(argc - 1, argv + 1);
    return run(argc, argv);
}
