/* Tells that a file has other content than before: keys and tokens are replaced under a running program. It looks every few
 * seconds instead of asking the kernel (inotify): what is watched is often a chain of symbolic links into a mounted secret, whose
 * folder is exchanged as a whole, and what is not seen for some seconds does no harm. */
#ifndef IO_FILE_WATCH_H
#define IO_FILE_WATCH_H

#include "io/loop.h"

#define FILE_WATCH_EVERY_MS 5000

struct file_watch;

/* Calls changed each time that the file's identity, size or time of change is another one than when it was last looked at, the
 * first look being now. A file that is not there, or cannot be looked at, is no change; when it is back, it is compared with what
 * was seen last. */
struct file_watch *file_watch_new(struct loop *l, const char *path, void (*changed)(void *ctx), void *ctx);
/* NULL is fine. */
void file_watch_free(struct file_watch *fw);

#endif
