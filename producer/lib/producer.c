/* The public functions: what is common to both modes. */
#include "producer/include/trueftp_producer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "producer/lib/event_form.h"
#include "producer/lib/kafka_link.h"
#include "producer/lib/spool_folder.h"

#define DEFAULT_MAX_BYTES (256 * 1024 * 1024LL)
#define DEFAULT_SEGMENT_BYTES (8 * 1024 * 1024LL)
#define MIN_SEGMENT_BYTES (64 * 1024LL)
#define DEFAULT_LOCK_TIMEOUT_MS 1000
#define MAX_LOCK_TIMEOUT_MS 60000
#define DEFAULT_FILE_MODE 0660

struct trueftp {
    struct kafka_link *kafka;   /* NULL: spool mode */
    struct spool_folder folder; /* of spool mode; never changed after trueftp_open */
};

const char *trueftp_version(void)
{
    return TRUEFTP_VERSION;
}

const char *trueftp_strerror(int error)
{
    static const char *const texts[] = {
        [-TRUEFTP_OK] = "no error",
        [-TRUEFTP_ERR_INVALID] = "the event or the configuration is not valid",
        [-TRUEFTP_ERR_NO_MEMORY] = "out of memory",
        [-TRUEFTP_ERR_FULL] = "no room for another event",
        [-TRUEFTP_ERR_BUSY] = "another process holds the spool's lock",
        [-TRUEFTP_ERR_IO] = "the system reported an error",
        [-TRUEFTP_ERR_TIMEOUT] = "not all events were acknowledged in time",
        [-TRUEFTP_ERR_REFUSED] = "Kafka refused the event",
        [-TRUEFTP_ERR_CLOSED] = "the event was given up",
    };
    return error <= 0 && error > -(int)(sizeof(texts) / sizeof(texts[0])) ? texts[-error] : "unknown error";
}

int trueftp_check(const struct trueftp_event *event, const char **member)
{
    struct spool_event ev;
    bool has_id;
    const char *wrong = event_form_check(event, &ev, &has_id);
    if (wrong && member)
        *member = wrong;
    return wrong ? TRUEFTP_ERR_INVALID : TRUEFTP_OK;
}

/* -------- opening -------- */

static const char *read_folder_config(const struct trueftp_config *c, struct spool_folder *f)
{
    f->max_bytes = c->spool_max_bytes ? c->spool_max_bytes : DEFAULT_MAX_BYTES;
    f->segment_bytes = c->spool_segment_bytes ? c->spool_segment_bytes : DEFAULT_SEGMENT_BYTES;
    f->lock_timeout_ms = c->lock_timeout_ms ? c->lock_timeout_ms : DEFAULT_LOCK_TIMEOUT_MS;
    f->file_mode = c->file_mode ? c->file_mode : DEFAULT_FILE_MODE;
    f->sync = c->sync;
    if (f->segment_bytes < MIN_SEGMENT_BYTES)
        return "spool_segment_bytes: must be at least 65536";
    if (f->max_bytes / 2 < f->segment_bytes)
        return "spool_max_bytes: must be at least two segments";
    if (f->lock_timeout_ms < 0 || f->lock_timeout_ms > MAX_LOCK_TIMEOUT_MS)
        return "lock_timeout_ms: must be 1 to 60000";
    if (f->file_mode > 0777)
        return "file_mode: must be at most 0777";
    return c->sync < TRUEFTP_SYNC_ALWAYS || c->sync > TRUEFTP_SYNC_NEVER ? "sync: no such policy" : NULL;
}

static int open_folder(const struct trueftp_config *c, struct spool_folder *f, char *why, size_t why_size)
{
    const char *wrong = read_folder_config(c, f);
    if (wrong) {
        snprintf(why, why_size, "%s", wrong);
        return TRUEFTP_ERR_INVALID;
    }
    f->fd = open(c->spool_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->fd < 0) {
        int saved = errno;
        char text[128];
        snprintf(why, why_size, "%s: %s", c->spool_dir, strerror_r(saved, text, sizeof(text)));
        errno = saved;
        return TRUEFTP_ERR_IO;
    }
    return TRUEFTP_OK;
}

static bool given(const char *text)
{
    return text && *text;
}

static int open_handle(const struct trueftp_config *config, struct trueftp *h, char *why, size_t why_size)
{
    if (!config || config->struct_size < sizeof(*config)) {
        snprintf(why, why_size, "struct_size: begin with TRUEFTP_CONFIG_INIT");
        return TRUEFTP_ERR_INVALID;
    }
    if (given(config->spool_dir) == given(config->brokers)) {
        snprintf(why, why_size, "exactly one of spool_dir and brokers must be given");
        return TRUEFTP_ERR_INVALID;
    }
    if (given(config->spool_dir))
        return open_folder(config, &h->folder, why, why_size);
    return kafka_link_new(config, &h->kafka, why, why_size);
}

int trueftp_open(const struct trueftp_config *config, struct trueftp **out, char *why, size_t why_size)
{
    char nobody[1];
    if (!why || why_size == 0) {
        why = nobody;
        why_size = sizeof(nobody);
    }
    why[0] = '\0';
    *out = NULL;
    struct trueftp *h = calloc(1, sizeof(*h));
    int result = h ? open_handle(config, h, why, why_size) : TRUEFTP_ERR_NO_MEMORY;
    if (result == TRUEFTP_OK) {
        *out = h;
        return result;
    }
    int saved = errno;
    if (why[0] == '\0')
        snprintf(why, why_size, "%s", trueftp_strerror(result));
    free(h);
    errno = saved;
    return result;
}

/* -------- publishing -------- */

static int append(const struct spool_folder *f, const struct spool_event *ev)
{
    struct buf record;
    buf_init(&record, SPOOL_MAX_RECORD_BYTES);
    enum err err = spool_put_event(&record, ev);
    int result = err == ERR_OK          ? spool_folder_append(f, buf_slice(&record))
                 : err == ERR_NO_MEMORY ? TRUEFTP_ERR_NO_MEMORY
                                        : TRUEFTP_ERR_INVALID;
    int saved = errno;
    buf_done(&record);
    errno = saved;
    return result;
}

int trueftp_publish(struct trueftp *h, const struct trueftp_event *event, void *opaque, char event_id[TRUEFTP_ID_SIZE])
{
    struct spool_event ev;
    bool has_id;
    if (event_form_check(event, &ev, &has_id))
        return TRUEFTP_ERR_INVALID;
    if (!event_form_complete(&ev, has_id))
        return TRUEFTP_ERR_IO;
    if (event_id)
        uuid_format(&ev.id, event_id);
    return h->kafka ? kafka_link_publish(h->kafka, &ev, opaque) : append(&h->folder, &ev);
}

int trueftp_poll(struct trueftp *h, int timeout_ms)
{
    return h->kafka ? kafka_link_poll(h->kafka, timeout_ms) : 0;
}

int trueftp_flush(struct trueftp *h, int timeout_ms)
{
    if (h->kafka)
        return kafka_link_flush(h->kafka, timeout_ms);
    return h->folder.sync == TRUEFTP_SYNC_NEVER ? TRUEFTP_OK : spool_folder_sync(&h->folder);
}

int trueftp_outstanding(struct trueftp *h)
{
    return h->kafka ? kafka_link_outstanding(h->kafka) : 0;
}

void trueftp_close(struct trueftp *h)
{
    if (!h)
        return;
    if (h->kafka)
        kafka_link_free(h->kafka);
    else
        close(h->folder.fd);
    free(h);
}
