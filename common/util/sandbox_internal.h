/* The two belts of the sandbox, for sandbox*.c alone. */
#ifndef UTIL_SANDBOX_INTERNAL_H
#define UTIL_SANDBOX_INTERNAL_H

#include "util/sandbox.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_SANITIZER
#define SANDBOX_SANITIZER 0
#endif

/* ERR_NOT_FOUND: the kernel has it not (or a profile around us does not let us ask); ERR_IO: errno says why. Both need
 * PR_SET_NO_NEW_PRIVS. */
MUST_CHECK enum err sandbox_seccomp(enum sandbox_mode mode);
/* abi: the version of the interface, where it is there. */
MUST_CHECK enum err sandbox_landlock(const struct sandbox *s, int *abi);

#endif
