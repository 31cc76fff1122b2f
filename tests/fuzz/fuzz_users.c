/* Files of users, in every format: what is found has a name, lies in the input, and pieces of a line are never two users. */
#include <stdint.h>

#include "producer/users_file.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice whole, struct slice part)
{
    check(part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len));
    check(part.len == 0 || !memchr(part.p, '\n', part.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file = slice_of((const char *)data, size);
    for (int format = USERS_PROFTPD; format < USERS_FORMAT_COUNT; format++) {
        struct slice rest = file;
        struct users_entry e;
        size_t malformed = 0, lines = 1, users = 0;
        for (size_t i = 0; i < size; i++)
            lines += data[i] == '\n';
        while (users_file_next((enum users_format)format, 1000, 59999, &rest, &e, &malformed)) {
            check(e.name.len > 0 && e.name.len <= USERS_NAME_MAX && !memchr(e.name.p, '\0', e.name.len));
            check_inside(file, e.name);
            check_inside(file, e.home);
            check_inside(file, e.gid);
            (void)users_file_group(file, e.gid);
            users++;
        }
        check(rest.len == 0 && users + malformed <= lines);
    }
    return 0;
}
