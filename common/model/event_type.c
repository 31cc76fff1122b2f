/* The events' names. */
#include "model/event.h"

static const char *const type_names[EVENT_TYPE_COUNT] = {
    [EVENT_FILE_UPLOADED] = "file.uploaded",       [EVENT_FILE_DOWNLOADED] = "file.downloaded",
    [EVENT_FILE_DELETED] = "file.deleted",         [EVENT_DIR_CREATED] = "dir.created",
    [EVENT_DIR_DELETED] = "dir.deleted",           [EVENT_FTP_USER_CREATED] = "ftp_user.created",
    [EVENT_FILE_RENAMED] = "file.renamed",         [EVENT_FILE_MISSING] = "file.missing",
    [EVENT_WEBHOOK_DISABLED] = "webhook.disabled",
};

const char *event_type_name(enum event_type type)
{
    return type_names[type];
}

enum err event_type_parse(struct slice name, enum event_type *type)
{
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (slice_eq(name, slice_str(type_names[i]))) {
            *type = (enum event_type)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}
