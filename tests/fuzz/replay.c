/* Runs a fuzz target over the files of folders, without a fuzzer: in builds where there is none, what was found once stays found.
 * Fails where there is nothing to run. */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"
#include "util/file.h"

#define INPUT_MAX (1024 * 1024)

static int run_file(const char *path)
{
    struct buf content;
    struct errmsg why;
    buf_init(&content, INPUT_MAX);
    check(file_read(path, &content, &why) == ERR_OK);
    uint8_t *exact = malloc(content.len + 1); /* of the exact size but for one byte, since some input is empty */
    check(exact != NULL);
    memcpy(exact, buf_cstr(&content), content.len);
    exact = realloc(exact, content.len > 0 ? content.len : 1);
    check(exact != NULL);
    LLVMFuzzerTestOneInput(exact, content.len);
    free(exact);
    buf_done(&content);
    return 1;
}

static int run_folder(const char *folder)
{
    char path[4096];
    struct dirent *entry;
    int count = 0;
    DIR *dir = opendir(folder);
    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            fprintf(stderr, "%s\n", path);
            count += run_file(path);
        }
    }
    if (dir)
        closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
