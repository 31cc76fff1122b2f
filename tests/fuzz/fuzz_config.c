/* Files that an operator writes: settings, librdkafka's properties, an agent's checkpoint. Each is taken whole, or refused with a
 * message; and what is taken lies within its bounds. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/kafka_internal.h"
#include "model/settings.h"
#include "producer/checkpoint.h"
#include "util/config.h"
#include "util/file.h"

static const struct config_option options[] = {SETTINGS_OPTIONS("127.0.0.1:9464")};
static const struct config_table table = {options, sizeof options / sizeof *options, settings_known_names};

static void read_settings(char *path)
{
    struct settings s;
    struct errmsg why = {""};
    char name[] = "fuzz", option[] = "--config", brokers[] = "TRUEFTP_KAFKA_BROKERS=a:1";
    char *argv[] = {name, option, path, NULL}, *environment[] = {brokers, NULL};
    int argc = 3;
    enum config_verdict verdict = config_load(&table, &s, "fuzz", &argc, argv, environment, &why);
    check(verdict != CONFIG_EXIT && (verdict == CONFIG_RUN || *why.text));
    if (verdict == CONFIG_BAD)
        return;
    check(strcmp(s.kafka_brokers, "a:1") == 0 && strlen(s.redis_url) >= 1 && strlen(s.topic_prefix) <= 64 && argc == 1);
    config_free(&table, &s);
}

/* plugin.library.paths would load code: an operator may, a fuzzer not. */
static void read_properties(const char *path, const char *text)
{
    static const struct kafka_property none[] = {{NULL, NULL}};
    struct kafka_options k = {.brokers = "a:1", .config_file = path};
    struct errmsg why = {""};
    rd_kafka_conf_t *conf = NULL;
    if (strstr(text, "plugin"))
        return;
    if (kafka_conf_new(&k, none, none, &conf, &why) == ERR_OK)
        rd_kafka_conf_destroy(conf);
    else
        check(*why.text);
}

static void read_checkpoint(const char *path)
{
    struct checkpoint c;
    struct errmsg why = {""};
    checkpoint_init(&c);
    if (checkpoint_load(path, "/log", &c, &why) == ERR_OK)
        check(c.count <= CHECKPOINT_MAX_FILES);
    else
        check(*why.text);
    checkpoint_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char *text = fuzz_text(data, size);
    int fd = memfd_create("fuzz_config", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_settings(path);
    read_properties(path, text);
    read_checkpoint(path);
    close(fd);
    free(text);
    return 0;
}
