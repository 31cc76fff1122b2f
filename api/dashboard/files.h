/* The dashboard's files, embedded in the program (cmake/EmbedFiles.cmake makes the table from assets/). */
#ifndef DASHBOARD_FILES_H
#define DASHBOARD_FILES_H

#include <stddef.h>

struct dashboard_file {
    const char *path; /* "/js/main.js" */
    const char *etag; /* quoted */
    const unsigned char *bytes;
    size_t size;
};

/* Sorted by path. */
extern const struct dashboard_file dashboard_files[];
extern const size_t dashboard_file_count;

#endif
