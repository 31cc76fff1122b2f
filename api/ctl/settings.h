/* Settings of trueftpctl: those of the API's client, and those that the commands on topics share with the other programs. */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

#include "model/settings.h"

struct ctl_settings {
    struct settings common;
    char *api;              /* TRUEFTP_API: http(s)://host[:port] */
    char *api_key;          /* TRUEFTP_API_KEY, or "" */
    char *api_key_file;     /* TRUEFTP_API_KEY_FILE, or "" */
    char *admin_token_file; /* TRUEFTP_ADMIN_TOKEN_FILE, or "" */
    char *api_ca_file;      /* TRUEFTP_API_CA_FILE, or "" */
    char *api_proxy;        /* TRUEFTP_API_PROXY, or "" */
    bool api_allow_http;    /* TRUEFTP_API_ALLOW_HTTP */
};

extern const struct config_table ctl_settings_table;

/* The file that is read when --config names none, or NULL: there is none. $XDG_CONFIG_HOME/trueftp/trueftpctl.conf, else
 * ~/.config/trueftp/trueftpctl.conf. The caller frees it. */
char *ctl_settings_default_file(void);

#endif
