#include "expectations/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/err.h"
#include "util/mem.h"

#define NAME_MAX_BYTES 64
#define DAY_S 86400

static char entry[3 + NAME_MAX_BYTES + 1] = "TZ=";

static void enter(const char *name)
{
    static bool placed;
    check(strlen(name) <= NAME_MAX_BYTES);
    if (placed && strcmp(entry + 3, name) == 0)
        return;
    (void)snprintf(entry + 3, sizeof entry - 3, "%s", name);
    if (!placed)
        mem_need(putenv(entry) == 0);
    placed = true;
    tzset();
}

bool zone_valid(const char *name)
{
    char path[128], magic[4] = "";
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_BYTES || !isalpha((unsigned char)name[0]) || strstr(name, ".."))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_+-/", name[i]))
            return false;
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    bool good = fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    (void)fclose(file);
    return good;
}

static void local_tm(int64_t instant_s, struct tm *out)
{
    time_t t = (time_t)instant_s;
    check(localtime_r(&t, out) != NULL);
}

void zone_local(const char *name, int64_t instant_s, struct zone_time *out)
{
    struct tm tm;
    enter(name);
    local_tm(instant_s, &tm);
    *out = (struct zone_time){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_wday};
}

static int64_t offset_at(int64_t instant_s)
{
    struct tm tm;
    local_tm(instant_s, &tm);
    return tm.tm_gmtoff;
}

int64_t zone_instant(const char *name, const struct zone_time *local)
{
    struct tm tm = {.tm_year = local->year - 1900,
                    .tm_mon = local->month - 1,
                    .tm_mday = local->day,
                    .tm_hour = local->hour,
                    .tm_min = local->minute};
    enter(name);
    int64_t as_utc = (int64_t)timegm(&tm);
    int64_t before = offset_at(as_utc - DAY_S), after = offset_at(as_utc + DAY_S);
    int64_t early = as_utc - (before > after ? before : after), late = as_utc - (before > after ? after : before);
    if (offset_at(early) == as_utc - early)
        return early;
    if (offset_at(late) == as_utc - late)
        return late;
    return as_utc - before; /* in the gap: as if the old offset went on */
}
