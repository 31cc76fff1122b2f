#include "settings.h"

static const struct config_option options[] = {
    SETTINGS_OPTIONS("127.0.0.1:9464"),
    {"TRUEFTP_POOL", CONFIG_STRING, "", 0, 32, "pool whose events are delivered; empty: the shared one",
     offsetof(struct worker_settings, pool)},
    {"TRUEFTP_WORKER_SLOTS", CONFIG_INT, "1024", 1, 65536, "POSTs in flight at most", offsetof(struct worker_settings, slots)},
    {"TRUEFTP_RETRY_BASE_MS", CONFIG_INT, "10000", 1, 21600000, "delay after the first failed attempt, in milliseconds",
     offsetof(struct worker_settings, retry_base_ms)},
    {"TRUEFTP_RETRY_FACTOR", CONFIG_INT, "6", 1, 100, "each further delay is that many times the one before",
     offsetof(struct worker_settings, retry_factor)},
    {"TRUEFTP_RETRY_MAX_MS", CONFIG_INT, "21600000", 1, 604800000, "no delay is longer, in milliseconds",
     offsetof(struct worker_settings, retry_max_ms)},
    {"TRUEFTP_DISABLE_AFTER_S", CONFIG_INT, "432000", 0, 31536000,
     "seconds of nothing but failures after which a webhook is to be disabled; 0: never",
     offsetof(struct worker_settings, disable_after_s)},
    {"TRUEFTP_REDIS_PASSWORD_FILE", CONFIG_STRING, "", 0, 4096, "file whose first line is the password of the URL's user",
     offsetof(struct worker_settings, redis_password_file)},
    {"TRUEFTP_REDIS_CA_FILE", CONFIG_STRING, "", 0, 4096, "authorities trusted for rediss://, PEM; empty: the system's",
     offsetof(struct worker_settings, redis_ca_file)},
    {"TRUEFTP_REDIS_CERTIFICATE_FILE", CONFIG_STRING, "", 0, 4096, "client certificate for rediss://, with its chain, PEM",
     offsetof(struct worker_settings, redis_certificate_file)},
    {"TRUEFTP_REDIS_KEY_FILE", CONFIG_STRING, "", 0, 4096, "key of that certificate, PEM",
     offsetof(struct worker_settings, redis_key_file)},
    {"TRUEFTP_EGRESS_PROXY", CONFIG_STRING, "", 0, 512, "HTTP proxy through which all deliveries go, http://host:port",
     offsetof(struct worker_settings, egress_proxy)},
    {"TRUEFTP_EGRESS_PROXY_CREDENTIALS_FILE", CONFIG_STRING, "", 0, 4096, "file with the proxy's user:password",
     offsetof(struct worker_settings, egress_proxy_credentials_file)},
};

const struct config_table worker_options = {options, sizeof options / sizeof options[0], settings_known_names};
