/* trueftp-api: REST interface, deliveries view and dashboard. */
#include <stdio.h>
#include <unistd.h>

#include "api.h"
#include "io/confine.h"
#include "util/log.h"

#define EXIT_USAGE 64
#define EXIT_CONFIG 78

static const char summary[] = "Serves the REST interface and the dashboard: accounts, webhooks, deliveries, commands. What it "
                              "holds is read from Kafka and can be\n"
                              "read again; run as many side by side as are wanted.\n";

static int run(struct api *api)
{
    struct errmsg why;
    if (api_start(api, &why) != ERR_OK) {
        log_error("start_failed", LOG_STR("error", why.text));
        return EXIT_CONFIG;
    }
    log_info("started", LOG_STR("version", TRUEFTP_VERSION), LOG_INT("port", server_port(api->server)),
             LOG_INT("admin_port", admin_port(api->admin)));
    loop_run(api->loop);
    if (api->exit_status == 0)
        api_done(api);
    return api->exit_status;
}

int main(int argc, char **argv)
{
    static struct api api;
    struct errmsg why = {""};
    enum log_level level = LOG_INFO;
    enum config_verdict verdict = config_load(&api_options, &api.settings, summary, &argc, argv, environ, &why);
    if (verdict == CONFIG_EXIT)
        return 0;
    if (verdict == CONFIG_RUN && argc > 1)
        verdict = (errmsg_set(&why, ERR_INVALID, "unexpected argument '%s'", argv[1]), CONFIG_BAD);
    if (verdict == CONFIG_RUN && log_level_parse(api.settings.common.log_level, &level) != ERR_OK)
        verdict = (errmsg_set(&why, ERR_INVALID, "TRUEFTP_LOG_LEVEL: '%s' is not debug, info, warn or error",
                              api.settings.common.log_level),
                   CONFIG_BAD);
    if (verdict == CONFIG_BAD) {
        fprintf(stderr, "trueftp-api: %s\n", why.text);
        return EXIT_USAGE;
    }
    log_init("trueftp-api", level);
    int status = EXIT_CONFIG;
    if (confine(&api_options, &api.settings.common, api.settings.data_dir, &why) == ERR_OK)
        status = run(&api);
    else
        log_error("start_failed", LOG_STR("error", why.text));
    config_free(&api_options, &api.settings);
    return status;
}
