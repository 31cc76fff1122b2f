/* The worker's settings (ARCHITECTURE: "Configuration"). */
#ifndef WORKER_SETTINGS_H
#define WORKER_SETTINGS_H

#include "model/settings.h"

struct worker_settings {
    struct settings common;
    char *pool;    /* "": the shared pool */
    int64_t slots; /* POSTs in flight */
    int64_t retry_base_ms;
    int64_t retry_factor;
    int64_t retry_max_ms;
    int64_t disable_after_s;                                       /* 0: never */
    char *redis_password_file;                                     /* "": the URL's */
    char *redis_ca_file, *redis_certificate_file, *redis_key_file; /* "": none */
    char *egress_proxy;                                            /* "http://host:port"; "": none */
    char *egress_proxy_credentials_file;                           /* "": none */
};

extern const struct config_table worker_options;

#endif
