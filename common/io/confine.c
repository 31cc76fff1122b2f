#include "io/confine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/mem.h"

#define PROPERTIES_MAX_BYTES (256 * 1024)

enum err confine_init(struct sandbox *s, const struct settings *common, struct errmsg *why)
{
    enum sandbox_mode mode;
    if (sandbox_mode_parse(common->sandbox, &mode) != ERR_OK)
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_SANDBOX: '%s' is not on, log or off", common->sandbox);
    sandbox_init(s, mode);
    return ERR_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* A folder, and no more; of a file the folder that it lies in, so that it can be replaced, and where it leads to, if it is a
 * link. */
static void allow(struct sandbox *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        sandbox_read_beside(s, path);
    sandbox_read_below(s, path);
}

/* Folders with ':' between them. */
static void allow_each(struct sandbox *s, const char *paths)
{
    char *copy = mem_strdup(paths), *rest = copy, *path;
    while ((path = strsep(&rest, ":")))
        if (*path)
            allow(s, path);
    free(copy);
}

/* Keys, certificates and lists of revoked ones that librdkafka opens whenever it makes a handle. */
static void allow_properties(struct sandbox *s, const char *file)
{
    struct buf text;
    struct errmsg why;
    buf_init(&text, PROPERTIES_MAX_BYTES);
    if (*file && file_read(file, &text, &why) == ERR_OK && text.len > 0) {
        char *rest = text.p, *line;
        while ((line = strsep(&rest, "\n"))) {
            char *value = strchr(line, '=');
            value = value ? value + 1 + strspn(value + 1, " \t") : NULL;
            if (value && *value == '/') {
                value[strcspn(value, " \t\r")] = '\0';
                allow(s, value);
            }
        }
    }
    if (text.p)
        explicit_bzero(text.p, text.len); /* passwords stand in it */
    buf_done(&text);
}

void confine_allow_settings(struct sandbox *s, const struct config_table *table, const struct settings *common)
{
    static const char *const certificates[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}; /* http_tls.c's, OpenSSL's */
    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *o = &table->options[i];
        if (o->type != CONFIG_STRING)
            continue;
        const char *value = *(char *const *)(const void *)((const char *)common + o->offset);
        if (*value == '/' || ends_with(o->name, "_FILE") || ends_with(o->name, "_CONFIG"))
            allow(s, value);
    }
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        const char *value = getenv(certificates[i]);
        if (value)
            allow_each(s, value);
    }
    allow_properties(s, common->kafka_config);
}

enum err confine_enter(struct sandbox *s, struct errmsg *why)
{
    struct sandbox_held held;
    const struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0); /* secrets and their keys are in memory */
    (void)setrlimit(RLIMIT_CORE, &none);
    enum err err = sandbox_enter(s, &held);
    sandbox_done(s);
    if (err != ERR_OK)
        return errmsg_set(why, err, "sandbox: %s (TRUEFTP_SANDBOX=off does without)", held.why.text);
    LOG_AT(*held.why.text ? LOG_WARN : LOG_INFO, "sandbox", LOG_STR("seccomp", held.seccomp), LOG_STR("landlock", held.landlock),
           LOG_STR("missing", held.why.text));
    return ERR_OK;
}

enum err confine(const struct config_table *table, const struct settings *common, const char *write_below, struct errmsg *why)
{
    struct sandbox s;
    enum err err = confine_init(&s, common, why);
    if (err != ERR_OK)
        return err;
    if (*write_below)
        (void)mkdir(write_below, 0700); /* where it cannot be made, whoever opens it says so */
    confine_allow_settings(&s, table, common);
    sandbox_write_below(&s, write_below);
    return confine_enter(&s, why);
}
