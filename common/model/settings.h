/* Settings that all programs share (ARCHITECTURE: "Configuration"), as the first member of each program's settings. */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/config.h"

struct settings {
    char *kafka_brokers;    /* TRUEFTP_KAFKA_BROKERS, required */
    char *kafka_config;     /* TRUEFTP_KAFKA_CONFIG: path of a file of librdkafka properties, or "" */
    char *redis_url;        /* TRUEFTP_REDIS_URL, redis://127.0.0.1:6379 */
    char *topic_prefix;     /* TRUEFTP_TOPIC_PREFIX, trueftp */
    char *admin_listen;     /* TRUEFTP_ADMIN_LISTEN, host:port; each program has its own default */
    char *log_level;        /* TRUEFTP_LOG_LEVEL, info */
    char *secrets_key_file; /* TRUEFTP_SECRETS_KEY_FILE, or "" */
    char *allow_targets;    /* TRUEFTP_ALLOW_TARGETS: CIDRs, separated by commas, or "" */
    char *deny_targets;     /* TRUEFTP_DENY_TARGETS: likewise */
    bool allow_http;        /* TRUEFTP_ALLOW_HTTP, 0 */
    bool dev;               /* TRUEFTP_DEV, 0 */
    char *sandbox;          /* TRUEFTP_SANDBOX, on: on, log or off */
};

/* The rows of the shared options for a settings struct whose first member is `struct settings`; admin_default is that
 * program's "127.0.0.1:port". The worker's is 9464, the producer's 9465, the API's 9466. */
/* clang-format off */
#define SETTINGS_OPTIONS(admin_default)                                                                                        \
    {"TRUEFTP_KAFKA_BROKERS", CONFIG_STRING, NULL, 1, 4096, "Kafka bootstrap servers, host:port[,host:port...]",                \
     offsetof(struct settings, kafka_brokers)},                                                                                \
        {"TRUEFTP_KAFKA_CONFIG", CONFIG_STRING, "", 0, 4096, "file of librdkafka properties (SASL, TLS, tuning)",               \
         offsetof(struct settings, kafka_config)},                                                                             \
        {"TRUEFTP_REDIS_URL", CONFIG_STRING, "redis://127.0.0.1:6379", 1, 4096, "Redis, redis:// or rediss://",                 \
         offsetof(struct settings, redis_url)},                                                                                \
        {"TRUEFTP_TOPIC_PREFIX", CONFIG_STRING, "trueftp", 1, 64, "first part of every topic's and group's name",               \
         offsetof(struct settings, topic_prefix)},                                                                             \
        {"TRUEFTP_ADMIN_LISTEN", CONFIG_STRING, admin_default, 1, 256, "address of health and metrics, host:port",              \
         offsetof(struct settings, admin_listen)},                                                                             \
        {"TRUEFTP_LOG_LEVEL", CONFIG_STRING, "info", 4, 5, "debug, info, warn or error", offsetof(struct settings, log_level)}, \
        {"TRUEFTP_SECRETS_KEY_FILE", CONFIG_STRING, "", 0, 4096, "file of the keys that seal webhook secrets",                  \
         offsetof(struct settings, secrets_key_file)},                                                                         \
        {"TRUEFTP_ALLOW_TARGETS", CONFIG_STRING, "", 0, 4096, "CIDRs exempt from the target policy, separated by commas",       \
         offsetof(struct settings, allow_targets)},                                                                            \
        {"TRUEFTP_DENY_TARGETS", CONFIG_STRING, "", 0, 4096, "CIDRs that are never connected to, separated by commas",          \
         offsetof(struct settings, deny_targets)},                                                                             \
        {"TRUEFTP_ALLOW_HTTP", CONFIG_BOOL, "0", 0, 1, "1: webhooks may use http://", offsetof(struct settings, allow_http)},   \
        {"TRUEFTP_DEV", CONFIG_BOOL, "0", 0, 1, "1: accept one broker and unsafe topic settings, with a warning",               \
         offsetof(struct settings, dev)},                                                                                      \
        {"TRUEFTP_SANDBOX", CONFIG_STRING, "on", 2, 3, "on, log (what would be refused, in the kernel's log) or off",          \
         offsetof(struct settings, sandbox)}
/* clang-format on */

/* Every TRUEFTP_ name that any of the programs knows; ends with NULL. For struct config_table's `others`. */
extern const char *const settings_known_names[];

#endif
