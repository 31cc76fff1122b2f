/* What a file server does with libtrueftp-producer: open the spool once, publish what happened, close at the end.
 *
 *     cc publish.c $(pkg-config --cflags --libs libtrueftp-producer) -o publish
 *     ./publish /var/lib/trueftp/spool acc_example /incoming/order.csv 20480
 *
 * The agent ships it. With a host:port instead of a folder it goes to Kafka itself, and the program waits for the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trueftp_producer.h>

static void on_acknowledged(void *ctx, void *opaque, const char *event_id, int error)
{
    int *failures = ctx;
    const char *path = opaque;
    if (error == TRUEFTP_OK)
        printf("%s: Kafka has %s\n", path, event_id);
    else
        fprintf(stderr, "%s: %s: %s\n", path, event_id, trueftp_strerror(error));
    *failures += error != TRUEFTP_OK;
}

static int fail(const char *what, int error)
{
    const char *reason = error == TRUEFTP_ERR_IO ? strerror(errno) : trueftp_strerror(error);
    fprintf(stderr, "%s: %s\n", what, reason);
    return 1;
}

int main(int argc, char **argv)
{
    struct trueftp_config config = TRUEFTP_CONFIG_INIT;
    struct trueftp_event event = TRUEFTP_EVENT_INIT;
    struct trueftp *handle;
    char why[256], id[TRUEFTP_ID_SIZE];
    int failures = 0;

    if (argc != 5) {
        fprintf(stderr, "usage: %s FOLDER|HOST:PORT ACCOUNT PATH SIZE\n", argv[0]);
        return 64;
    }
    if (strchr(argv[1], '/'))
        config.spool_dir = argv[1];
    else
        config.brokers = argv[1];
    config.acknowledged = on_acknowledged;
    config.ctx = &failures;
    if (trueftp_open(&config, &handle, why, sizeof(why)) != TRUEFTP_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }

    event.type = TRUEFTP_FILE_UPLOADED;
    event.account_id = argv[2];
    event.path = argv[3];
    event.size_bytes = strtoll(argv[4], NULL, 10);
    event.frontend = "example";
    const char *member = "";
    int error = trueftp_check(&event, &member);
    if (error != TRUEFTP_OK) {
        trueftp_close(handle);
        return fail(member, error);
    }
    error = trueftp_publish(handle, &event, argv[3], id);
    if (error == TRUEFTP_OK)
        error = trueftp_flush(handle, 10000); /* spool mode: it was on disk already */
    if (error == TRUEFTP_OK && config.spool_dir)
        printf("%s: spooled as %s\n", event.path, id);
    int status = error == TRUEFTP_OK ? failures : fail(argv[3], error);
    trueftp_close(handle);
    return status;
}
