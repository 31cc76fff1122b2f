/* The sources file: it is taken whole, or refused with a message that begins with its path; and a rule that was taken finds an
 * account for a user or none, but never a bad one. */
#include <stdint.h>
#include <string.h>

#include "model/account.h"
#include "producer/sources_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_rule(const struct account_rule *rule)
{
    static const char *const users[] = {"", "a", "acc_1.user", "x-acc_1-y", "user@acc_1", "\xff", "..", "acme"};
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        struct slice account;
        if (account_rule_find(rule, slice_str(users[i]), slice_str("acc_group"), &account))
            check(account_id_valid(account));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sources sources;
    struct errmsg why = {""};
    if (sources_parse("/s", slice_of((const char *)data, size), &sources, &why) != ERR_OK) {
        check(strncmp(why.text, "/s: ", 4) == 0 && strlen(why.text) > 4);
        return 0;
    }
    check(sources.count > 0 && sources.count <= SOURCES_MAX);
    sources_place_spools(&sources, "/data");
    sources_add_spool(&sources, "/data");
    for (size_t i = 0; i < sources.count; i++) {
        const struct source_config *c = sources.list[i];
        check(c->path && c->path[0] == '/' && c->account && (c->format || c->is_users));
        try_rule(c->account);
    }
    sources_done(&sources);
    return 0;
}
