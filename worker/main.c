/* trueftp-worker: consumes file events, delivers them as signed POSTs, records every attempt. */
#include <stdio.h>
#include <unistd.h>

#include "io/confine.h"
#include "util/log.h"
#include "worker.h"

#define EXIT_USAGE 64
#define EXIT_CONFIG 78

static const char summary[] =
    "Consumes the events of one pool, delivers each to the webhooks that want it as a signed POST, schedules retries in Redis\n"
    "and records every attempt in the delivery log. Run as many as there is work for, up to one for each partition.\n";

static int run(struct worker *w)
{
    struct errmsg why;
    if (worker_start(w, &why) != ERR_OK) {
        log_error("start_failed", LOG_STR("error", why.text));
        return EXIT_CONFIG;
    }
    log_info("started", LOG_STR("version", TRUEFTP_VERSION), LOG_STR("events", w->events_topic),
             LOG_INT("slots", w->settings.slots), LOG_INT("admin_port", admin_port(w->admin)));
    loop_run(w->loop);
    if (w->exit_status == 0)
        worker_done(w);
    return w->exit_status;
}

int main(int argc, char **argv)
{
    static struct worker w;
    struct errmsg why = {""};
    enum log_level level = LOG_INFO;
    enum config_verdict verdict = config_load(&worker_options, &w.settings, summary, &argc, argv, environ, &why);
    if (verdict == CONFIG_EXIT)
        return 0;
    if (verdict == CONFIG_RUN && argc > 1)
        verdict = (errmsg_set(&why, ERR_INVALID, "unexpected argument '%s'", argv[1]), CONFIG_BAD);
    if (verdict == CONFIG_RUN && log_level_parse(w.settings.common.log_level, &level) != ERR_OK)
        verdict = (errmsg_set(&why, ERR_INVALID, "TRUEFTP_LOG_LEVEL: '%s' is not debug, info, warn or error",
                              w.settings.common.log_level),
                   CONFIG_BAD);
    if (verdict == CONFIG_BAD) {
        fprintf(stderr, "trueftp-worker: %s\n", why.text);
        return EXIT_USAGE;
    }
    log_init("trueftp-worker", level);
    int status = EXIT_CONFIG;
    if (confine(&worker_options, &w.settings.common, "", &why) == ERR_OK)
        status = run(&w);
    else
        log_error("start_failed", LOG_STR("error", why.text));
    config_free(&worker_options, &w.settings);
    return status;
}
