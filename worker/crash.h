/* Crash points: places where a test ends this process as `kill -9` would, between one step of the protocol and the next.
 *
 * Only a build with the CMake option TRUEFTP_CRASH_POINTS has them; in every other one a point is nothing. There
 * TRUEFTP_CRASH_AT=POINT:N in the environment ends the process at its N-th passage of that point; with POINT:N:stop it stands
 * still there (SIGSTOP) until somebody lets it go on. The points are listed in crash.c; an unknown one stops the start. */
#ifndef WORKER_CRASH_H
#define WORKER_CRASH_H

#ifdef TRUEFTP_CRASH_POINTS
/* name is one of crash.c's list. */
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
