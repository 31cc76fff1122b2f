/* All names that the programs know, so that one environment can serve them all and a misspelt name still stops the start. */
#include "model/settings.h"

const char *const settings_known_names[] = {
    "TRUEFTP_ADMIN_LISTEN",
    "TRUEFTP_ADMIN_TOKEN_FILE",
    "TRUEFTP_ALLOW_HTTP",
    "TRUEFTP_ALLOW_TARGETS",
    "TRUEFTP_API_LISTEN",
    "TRUEFTP_API_REQUESTS_PER_SECOND",
    "TRUEFTP_ASSIGNOR",
    "TRUEFTP_DATA_DIR",
    "TRUEFTP_DEV",
    "TRUEFTP_DISABLE_AFTER_S",
    "TRUEFTP_KAFKA_BROKERS",
    "TRUEFTP_KAFKA_CONFIG",
    "TRUEFTP_LOG_LEVEL",
    "TRUEFTP_POOL",
    "TRUEFTP_REDIS_URL",
    "TRUEFTP_RETRY_BASE_MS",
    "TRUEFTP_RETRY_FACTOR",
    "TRUEFTP_RETRY_MAX_MS",
    "TRUEFTP_SECRETS_KEY_FILE",
    "TRUEFTP_SOURCES",
    "TRUEFTP_TOPIC_PREFIX",
    "TRUEFTP_WORKER_SLOTS",
    NULL,
};
