/* The texts met lately: so many, and then the oldest is forgotten. */
#ifndef CTL_SEEN_H
#define CTL_SEEN_H

#include <stdbool.h>

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *s);
/* Whether it was met before; it is from now on. */
bool seen_before(struct seen *s, const char *text);

#endif
