/* Settings of trueftp-producer: the shared ones, the sources file and the folder of the checkpoints. */
#ifndef PRODUCER_SETTINGS_H
#define PRODUCER_SETTINGS_H

#include "model/settings.h"

struct producer_settings {
    struct settings shared;
    char *sources;  /* TRUEFTP_SOURCES */
    char *data_dir; /* TRUEFTP_DATA_DIR */
};

extern const struct config_table producer_settings_table;
/* Of the same struct the data folder alone, for what needs no broker; the struct must be zeroed before. */
extern const struct config_table producer_data_dir_table;

#endif
