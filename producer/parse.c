#include "producer/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "producer/event_id.h"
#include "producer/policy.h"
#include "producer/tail.h"
#include "util/mem.h"

static const char usage[] =
    "usage: trueftp-producer parse FORMAT FILE [options]\n"
    "Prints the events of a log, one JSON object a line; on standard error what was not understood, and why.\n"
    "  --account RULE       group (the default; of a spool: record), constant:ID, user:PATTERN or table:FILE; or a plain ID\n"
    "  --host NAME          host in the event ids (default: this machine's name)\n"
    "  --log PATH           log in the event ids (default: FILE)\n"
    "  --renames            also print other renames, as file.renamed\n"
    "  --no-suspect         do not look for aborted uploads\n";

struct dry_run {
    struct source_config *config;
    struct buf prefix, id_name, line;
    long quarantined;
};

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct tail *t = ctx;
    struct dry_run *d = t->owner;
    struct buf shown;
    const char *why = t->format->why ? t->format->why(t->state) : NULL;
    d->quarantined++;
    buf_init(&shown, 8192);
    for (size_t i = 0; i < bytes.len && i < 512; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (c >= 0x20 && c < 0x7f && c != '\\')
            buf_putc(&shown, (char)c);
        else
            buf_printf(&shown, "\\x%02x", c);
    }
    fprintf(stderr, "offset %lld: quarantined (%s%s%s), %zu bytes: %s\n", (long long)offset, source_reason_name(reason),
            why ? ": " : "", why ? why : "", bytes.len, buf_cstr(&shown));
    buf_done(&shown);
}

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct tail *t = ctx;
    struct dry_run *d = t->owner;
    struct event_fields f;
    enum policy_verdict verdict = policy_apply(d->config, fact, &d->prefix, &f);
    if (verdict == POLICY_NO_ACCOUNT)
        on_quarantine(t, fact->offset, fact->username, SOURCE_NO_ACCOUNT);
    if (verdict != POLICY_ANNOUNCE)
        return;
    if (fact->unconfirmed)
        f.suspect = SLICE("unconfirmed");
    f.id = fact->has_event_id ? fact->event_id
                              : event_id_make(&d->id_name, slice_str(d->config->host), slice_str(d->config->path), t->fingerprint,
                                              fact->offset, f.type);
    buf_reset(&d->line);
    event_write(&d->line, &f);
    buf_putc(&d->line, '\n');
    fwrite(d->line.p, 1, d->line.len, stdout);
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static int read_all(struct dry_run *d, const char *file)
{
    struct stat st;
    struct tail_options o = {.format = d->config->format,
                             .source = source_config_options(d->config),
                             .fact = on_fact,
                             .quarantine = on_quarantine,
                             .owner = d};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "trueftp-producer: %s: %s\n", file, strerror(errno));
        if (fd >= 0)
            close(fd);
        return EX_NOINPUT;
    }
    struct tail *t = tail_new(fd, &st, file, &o);
    enum err err = ERR_OK;
    while (err == ERR_OK && !tail_at_end(t))
        err = tail_read(t, always, NULL);
    if (err != ERR_OK)
        fprintf(stderr, "trueftp-producer: %s: %s\n", file, strerror(errno));
    o.format->flush(t->state);
    tail_give_up_rest(t);
    tail_free(t);
    return err != ERR_OK ? EX_NOINPUT : d->quarantined > 0 ? 1 : 0;
}

static bool set_account(struct source_config *c, const char *text)
{
    static const char constant[] = "constant:";
    struct errmsg why;
    size_t size = strlen(text) + sizeof(constant);
    char *rule = mem_alloc(size);
    bool plain = !strchr(text, ':') && strcmp(text, "group") != 0 && strcmp(text, "record") != 0;
    snprintf(rule, size, "%s%s", plain ? constant : "", text);
    account_rule_free(c->account);
    c->account = NULL;
    enum err err = account_rule_parse(rule, &c->account, &why);
    free(rule);
    if (err != ERR_OK)
        fprintf(stderr, "trueftp-producer: %s\n", why.text);
    return err == ERR_OK;
}

static void set_text(char **field, const char *value)
{
    free(*field);
    *field = mem_strdup(value);
}

static bool read_options(struct source_config *c, int argc, char **argv)
{
    static const struct option longs[] = {{"account", required_argument, NULL, 'a'}, {"host", required_argument, NULL, 'h'},
                                          {"log", required_argument, NULL, 'l'},     {"renames", no_argument, NULL, 'r'},
                                          {"no-suspect", no_argument, NULL, 's'},    {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (option == 'a' && !set_account(c, optarg))
            return false;
        else if (option == 'h')
            set_text(&c->host, optarg);
        else if (option == 'l')
            set_text(&c->path, optarg);
        else if (option == 'r')
            c->announce_renames = true;
        else if (option == 's')
            c->suspect = false;
        else if (option == '?')
            return false;
    }
    if (argc - optind != 2)
        return false;
    c->format = source_find(argv[optind]);
    if (!c->format)
        fprintf(stderr, "trueftp-producer: no format %s; there are: %s\n", argv[optind], source_names());
    if (!c->path)
        c->path = mem_strdup(argv[optind + 1]);
    if (!c->account && !set_account(c, c->format == &source_spool ? "record" : "group"))
        return false;
    return c->format != NULL;
}

int parse_main(int argc, char **argv)
{
    struct dry_run d = {.config = source_config_new("dry-run")};
    int status = EX_USAGE;
    buf_init(&d.prefix, 64 * 1024);
    buf_init(&d.id_name, 64 * 1024);
    buf_init(&d.line, EVENT_MAX_BYTES);
    if (read_options(d.config, argc, argv))
        status = read_all(&d, argv[optind + 1]);
    else
        fputs(usage, stderr);
    source_config_free(d.config);
    buf_done(&d.prefix);
    buf_done(&d.id_name);
    buf_done(&d.line);
    return status;
}
