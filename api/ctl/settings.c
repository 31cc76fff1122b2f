#include "ctl/settings.h"

#include <stdlib.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/mem.h"

#define AT(field) offsetof(struct ctl_settings, field)
#define COMMON(field) offsetof(struct settings, field)
#define PATH_MAX_BYTES 4096

/* The brokers are not required: --brokers names them too, and most commands need none. What these do not have of the shared
 * settings is accepted and ignored. */
static const struct config_option rows[] = {
    {"TRUEFTP_API", CONFIG_STRING, "http://127.0.0.1:8080", 1, 2048, "where trueftp-api is, http(s)://host[:port]", AT(api)},
    {"TRUEFTP_API_KEY", CONFIG_STRING, "", 0, 4096, "API key of an account", AT(api_key)},
    {"TRUEFTP_API_KEY_FILE", CONFIG_STRING, "", 0, 4096, "file with the API key instead; others must not be able to read it",
     AT(api_key_file)},
    {"TRUEFTP_ADMIN_TOKEN_FILE", CONFIG_STRING, "", 0, 4096, "file of the operator's token, for accounts, keys and plans",
     AT(admin_token_file)},
    {"TRUEFTP_API_CA_FILE", CONFIG_STRING, "", 0, 4096, "certificates to trust instead of the system's", AT(api_ca_file)},
    {"TRUEFTP_API_PROXY", CONFIG_STRING, "", 0, 2048, "URL of a proxy; the environment's *_proxy are not looked at",
     AT(api_proxy)},
    {"TRUEFTP_API_ALLOW_HTTP", CONFIG_BOOL, "0", 0, 1, "1: send keys over http:// to another machine too", AT(api_allow_http)},
    {"TRUEFTP_KAFKA_BROKERS", CONFIG_STRING, "", 0, 4096, "Kafka bootstrap servers, host:port[,host:port...]",
     COMMON(kafka_brokers)},
    {"TRUEFTP_KAFKA_CONFIG", CONFIG_STRING, "", 0, 4096, "file of librdkafka properties (SASL, TLS, tuning)",
     COMMON(kafka_config)},
    {"TRUEFTP_TOPIC_PREFIX", CONFIG_STRING, "trueftp", 1, 64, "first part of every topic's and group's name",
     COMMON(topic_prefix)},
    {"TRUEFTP_ALLOW_TARGETS", CONFIG_STRING, "", 0, 4096, "CIDRs exempt from the target policy, separated by commas",
     COMMON(allow_targets)},
    {"TRUEFTP_DENY_TARGETS", CONFIG_STRING, "", 0, 4096, "CIDRs that are never connected to, separated by commas",
     COMMON(deny_targets)},
    {"TRUEFTP_ALLOW_HTTP", CONFIG_BOOL, "0", 0, 1, "1: webhooks may use http://", COMMON(allow_http)},
    {"TRUEFTP_DEV", CONFIG_BOOL, "0", 0, 1, "1: accept one broker and unsafe topic settings, with a warning", COMMON(dev)},
};

const struct config_table ctl_settings_table = {rows, sizeof rows / sizeof rows[0], settings_known_names};

char *ctl_settings_default_file(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *path = NULL;
    struct buf text;
    buf_init(&text, PATH_MAX_BYTES);
    if (config && *config == '/') {
        buf_printf(&text, "%s/trueftp/trueftpctl.conf", config);
    } else if (home && *home == '/') {
        buf_printf(&text, "%s/.config/trueftp/trueftpctl.conf", home);
    }
    if (text.err == ERR_OK && text.len > 0 && access(buf_cstr(&text), F_OK) == 0) {
        path = mem_strdup(buf_cstr(&text));
    }
    buf_done(&text);
    return path;
}
