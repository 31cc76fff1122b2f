#include "settings.h"

#define AT(field) offsetof(struct api_settings, field)

static const struct config_option options[] = {
    SETTINGS_OPTIONS("127.0.0.1:9466"),
    {"TRUEFTP_API_LISTEN", CONFIG_STRING, "127.0.0.1:8080", 1, 256, "address of the API and the dashboard, host:port",
     AT(listen)},
    {"TRUEFTP_ADMIN_TOKEN_FILE", CONFIG_STRING, "", 0, 4096, "file of the operator's token; empty: no admin API",
     AT(admin_token_file)},
    {"TRUEFTP_DATA_DIR", CONFIG_STRING, "/var/lib/trueftp", 1, 4000, "folder of the deliveries view; one replica at a time",
     AT(data_dir)},
    {"TRUEFTP_API_REQUESTS_PER_SECOND", CONFIG_INT, "50", 1, 100000,
     "requests of one key that a replica takes; twice as many at once", AT(requests_per_second)},
    {"TRUEFTP_VIEW_DELIVERY_DAYS", CONFIG_INT, "30", 1, 3650, "days that the view keeps deliveries", AT(view_delivery_days)},
    {"TRUEFTP_VIEW_EVENT_DAYS", CONFIG_INT, "30", 1, 3650, "days that the view keeps events", AT(view_event_days)},
    {"TRUEFTP_VIEW_WEBHOOK_MAX", CONFIG_INT, "1000000", 100, 1000000000, "deliveries that the view keeps of a webhook",
     AT(view_webhook_max)},
};

const struct config_table api_options = {options, sizeof options / sizeof options[0], settings_known_names};
