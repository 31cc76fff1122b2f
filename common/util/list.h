/* What glibc's <sys/queue.h> lacks of the BSDs': walking a list whose elements may be removed on the way. */
#ifndef UTIL_LIST_H
#define UTIL_LIST_H

#include <sys/queue.h>

#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                                                               \
    for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1); (var) = (next))
#endif

#endif
