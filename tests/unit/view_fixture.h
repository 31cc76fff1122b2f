/* A view's store in a folder of its own, and records as the topics hold them. */
#ifndef VIEW_FIXTURE_H
#define VIEW_FIXTURE_H

#include "view/view_internal.h"

#define NOW_MS 1780920000000 /* 2026-06-08T12:00:00Z */
#define DAY_MS 86400000LL

struct view_fixture {
    char folder[64];
    struct view view; /* of a store alone: nothing reads topics */
    struct fold fold;
    struct metrics *metrics;
    int64_t offset; /* of the next record */
};

struct view_fixture *view_fixture_new(void);
void view_fixture_free(struct view_fixture *f);
/* Opens the store again, as after a crash: what was not committed is gone. */
void view_fixture_reopen(struct view_fixture *f);
/* Empties and removes a folder. */
void view_fixture_remove(const char *folder);

/* A delivery of webhook "wh_1" of "acc_1" with a few defaults; number makes its event. */
struct delivery view_fixture_delivery(int number, enum delivery_status status);
/* Adds an attempt that took duration_ms; http_status 0: it was refused. */
void view_fixture_attempt(struct delivery *dl, int64_t at_wall_ms, int http_status, int32_t duration_ms);
struct uuid view_fixture_event_id(int number);

/* Folds a delivery's record and says whether the view has changed. */
bool view_fixture_fold(struct view_fixture *f, const struct delivery *dl);
/* The same, which may fail. */
enum err view_fixture_try(struct view_fixture *f, const struct delivery *dl, struct errmsg *why);
/* Folds a record of any bytes; value NULL: a tombstone. */
enum err view_fixture_fold_bytes(struct view_fixture *f, const char *key, const char *value, struct errmsg *why);
/* Folds the event of that number. */
void view_fixture_event(struct view_fixture *f, int number, const char *account, const char *path, int64_t at_wall_ms);
void view_fixture_commit(struct view_fixture *f);

#endif
