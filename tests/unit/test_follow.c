/* Following real files: rotation by rename, late writers, half records, truncation, restarts. ProFTPD's format is used
 * throughout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/loop.h"
#include "producer/follow.h"
#include "util/mem.h"

#define PATIENCE_MS 10000
#define MAX_SEEN 8192

struct seen {
    int number; /* of the path /fNUMBER */
    int64_t offset;
    struct tail *tail;
    char fingerprint[FINGERPRINT_SIZE];
    struct track_mark mark;
};

struct world {
    char folder[64], path[128];
    struct loop *loop;
    struct loop_turn *turn;
    struct loop_timer *beat;
    struct follow *follow;
    struct checkpoint checkpoint;
    struct seen seen[MAX_SEEN];
    size_t count;
    size_t quarantined;
    enum source_reason reason;
    size_t alarms[FOLLOW_ALARM_COUNT];
    int64_t missing_bytes;
    size_t credit; /* facts that may still come */
    bool keep;     /* facts stay unacknowledged */
    bool from_end;
    int64_t linger_ms;
    bool (*enough)(struct world *w);
    size_t target;
    int64_t deadline_ms;
};

static void on_fact(void *ctx, const struct source_fact *fact)
{
    struct tail *t = ctx;
    struct world *w = t->owner;
    char path[64];
    assert_true(w->count < MAX_SEEN && w->credit > 0);
    struct seen *s = &w->seen[w->count++];
    w->credit--;
    snprintf(path, sizeof(path), "%.*s", (int)fact->path.len, fact->path.p);
    assert_memory_equal("/f", path, 2);
    s->number = (int)strtol(path + 2, NULL, 10);
    s->offset = fact->offset;
    s->tail = t;
    memcpy(s->fingerprint, t->fingerprint, sizeof(s->fingerprint));
    track_begin(&t->track, &s->mark, fact->offset, 0);
    if (!w->keep)
        track_end(&t->track, &s->mark);
}

static void on_quarantine(void *ctx, int64_t offset, struct slice bytes, enum source_reason reason)
{
    struct tail *t = ctx;
    struct world *w = t->owner;
    (void)offset;
    (void)bytes;
    w->quarantined++;
    w->reason = reason;
}

static void on_alarm(void *ctx, enum follow_alarm alarm, const char *path, uint64_t inode, int64_t missing_bytes,
                     const char *detail)
{
    struct world *w = ctx;
    (void)inode;
    assert_string_equal(w->path, path);
    assert_true(strlen(detail) > 0);
    w->alarms[alarm]++;
    w->missing_bytes = missing_bytes;
}

static bool credit(void *ctx)
{
    return ((struct world *)ctx)->credit > 0;
}

static bool on_turn(void *ctx)
{
    struct world *w = ctx;
    bool left = w->follow && follow_work(w->follow);
    if (w->enough && w->enough(w))
        loop_stop(w->loop);
    return left;
}

static void on_beat(void *ctx)
{
    struct world *w = ctx;
    if (loop_now(w->loop) > w->deadline_ms)
        loop_stop(w->loop);
    loop_timer_arm(w->beat, 5);
}

/* Runs the loop until the condition holds; fails when it does not come to that. */
static void wait_for(struct world *w, bool (*enough)(struct world *w), const char *what)
{
    w->enough = enough;
    w->deadline_ms = loop_now(w->loop) + PATIENCE_MS;
    loop_timer_arm(w->beat, 0);
    loop_run(w->loop);
    if (!enough(w))
        fail_msg("%s: %zu facts, %zu quarantined", what, w->count, w->quarantined);
}

static bool has_facts(struct world *w)
{
    return w->count >= w->target;
}

static void wait_facts(struct world *w, size_t count)
{
    w->target = count;
    wait_for(w, has_facts, "facts");
    assert_int_equal(count, w->count);
}

/* -------- the log's writer -------- */

static int open_log(struct world *w)
{
    int fd = open(w->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    return fd;
}

static void put(int fd, const char *text, size_t len)
{
    assert_int_equal((ssize_t)len, write(fd, text, len));
}

/* One deletion, which no second record is waited for. Returns its length. */
static size_t record_text(char *out, size_t size, int number)
{
    return (size_t)snprintf(out, size,
                            "@WH1\t1795467671.%06d\t100\tftp\t127.0.0.1\tDELE\t250\t-\t5\t-\t-\tfalse\t\tacc\tuser\t/f%d//\n",
                            number, number);
}

static void put_record(int fd, int number)
{
    char text[256];
    put(fd, text, record_text(text, sizeof(text), number));
}

static void rename_log(struct world *w, const char *suffix)
{
    char to[256];
    snprintf(to, sizeof(to), "%s%s", w->path, suffix);
    assert_int_equal(0, rename(w->path, to));
}

/* -------- start and end -------- */

static void start(struct world *w)
{
    struct errmsg why;
    struct follow_options o = {
        .loop = w->loop,
        .path = w->path,
        .tail = {.format = &source_proftpd,
                 .source = {.suspect_window_ms = 3},
                 .fact = on_fact,
                 .quarantine = on_quarantine,
                 .owner = w},
        .from_end = w->from_end,
        .linger_ms = w->linger_ms,
        .scan_ms = 20,
        .credit = credit,
        .alarm = on_alarm,
        .ctx = w,
    };
    assert_int_equal(ERR_OK, follow_new(&o, &w->checkpoint, &w->follow, &why));
}

/* Ends as by a crash, right after the checkpoint was written. */
static void stop(struct world *w)
{
    checkpoint_done(&w->checkpoint);
    follow_checkpoint(w->follow, &w->checkpoint);
    w->checkpoint.existed = true;
    follow_free(w->follow);
    w->follow = NULL;
}

static void forget_facts(struct world *w)
{
    w->count = 0;
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(sizeof(*w));
    snprintf(w->folder, sizeof(w->folder), "/tmp/test_follow.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof(w->path), "%s/webhook.log", w->folder);
    w->loop = loop_new();
    w->turn = loop_turn_new(w->loop, 0, on_turn, w);
    w->beat = loop_timer_new(w->loop, on_beat, w);
    w->credit = MAX_SEEN;
    w->linger_ms = 60000;
    checkpoint_init(&w->checkpoint);
    *state = w;
    return 0;
}

/* Removes a folder that holds files only. */
static int remove_folder(const char *path_of)
{
    char file[512];
    struct dirent *entry;
    DIR *dir = opendir(path_of);
    while (dir && (entry = readdir(dir))) {
        snprintf(file, sizeof(file), "%s/%s", path_of, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(0, unlink(file));
    }
    if (dir)
        closedir(dir);
    return rmdir(path_of);
}

static int teardown(void **state)
{
    struct world *w = *state;
    follow_free(w->follow);
    checkpoint_done(&w->checkpoint);
    loop_timer_free(w->beat);
    loop_turn_free(w->turn);
    loop_free(w->loop);
    int status = remove_folder(w->folder);
    free(w);
    return status;
}

static void assert_numbers(const struct world *w, int first)
{
    for (size_t i = 0; i < w->count; i++)
        assert_int_equal(first + (int)i, w->seen[i].number);
}

static size_t alarms(const struct world *w)
{
    size_t sum = 0;
    for (int i = 0; i < FOLLOW_ALARM_COUNT; i++)
        sum += w->alarms[i];
    return sum;
}

/* -------- stories -------- */

static void a_missing_log_is_waited_for(void **state)
{
    struct world *w = *state;
    start(w);
    assert_true(follow_watching(w->follow));
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    put_record(fd, 2);
    wait_facts(w, 2);
    assert_numbers(w, 1);
    assert_int_equal(0, follow_bytes_behind(w->follow));
    close(fd);
}

static bool is_watching(struct world *w)
{
    return follow_watching(w->follow);
}

static void a_missing_folder_is_waited_for(void **state)
{
    struct world *w = *state;
    assert_int_equal(0, rmdir(w->folder));
    start(w);
    assert_false(follow_watching(w->follow));
    assert_int_equal(0, mkdir(w->folder, 0750));
    wait_for(w, is_watching, "watching");
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    close(fd);
}

static void a_record_comes_in_pieces(void **state)
{
    struct world *w = *state;
    char text[256];
    size_t len = record_text(text, sizeof(text), 1);
    start(w);
    int fd = open_log(w);
    for (size_t i = 0; i < len; i += 7) {
        assert_int_equal(0, w->count);
        put(fd, text + i, len - i < 7 ? len - i : 7);
        follow_work(w->follow);
    }
    wait_facts(w, 1);
    assert_int_equal(0, w->quarantined);
    close(fd);
}

/* What piled up while nobody followed comes in the order of the files' age, whatever their names; also a file larger than one
 * turn reads. */
static void what_piled_up_comes_in_order(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {".2", "-20260311", ".1", "-a"};
    struct timespec times[2] = {{.tv_sec = 1795467000}, {.tv_sec = 1795467000}};
    start(w);
    stop(w);
    for (int i = 0; i < 4; i++) {
        int fd = open_log(w);
        for (int n = 0; n < 1500; n++)
            put_record(fd, i * 1500 + n);
        times[0].tv_sec += 60;
        times[1].tv_nsec += 1000;
        assert_int_equal(0, futimens(fd, times));
        close(fd);
        rename_log(w, names[i]);
    }
    int live = open_log(w);
    put_record(live, 6000);
    assert_int_equal(0, futimens(live, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}));
    w->credit = 2000; /* runs out in the midst of the second file */
    start(w);
    wait_facts(w, 2000);
    w->credit = MAX_SEEN;
    follow_work(w->follow);
    wait_facts(w, 6001);
    assert_numbers(w, 0);
    close(live);
}

static void rotation_with_a_late_writer(void **state)
{
    struct world *w = *state;
    start(w);
    int old = open_log(w);
    put_record(old, 1);
    rename_log(w, ".1");
    put_record(old, 2);
    int new = open_log(w);
    put_record(new, 3);
    put_record(old, 4);
    wait_facts(w, 4);
    rename_log(w, ".2"); /* the second rotation; the first file was not moved on */
    int third = open_log(w);
    put_record(old, 5);
    put_record(new, 6);
    put_record(third, 7);
    wait_facts(w, 7);
    int sum = 0;
    for (size_t i = 0; i < w->count; i++)
        sum += w->seen[i].number;
    assert_int_equal(28, sum);
    assert_int_equal(0, alarms(w));
    close(old);
    close(new);
    close(third);
}

static bool one_file_is_known(struct world *w)
{
    struct checkpoint c;
    checkpoint_init(&c);
    follow_checkpoint(w->follow, &c);
    size_t count = c.count;
    checkpoint_done(&c);
    return count == 1;
}

/* A rotated file is let go after its linger, found again when it grows, and forgotten when it is removed. */
static void a_late_writer_after_the_linger(void **state)
{
    struct world *w = *state;
    char rotated[256];
    w->linger_ms = 30;
    start(w);
    int old = open_log(w);
    put_record(old, 1);
    wait_facts(w, 1);
    rename_log(w, ".1");
    int new = open_log(w);
    for (int i = 2; i < 12; i++) {
        usleep(20000); /* lets the linger pass: whether it did makes no difference to what must come */
        put_record(i % 2 ? old : new, i);
        wait_facts(w, (size_t)i);
    }
    assert_numbers(w, 1);
    snprintf(rotated, sizeof(rotated), "%s.1", w->path);
    assert_int_equal(0, unlink(rotated));
    wait_for(w, one_file_is_known, "forgetting");
    assert_int_equal(0, alarms(w));
    close(old);
    close(new);
}

static void a_restart_goes_on_where_the_checkpoint_is(void **state)
{
    struct world *w = *state;
    start(w);
    int fd = open_log(w);
    for (int i = 1; i <= 3; i++)
        put_record(fd, i);
    wait_facts(w, 3);
    stop(w);
    put_record(fd, 4);
    forget_facts(w);
    start(w);
    wait_facts(w, 1);
    assert_numbers(w, 4);
    assert_int_equal(0, alarms(w));
    close(fd);
}

/* Read twice, the same offsets come: what was not acknowledged. */
static void what_is_not_acknowledged_is_read_again(void **state)
{
    struct world *w = *state;
    int64_t offsets[5];
    char fingerprint[FINGERPRINT_SIZE];
    w->keep = true;
    start(w);
    int fd = open_log(w);
    for (int i = 1; i <= 5; i++)
        put_record(fd, i);
    wait_facts(w, 5);
    for (int i = 0; i < 5; i++)
        offsets[i] = w->seen[i].offset;
    memcpy(fingerprint, w->seen[0].tail->fingerprint, sizeof(fingerprint));
    track_end(&w->seen[0].tail->track, &w->seen[0].mark);
    track_end(&w->seen[0].tail->track, &w->seen[3].mark); /* out of order: does not move the checkpoint */
    stop(w);
    assert_int_equal(offsets[1], w->checkpoint.files[0].offset);
    forget_facts(w);
    start(w);
    wait_facts(w, 4);
    assert_numbers(w, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(offsets[i + 1], w->seen[i].offset);
    assert_string_equal(fingerprint, w->seen[0].tail->fingerprint);
    close(fd);
}

/* The log was rotated twice while nobody followed it. */
static void a_restart_finds_all_that_was_rotated(void **state)
{
    struct world *w = *state;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    stop(w);
    put_record(fd, 2);
    rename_log(w, ".2");
    close(fd);
    fd = open_log(w);
    put_record(fd, 3);
    rename_log(w, ".1");
    close(fd);
    fd = open_log(w);
    put_record(fd, 4);
    close(fd);
    forget_facts(w);
    start(w);
    wait_facts(w, 3);
    int mask = 0;
    for (size_t i = 0; i < w->count; i++)
        mask |= 1 << w->seen[i].number;
    assert_int_equal(1 << 2 | 1 << 3 | 1 << 4, mask);
    assert_int_equal(0, alarms(w));
}

static void the_first_start_reads_the_log_and_not_its_past(void **state)
{
    struct world *w = *state;
    int fd = open_log(w);
    put_record(fd, 1);
    rename_log(w, ".1");
    close(fd);
    fd = open_log(w);
    put_record(fd, 2);
    start(w);
    wait_facts(w, 1);
    assert_numbers(w, 2);
    stop(w);
    forget_facts(w);
    start(w);
    put_record(fd, 3);
    wait_facts(w, 1);
    assert_numbers(w, 3);
    close(fd);
}

static void the_first_start_from_the_end(void **state)
{
    struct world *w = *state;
    w->from_end = true;
    int fd = open_log(w);
    put_record(fd, 1);
    start(w);
    put_record(fd, 2);
    wait_facts(w, 1);
    assert_numbers(w, 2);
    close(fd);
}

static bool truncation_was_seen(struct world *w)
{
    return w->alarms[FOLLOW_TRUNCATED] > 0;
}

static void truncation_is_an_alarm_and_the_rest_is_read(void **state)
{
    struct world *w = *state;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    put_record(fd, 2);
    wait_facts(w, 2);
    assert_int_equal(0, ftruncate(fd, 0));
    wait_for(w, truncation_was_seen, "alarm");
    put_record(fd, 3);
    wait_facts(w, 3);
    assert_numbers(w, 1);
    assert_int_equal(1, alarms(w));
    assert_string_equal(w->seen[0].fingerprint, w->seen[1].fingerprint);
    assert_string_not_equal(w->seen[0].fingerprint, w->seen[2].fingerprint);
    close(fd);
}

/* copytruncate and the writer was quick: the file is longer than before, but begins otherwise. */
static void exchanged_content_is_an_alarm(void **state)
{
    struct world *w = *state;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    char text[1024];
    size_t len = 0;
    for (int i = 2; i <= 4; i++)
        len += record_text(text + len, sizeof(text) - len, i);
    int other = open(w->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal((ssize_t)len, pwrite(other, text, len, 0)); /* in one step, as if it had been truncated in between */
    wait_for(w, truncation_was_seen, "alarm");
    w->target = 4;
    wait_for(w, has_facts, "new content");
    assert_int_equal(1, w->alarms[FOLLOW_TRUNCATED]);
    close(other);
    close(fd);
}

/* The same file, shorter: what was read of it is not there any more, and what comes now is new. */
static void shrunk_while_nobody_looked(void **state)
{
    struct world *w = *state;
    char text[256];
    size_t len = record_text(text, sizeof(text), 1);
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    put_record(fd, 2);
    wait_facts(w, 2);
    stop(w);
    assert_int_equal(0, ftruncate(fd, (off_t)len));
    forget_facts(w);
    start(w);
    wait_facts(w, 1);
    assert_numbers(w, 1);
    assert_int_equal(1, w->alarms[FOLLOW_TRUNCATED]);
    assert_int_equal(1, alarms(w));
    close(fd);
}

static bool disappearance_was_seen(struct world *w)
{
    return w->alarms[FOLLOW_DISAPPEARED] > 0;
}

static void gone_before_it_was_read(void **state)
{
    struct world *w = *state;
    w->keep = true;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    stop(w);
    int64_t size = w->checkpoint.files[0].size;
    rename_log(w, ".gone");
    char gone[256];
    snprintf(gone, sizeof(gone), "%s.gone", w->path);
    assert_int_equal(0, unlink(gone)); /* its inode stays with fd: it cannot be used again at once */
    start(w);
    wait_for(w, disappearance_was_seen, "alarm");
    assert_int_equal(size, w->missing_bytes);
    close(fd);
}

/* An inode number comes back with another file behind it. Here it is the same file with other content, which looks alike. */
static void an_inode_is_used_again(void **state)
{
    static const struct {
        bool unacknowledged;
        size_t alarms;
    } cases[] = {{false, 0}, {true, 1}};
    struct world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        int fd = open_log(w);
        w->keep = cases[i].unacknowledged;
        start(w);
        put_record(fd, 1);
        wait_facts(w, 1);
        stop(w);
        assert_int_equal(0, ftruncate(fd, 0));
        put_record(fd, 2);
        put_record(fd, 3);
        w->keep = false;
        forget_facts(w);
        start(w);
        wait_facts(w, 2);
        assert_numbers(w, 2);
        assert_int_equal(cases[i].alarms, w->alarms[FOLLOW_DISAPPEARED]);
        stop(w);
        assert_int_equal(0, unlink(w->path));
        close(fd);
        forget_facts(w);
        checkpoint_done(&w->checkpoint);
    }
}

static void gone_after_it_was_read_is_no_alarm(void **state)
{
    struct world *w = *state;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    wait_facts(w, 1);
    stop(w);
    assert_int_equal(0, unlink(w->path));
    int new = open_log(w);
    forget_facts(w);
    start(w);
    put_record(new, 2);
    wait_facts(w, 1);
    wait_for(w, one_file_is_known, "forgetting");
    assert_int_equal(0, alarms(w));
    close(fd);
    close(new);
}

/* Without credit nothing is framed, and memory does not grow with the log. */
static void credit_bounds_what_is_read(void **state)
{
    struct world *w = *state;
    enum { COUNT = 4000 };
    int fd = open_log(w);
    for (int i = 0; i < COUNT; i++)
        put_record(fd, i);
    w->credit = 100;
    start(w);
    wait_facts(w, 100);
    int64_t behind = follow_bytes_behind(w->follow);
    assert_true(behind > 3900 * 60);
    for (size_t i = 0; i < 50; i++)
        assert_false(follow_work(w->follow));
    assert_int_equal(100, w->count);
    assert_true(w->seen[0].tail->bytes.cap < 256 * 1024);
    w->credit = COUNT;
    wait_facts(w, COUNT);
    assert_numbers(w, 0);
    assert_int_equal(0, follow_bytes_behind(w->follow));
    close(fd);
}

static bool half_was_put_aside(struct world *w)
{
    return w->quarantined > 0;
}

static void half_a_record_of_a_finished_file_is_quarantined(void **state)
{
    struct world *w = *state;
    w->linger_ms = 30;
    start(w);
    int fd = open_log(w);
    put_record(fd, 1);
    put(fd, "@WH1\t17954676", 13);
    wait_facts(w, 1);
    rename_log(w, "-20260311");
    close(fd);
    wait_for(w, half_was_put_aside, "quarantine");
    assert_int_equal(SOURCE_INCOMPLETE, w->reason);
}

static void other_files_are_left_alone(void **state)
{
    struct world *w = *state;
    static const char *const others[] = {".gz", "x", ".1.zst"};
    checkpoint_init(&w->checkpoint);
    w->checkpoint.existed = true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        int fd = open_log(w);
        put_record(fd, 1);
        close(fd);
        rename_log(w, others[i]);
    }
    start(w);
    int fd = open_log(w);
    put_record(fd, 2);
    wait_facts(w, 1);
    assert_numbers(w, 2);
    close(fd);
}

static void an_upload_is_released_in_milliseconds(void **state)
{
    struct world *w = *state;
    char text[256];
    int64_t us = loop_wall(w->loop) * 1000;
    start(w);
    int fd = open_log(w);
    int len =
        snprintf(text, sizeof(text), "@WH1\t%lld.%06lld\t1\tftp\t127.0.0.1\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\ta\tu\t/f1//\n",
                 (long long)(us / 1000000), (long long)(us % 1000000));
    put(fd, text, (size_t)len);
    int64_t from = loop_now(w->loop);
    wait_facts(w, 1);
    assert_true(loop_now(w->loop) - from < 1000);
    close(fd);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_missing_log_is_waited_for),
        STORY(a_missing_folder_is_waited_for),
        STORY(a_record_comes_in_pieces),
        STORY(what_piled_up_comes_in_order),
        STORY(rotation_with_a_late_writer),
        STORY(a_late_writer_after_the_linger),
        STORY(a_restart_goes_on_where_the_checkpoint_is),
        STORY(what_is_not_acknowledged_is_read_again),
        STORY(a_restart_finds_all_that_was_rotated),
        STORY(the_first_start_reads_the_log_and_not_its_past),
        STORY(the_first_start_from_the_end),
        STORY(truncation_is_an_alarm_and_the_rest_is_read),
        STORY(exchanged_content_is_an_alarm),
        STORY(shrunk_while_nobody_looked),
        STORY(gone_before_it_was_read),
        STORY(an_inode_is_used_again),
        STORY(gone_after_it_was_read_is_no_alarm),
        STORY(credit_bounds_what_is_read),
        STORY(half_a_record_of_a_finished_file_is_quarantined),
        STORY(other_files_are_left_alone),
        STORY(an_upload_is_released_in_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
