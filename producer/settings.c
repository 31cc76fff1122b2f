#include "producer/settings.h"

#define DATA_DIR_OPTION                                                                                                          \
    {                                                                                                                            \
        "TRUEFTP_DATA_DIR", CONFIG_STRING, "/var/lib/trueftp", 1, 4000,                                                          \
            "folder of the checkpoints and the spool; one agent at a time", offsetof(struct producer_settings, data_dir)         \
    }

static const struct config_option options[] = {
    SETTINGS_OPTIONS("127.0.0.1:9465"),
    {"TRUEFTP_SOURCES", CONFIG_STRING, "/etc/trueftp/sources.conf", 1, 4096, "file that names the FTP servers' logs",
     offsetof(struct producer_settings, sources)},
    DATA_DIR_OPTION,
};

static const struct config_option data_dir_option[] = {DATA_DIR_OPTION};

const struct config_table producer_settings_table = {options, sizeof(options) / sizeof(options[0]), settings_known_names};
const struct config_table producer_data_dir_table = {data_dir_option, 1, settings_known_names};
