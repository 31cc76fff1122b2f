/* The API's settings (ARCHITECTURE: "Configuration"). */
#ifndef API_SETTINGS_H
#define API_SETTINGS_H

#include "model/settings.h"

struct api_settings {
    struct settings common;
    char *listen;
    char *admin_token_file; /* "": no administration */
    char *data_dir;
    int64_t requests_per_second;                                   /* of a key */
    int64_t view_delivery_days, view_event_days, view_webhook_max; /* what the deliveries view keeps */
};

extern const struct config_table api_options;

#endif
