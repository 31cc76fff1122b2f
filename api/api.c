#include "api.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "expectations/arrivals.h"
#include "http/dispatch.h"
#include "io/file_watch.h"
#include "routes/routes.h"
#include "util/log.h"

#define SECOND_MS 1000
#define AUDIT_DAYS 366 /* as long as its topic */
#define DAY_MS (24 * 3600 * (int64_t)1000)
#define STOP_MS 25000 /* for requests under way */
#define TESTS_A_SECOND (5.0 / 60)
#define TESTS_AT_ONCE 5

void api_count_request(struct api *api, unsigned status, int64_t us)
{
    if (status >= 100 && status < 600)
        ++*api->stats.requests[status / 100];
    histogram_observe(api->stats.seconds, (double)us / 1e6);
}

/* -------- turns -------- */

static void finish_stop(struct api *api)
{
    bool idle = server_open(api->server) == 0 && (!api->writer || writer_outstanding(api->writer) == 0);
    if (!idle && loop_now(api->loop) < api->stop_by_ms)
        return;
    log_info("stopped", LOG_INT("requests_open", server_open(api->server)));
    loop_stop(api->loop);
}

static const char *ready(void *ctx)
{
    struct api *api = ctx;
    if (api->stopping)
        return "stopping";
    const char *waiting_for = start_waiting_for(api->start);
    return waiting_for || view_complete(api->view) ? waiting_for : "the deliveries view";
}

/* What this replica does by itself, as all of them do. */
static void react(struct api *api)
{
    disabling_turn(api->disabling);
    arrivals_turn(api);
}

static void on_second(void *ctx)
{
    struct api *api = ctx;
    *api->stats.loop_lag_seconds = (double)loop_take_longest_turn_ms(api->loop) / 1000.0;
    if (definitions_complete(api->definitions))
        live_sweep(api->live, api->definitions, api->sessions, loop_now(api->loop), loop_wall(api->loop));
    sessions_sweep(api->sessions, loop_wall(api->loop));
    view_watch(api->view, live_is_watched(api->live));
    if (api->stopping)
        finish_stop(api);
    else if (!ready(api))
        react(api);
    loop_timer_arm(api->second, api->stopping ? SECOND_MS / 20 : SECOND_MS);
}

void api_stop(struct api *api)
{
    if (api->stopping) {
        log_warn("stopped_at_once");
        _exit(1);
    }
    api->stopping = true;
    api->stop_by_ms = loop_now(api->loop) + STOP_MS;
    server_quiesce(api->server);
    loop_timer_arm(api->second, 0);
}

static void on_signal(void *ctx, int signo)
{
    log_info("signal", LOG_STR("name", strsignal(signo)));
    api_stop(ctx);
}

static const char *live(void *ctx)
{
    (void)ctx;
    return NULL;
}

/* -------- start -------- */

static enum err check_settings(struct api *api, struct errmsg *why)
{
    const struct api_settings *s = &api->settings;
    if (!topic_prefix_valid(s->common.topic_prefix))
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_TOPIC_PREFIX: '%s' is not a topic prefix", s->common.topic_prefix);
    if (s->common.secrets_key_file[0] == '\0')
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_SECRETS_KEY_FILE must be given: webhook secrets are sealed with its keys");
    if (s->admin_token_file[0] != '\0' && access(s->admin_token_file, R_OK) != 0)
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_ADMIN_TOKEN_FILE: %s cannot be read", s->admin_token_file);
    if (target_policy_make(s->common.allow_http, s->common.allow_targets, s->common.deny_targets, &api->policy, why) != ERR_OK)
        return ERR_INVALID;
    return keyring_load(s->common.secrets_key_file, &api->keyring, why);
}

/* Sessions sealed with a key that is gone end; what was read before stays when the file cannot be used. */
static void on_keys_changed(void *ctx)
{
    struct api *api = ctx;
    struct keyring *fresh;
    struct errmsg why;
    if (keyring_load(api->settings.common.secrets_key_file, &fresh, &why) != ERR_OK) {
        log_error("key_file_unusable", LOG_STR("error", why.text), LOG_STR("meaning", "the keys read before stay in use"));
        return;
    }
    keyring_free(api->keyring);
    api->keyring = fresh;
    log_info("key_file_read", LOG_STR("writing_key", keyring_writing_id(fresh)));
}

static enum err open_view(struct api *api, struct errmsg *why)
{
    struct view_options options = {.kafka = api->kafka,
                                   .topic_prefix = api->settings.common.topic_prefix,
                                   .folder = api->settings.data_dir,
                                   .limits = {.delivery_age_ms = api->settings.view_delivery_days * DAY_MS,
                                              .event_age_ms = api->settings.view_event_days * DAY_MS,
                                              .deliveries_per_webhook = api->settings.view_webhook_max,
                                              .audit_age_ms = AUDIT_DAYS * DAY_MS},
                                   .metrics = api->metrics};
    struct errmsg inner;
    enum err err = view_open(&options, &api->view, &inner);
    if (err != ERR_OK)
        return errmsg_set(why, err, "TRUEFTP_DATA_DIR: %.400s", inner.text);
    view_on_disabled(api->view, disabling_event, api->disabling);
    return ERR_OK;
}

static enum err open_io(struct api *api, struct errmsg *why)
{
    struct admin_checks checks = {.live = live, .ready = ready, .ctx = api};
    enum err err = admin_start(api->loop, api->settings.common.admin_listen, api->metrics, checks, &api->admin, why);
    if (err == ERR_OK)
        err = kafka_admin_new(&api->kafka, &api->kafka_admin, why);
    if (err == ERR_OK)
        err = writer_new(&api->kafka, &api->writer, why);
    if (err == ERR_OK)
        err = open_view(api, why);
    if (err == ERR_OK)
        view_on_delivery(api->view, stream_delivery, stream_untold, api);
    return err == ERR_OK ? server_start(api, api->loop, api->settings.listen, dispatch, &api->server, why) : err;
}

enum err api_start(struct api *api, struct errmsg *why)
{
    enum err err = check_settings(api, why);
    if (err != ERR_OK)
        return err;
    api->loop = loop_new();
    api->metrics = metrics_new();
    stats_init(&api->stats, api->metrics, api);
    api->kafka = (struct kafka_options){.loop = api->loop,
                                        .brokers = api->settings.common.kafka_brokers,
                                        .config_file = api->settings.common.kafka_config,
                                        .client_id = "trueftp-api",
                                        .metrics = api->metrics,
                                        .metrics_prefix = "trueftp_api"};
    api->requests = limiter_new((double)api->settings.requests_per_second, 2 * (double)api->settings.requests_per_second);
    api->live = live_new();
    api->recoveries = recoveries_new(api);
    api->sessions = sessions_new(api);
    api->disabling = disabling_new(api);
    api->watch = arrivals_watch(api);
    api->tests = limiter_new(TESTS_A_SECOND, TESTS_AT_ONCE);
    err = open_io(api, why);
    if (err != ERR_OK)
        return err;
    api->key_watch = file_watch_new(api->loop, api->settings.common.secrets_key_file, on_keys_changed, api);
    api->second = loop_timer_new(api->loop, on_second, api);
    loop_timer_arm(api->second, SECOND_MS);
    api->start = start_new(api);
    loop_on_signal(api->loop, SIGTERM, on_signal, api);
    loop_on_signal(api->loop, SIGINT, on_signal, api);
    return ERR_OK;
}

void api_done(struct api *api)
{
    writer_free(api->writer);
    server_stop(api->server);
    recoveries_free(api->recoveries);
    sessions_free(api->sessions);
    disabling_free(api->disabling);
    watch_free(api->watch);
    start_free(api->start);
    definitions_free(api->definitions);
    view_free(api->view);
    live_free(api->live);
    kafka_admin_free(api->kafka_admin);
    admin_stop(api->admin);
    loop_timer_free(api->second);
    limiter_free(api->requests);
    limiter_free(api->tests);
    target_policy_done(&api->policy);
    file_watch_free(api->key_watch);
    keyring_free(api->keyring);
    metrics_free(api->metrics);
    loop_free(api->loop);
}
