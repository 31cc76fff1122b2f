/* The list of log formats. */
#include "producer/source.h"

#include <string.h>

const char *source_reason_name(enum source_reason reason)
{
    static const char *const names[SOURCE_REASON_COUNT] = {
        [SOURCE_NO_MARKER] = "no_marker",
        [SOURCE_OVERLONG] = "overlong",
        [SOURCE_FIELDS] = "fields",
        [SOURCE_TIME] = "time",
        [SOURCE_NUMBER] = "number",
        [SOURCE_ADDRESS] = "address",
        [SOURCE_PATH] = "path",
        [SOURCE_RENAME] = "rename",
        [SOURCE_FORGED] = "forged",
        [SOURCE_JSON] = "json",
        [SOURCE_MEMBER] = "member",
        [SOURCE_INCOMPLETE] = "incomplete",
        [SOURCE_NO_ACCOUNT] = "no_account",
        [SOURCE_UNPUBLISHABLE] = "unpublishable",
    };
    return names[reason];
}

static const struct source_format *const formats[] = {&source_proftpd, &source_vsftpd, &source_pureftpd, &source_jsonl,
                                                      &source_spool};

const struct source_format *source_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    }
    return NULL;
}

const char *source_names(void)
{
    return "proftpd, vsftpd, pureftpd, jsonl, spool";
}
