#include "util/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void mem_exhausted(void)
{
    static const char text[] = "out of memory\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* nothing is left to be done about it */
    _exit(EX_OSERR);
}

void mem_need(bool done)
{
    if (!done)
        mem_exhausted();
}

/* A size of 0 is asked for as 1: the C library may answer 0 with NULL. */
void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        mem_exhausted();
    return p;
}

void *mem_zalloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        mem_exhausted();
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *moved = realloc(p, size ? size : 1);
    if (!moved)
        mem_exhausted();
    return moved;
}

void *mem_array(void *p, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        mem_exhausted();
    return mem_realloc(p, count * size);
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s));
}

void *mem_dup(const void *p, size_t len)
{
    if (len == SIZE_MAX)
        mem_exhausted();
    char *copy = mem_alloc(len + 1);
    if (len > 0)
        memcpy(copy, p, len);
    copy[len] = '\0';
    return copy;
}

char *mem_reserve(struct buf *b, size_t len)
{
    char *room = buf_reserve(b, len);
    mem_appended(b);
    check(room != NULL);
    return room;
}

void mem_appended(const struct buf *b)
{
    if (b->err == ERR_NO_MEMORY)
        mem_exhausted();
}
