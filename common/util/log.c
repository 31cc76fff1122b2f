#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/json.h"

enum {
    STRING_MAX = 1024,
    LINE_MAX_BYTES = 64 * 1024,
    FIELD_MAX_BYTES = 6 * STRING_MAX + 256, /* every byte escaped, and the name */
    FACTS = 256,                            /* slots for suppression; a power of two */
    BURST = 20,
    BURST_MS = 10 * 1000,
};

/* What one fact has written in its window of BURST_MS. Known by the hash of its name: a collision of 64 bits would
 * only suppress a line too early. */
struct fact {
    uint64_t hash; /* 0: free */
    int64_t since_ms;
    unsigned written;
    int64_t suppressed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* around one line */

static struct {
    const char *program;
    enum log_level level;
    void (*sink)(void *ctx, struct slice line);
    void *sink_ctx;
    struct buf line;
    struct fact facts[FACTS];
    int64_t lost; /* lines that standard output did not take */
} logger = {.program = "", .level = LOG_INFO, .line = {.max = LINE_MAX_BYTES}};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *program, enum log_level level)
{
    logger.program = program;
    logger.level = level;
}

void log_set_sink(void (*sink)(void *ctx, struct slice line), void *ctx)
{
    logger.sink = sink;
    logger.sink_ctx = ctx;
}

enum err log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return ERR_OK;
        }
    return ERR_INVALID;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3U;
    return hash ? hash : 1;
}

/* The slot of a fact, or NULL when all are taken: then that fact is not suppressed. */
static struct fact *find_fact(const char *name)
{
    uint64_t hash = hash_of(name);
    for (uint64_t i = 0; i < FACTS; i++) {
        struct fact *fact = &logger.facts[(hash + i) % FACTS];
        if (fact->hash == 0)
            fact->hash = hash;
        if (fact->hash == hash)
            return fact;
    }
    return NULL;
}

static bool may_write(struct fact *fact, enum log_level level)
{
    if (!fact || level == LOG_ERROR)
        return true;
    int64_t now = clock_mono_ms();
    if (fact->written == 0 || now - fact->since_ms >= BURST_MS) {
        fact->since_ms = now;
        fact->written = 0;
    }
    if (fact->written < BURST) {
        fact->written++;
        return true;
    }
    fact->suppressed++;
    return false;
}

/* Cuts at STRING_MAX, before a sequence that would be torn. */
static struct slice cut(struct slice s)
{
    if (s.len <= STRING_MAX)
        return s;
    size_t len = STRING_MAX;
    for (int back = 0; back < 3 && ((unsigned char)s.p[len] & 0xc0) == 0x80; back++)
        len--;
    return slice_of(s.p, len);
}

static void put_name(struct buf *b, const char *name)
{
    buf_putc(b, ',');
    json_put_string(b, cut(slice_str(name)));
    buf_putc(b, ':');
}

static void put_str(struct buf *b, const char *name, struct slice value)
{
    put_name(b, name);
    json_put_string(b, cut(value));
}

static void put_int(struct buf *b, const char *name, int64_t value)
{
    put_name(b, name);
    buf_put_i64(b, value);
}

static void put_field(struct buf *b, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_STR:
        put_str(b, field->name, field->str);
        return;
    case LOG_KIND_INT:
        put_int(b, field->name, field->num);
        return;
    case LOG_KIND_BOOL:
        put_name(b, field->name);
        buf_puts(b, field->num ? "true" : "false");
        return;
    case LOG_KIND_END:
        return;
    }
}

static void put_head(struct buf *b, enum log_level level, const char *fact)
{
    char time[CLOCK_UTC_SIZE];
    clock_format_utc(clock_wall_ms(), true, time);
    buf_puts(b, "{\"time\":\"");
    buf_puts(b, time);
    buf_putc(b, '"');
    put_str(b, "level", slice_str(level_names[level]));
    put_str(b, "program", slice_str(logger.program));
    put_str(b, "fact", slice_str(fact));
}

/* What does not fit is left out, and the line says so; the last FIELD_MAX_BYTES are room for what ends it. */
static void put_fields(struct buf *b, const struct log_field *fields)
{
    for (; fields->kind != LOG_KIND_END; fields++) {
        if (b->len > LINE_MAX_BYTES - 2 * FIELD_MAX_BYTES) {
            buf_puts(b, ",\"truncated\":true");
            return;
        }
        put_field(b, fields);
    }
}

/* One write(2) a line, so that lines of several processes on one pipe stay whole. The rest of a short write follows at
 * once. What is not taken at all is counted and told on the next line: there is no better place to report it. */
static bool write_line(struct slice line)
{
    while (line.len > 0) {
        ssize_t n = write(STDOUT_FILENO, line.p, line.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        line = slice_of(line.p + n, line.len - (size_t)n);
    }
    return true;
}

static bool emit(struct buf *b)
{
    if (!logger.sink)
        buf_putc(b, '\n');
    if (b->err)
        return false;
    if (!logger.sink)
        return write_line(buf_slice(b));
    logger.sink(logger.sink_ctx, buf_slice(b));
    return true;
}

bool log_wants(enum log_level level)
{
    return level >= logger.level;
}

void log_write(enum log_level level, const char *fact, const struct log_field *fields)
{
    if (!log_wants(level))
        return;
    int saved = errno;
    (void)pthread_mutex_lock(&lock);
    struct fact *known = find_fact(fact);
    if (may_write(known, level)) {
        struct buf *b = &logger.line;
        buf_reset(b);
        put_head(b, level, fact);
        put_fields(b, fields);
        if (known && known->suppressed > 0) {
            put_int(b, "suppressed", known->suppressed);
            known->suppressed = 0;
        }
        if (logger.lost > 0)
            put_int(b, "lost", logger.lost);
        buf_putc(b, '}');
        logger.lost = emit(b) ? 0 : logger.lost + 1;
    }
    (void)pthread_mutex_unlock(&lock);
    errno = saved;
}
