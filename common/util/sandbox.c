#include "util/sandbox_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/mem.h"

enum err sandbox_mode_parse(const char *text, enum sandbox_mode *out)
{
    static const char *const names[] = {[SANDBOX_ON] = "on", [SANDBOX_LOG] = "log", [SANDBOX_OFF] = "off"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum sandbox_mode)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

void sandbox_init(struct sandbox *s, enum sandbox_mode mode)
{
    *s = (struct sandbox){.mode = mode};
}

void sandbox_done(struct sandbox *s)
{
    for (unsigned i = 0; i < s->path_count; i++)
        free(s->paths[i].path);
    s->path_count = 0;
}

/* Cuts the last part off; "." where there is only one. False: nothing is left to cut. */
static bool cut_last(char *path)
{
    char *slash = strrchr(path, '/');
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return false;
    if (slash)
        slash[slash == path] = '\0';
    else
        memcpy(path, ".", sizeof ".");
    return true;
}

/* Takes path. */
static void add(struct sandbox *s, char *path, bool write)
{
    while (*path && access(path, F_OK) != 0 && cut_last(path)) {
    }
    if (*path == '\0' || s->path_count == SANDBOX_PATHS_MAX) {
        s->too_many = s->too_many || *path != '\0';
        free(path);
        return;
    }
    s->paths[s->path_count].path = path;
    s->paths[s->path_count++].write = write;
}

static void add_beside(struct sandbox *s, const char *file, bool write)
{
    char *folder = mem_strdup(file);
    if (*folder)
        (void)cut_last(folder);
    add(s, folder, write);
}

void sandbox_read_below(struct sandbox *s, const char *folder)
{
    add(s, mem_strdup(folder), false);
}

void sandbox_write_below(struct sandbox *s, const char *folder)
{
    add(s, mem_strdup(folder), true);
}

void sandbox_read_beside(struct sandbox *s, const char *file)
{
    add_beside(s, file, false);
}

void sandbox_write_beside(struct sandbox *s, const char *file)
{
    add_beside(s, file, true);
}

static void tell(char out[16], enum err err, const char *on)
{
    (void)snprintf(out, 16, "%s", err == ERR_OK ? on : err == ERR_NOT_FOUND ? "none" : "failed");
}

/* Landlock first: its own calls are not on the list of what seccomp allows. */
enum err sandbox_enter(const struct sandbox *s, struct sandbox_held *held)
{
    char version[16];
    int abi = 0;
    *held = (struct sandbox_held){"off", "off", {""}};
    if (s->mode == SANDBOX_OFF)
        return ERR_OK;
    if (s->too_many)
        return errmsg_set(&held->why, ERR_IO, "more than %d folders", SANDBOX_PATHS_MAX);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return errmsg_set(&held->why, ERR_IO, "no_new_privs: %s", strerror(errno));
    if (s->mode == SANDBOX_ON) {
        enum err err = sandbox_landlock(s, &abi);
        int reason = errno;
        (void)snprintf(version, sizeof version, "abi%d", abi);
        tell(held->landlock, err, version);
        if (err != ERR_OK)
            (void)errmsg_set(&held->why, err, "landlock: %s", strerror(reason));
        if (err == ERR_IO)
            return err;
    }
    enum err err = sandbox_seccomp(s->mode);
    tell(held->seccomp, err, s->mode == SANDBOX_ON ? "on" : "log");
    if (err != ERR_OK)
        (void)errmsg_set(&held->why, err, "seccomp: %s", strerror(errno));
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
