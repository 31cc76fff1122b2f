#include "producer/account_rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/account.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/uthash.h"

#define TABLE_MAX_BYTES (16 * 1024 * 1024)
#define PLACEHOLDER "{account}"

enum rule_kind { RULE_CONSTANT, RULE_GROUP, RULE_RECORD, RULE_USER, RULE_TABLE };

struct row {
    char *user;
    char *account;
    UT_hash_handle hh;
};

struct account_rule {
    enum rule_kind kind;
    char *text;          /* constant: the account; table: the path; user: the pattern */
    struct slice before; /* of the pattern: what stands around {account}, without the `*` */
    struct slice after;
    bool open_end; /* the pattern ends with `*` */
    struct row *rows;
    struct stat read; /* the table's file when it was read */
};

static void rows_free(struct row *rows)
{
    struct row *row, *next;
    HASH_ITER(hh, rows, row, next) {
        HASH_DEL(rows, row);
        free(row->user);
        free(row->account);
        free(row);
    }
}

static bool add_row(struct row **rows, char *line)
{
    static const char blanks[] = " \t\r";
    line += strspn(line, blanks);
    if (line[0] == '\0' || line[0] == '#')
        return true;
    size_t user = strcspn(line, blanks);
    char *account = line + user + strspn(line + user, blanks);
    size_t len = strcspn(account, blanks);
    if (!account_id_valid(slice_of(account, len)) || account[len + strspn(account + len, blanks)] != '\0')
        return false;
    struct row *row = mem_zalloc(sizeof(*row)), *old;
    row->user = mem_dup(line, user);
    row->account = mem_dup(account, len);
    HASH_REPLACE_STR(*rows, user, row, old);
    if (old) {
        free(old->user);
        free(old->account);
        free(old);
    }
    return true;
}

static enum err read_table(const char *path, struct row **out, struct errmsg *why)
{
    struct buf text;
    struct row *rows = NULL;
    buf_init(&text, TABLE_MAX_BYTES);
    enum err err = file_read(path, &text, why);
    if (err == ERR_OK && text.len > 0 && memchr(text.p, '\0', text.len))
        err = errmsg_set(why, ERR_INVALID, "%s: has a NUL byte; is it a text file?", path);
    char *line = text.p;
    for (int number = 1; err == ERR_OK && line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        if (!add_row(&rows, line))
            err = errmsg_set(why, ERR_INVALID, "%s: line %d is not `user account`", path, number);
        line = end ? end + 1 : NULL;
    }
    buf_done(&text);
    if (err == ERR_OK)
        *out = rows;
    else
        rows_free(rows);
    return err;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

enum err account_rule_refresh(struct account_rule *r, struct errmsg *why)
{
    struct stat st;
    struct row *rows = NULL;
    if (r->kind != RULE_TABLE)
        return ERR_OK;
    if (stat(r->text, &st) != 0)
        return errmsg_set(why, ERR_IO, "%s: %s", r->text, strerror(errno));
    if (same_file(&st, &r->read))
        return ERR_OK;
    enum err err = read_table(r->text, &rows, why);
    if (err != ERR_OK)
        return err;
    rows_free(r->rows);
    r->rows = rows;
    r->read = st;
    return ERR_OK;
}

static enum err parse_pattern(struct account_rule *r, struct errmsg *why)
{
    const char *at = strstr(r->text, PLACEHOLDER);
    if (!at)
        return errmsg_set(why, ERR_INVALID, "account=user:%s has no " PLACEHOLDER, r->text);
    r->before = slice_of(r->text, (size_t)(at - r->text));
    r->after = slice_str(at + strlen(PLACEHOLDER));
    if (r->after.len > 0 && r->after.p[r->after.len - 1] == '*') {
        r->open_end = true;
        r->after.len--;
    }
    if (r->open_end && r->after.len == 0)
        return errmsg_set(why, ERR_INVALID, "account=user:%s: between " PLACEHOLDER " and * must stand what parts them", r->text);
    if (memchr(r->before.p, '*', r->before.len) || (r->after.len > 0 && memchr(r->after.p, '*', r->after.len)))
        return errmsg_set(why, ERR_INVALID, "account=user:%s: * may stand at the end only", r->text);
    return ERR_OK;
}

static const struct {
    const char *prefix;
    enum rule_kind kind;
} kinds[] = {
    {"constant:", RULE_CONSTANT}, {"group", RULE_GROUP}, {"record", RULE_RECORD}, {"user:", RULE_USER}, {"table:", RULE_TABLE}};

static bool parse_kind(const char *text, struct account_rule *r)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].prefix);
        bool word = kinds[i].prefix[len - 1] != ':'; /* nothing may follow it */
        if (strncmp(text, kinds[i].prefix, len) == 0 && (!word || text[len] == '\0')) {
            r->kind = kinds[i].kind;
            r->text = mem_strdup(text + len);
            return true;
        }
    }
    return false;
}

enum err account_rule_parse(const char *text, struct account_rule **out, struct errmsg *why)
{
    struct account_rule *r = mem_zalloc(sizeof(*r));
    enum err err = ERR_OK;
    if (!parse_kind(text, r))
        err = errmsg_set(why, ERR_INVALID, "account=%s is none of constant:ID, group, record, user:PATTERN, table:FILE", text);
    else if (r->kind == RULE_CONSTANT && !account_id_valid(slice_str(r->text)))
        err = errmsg_set(why, ERR_INVALID, "account=%s: not an account id (1-128 of A-Z a-z 0-9 _ . -)", text);
    else if (r->kind == RULE_USER)
        err = parse_pattern(r, why);
    else if (r->kind == RULE_TABLE)
        err = account_rule_refresh(r, why);
    if (err == ERR_OK)
        *out = r;
    else
        account_rule_free(r);
    return err;
}

void account_rule_free(struct account_rule *r)
{
    if (!r)
        return;
    rows_free(r->rows);
    free(r->text);
    free(r);
}

static bool match_user(const struct account_rule *r, struct slice user, struct slice *account)
{
    if (user.len <= r->before.len || memcmp(user.p, r->before.p, r->before.len) != 0)
        return false;
    struct slice rest = slice_of(user.p + r->before.len, user.len - r->before.len);
    const char *end;
    if (r->open_end) {
        end = memmem(rest.p, rest.len, r->after.p, r->after.len);
    } else {
        end = rest.len >= r->after.len ? rest.p + rest.len - r->after.len : NULL;
        if (end && !slice_eq(slice_of(end, r->after.len), r->after))
            end = NULL;
    }
    if (!end)
        return false;
    *account = slice_of(rest.p, (size_t)(end - rest.p));
    return true;
}

static bool match_table(const struct account_rule *r, struct slice user, struct slice *account)
{
    struct row *row;
    HASH_FIND(hh, r->rows, user.p, user.len, row);
    if (!row)
        return false;
    *account = slice_str(row->account);
    return true;
}

bool account_rule_is_record(const struct account_rule *r)
{
    return r->kind == RULE_RECORD;
}

bool account_rule_is_group(const struct account_rule *r)
{
    return r->kind == RULE_GROUP;
}

bool account_rule_find(const struct account_rule *r, struct slice user, struct slice group, struct slice *account)
{
    struct slice found = group;
    if (r->kind == RULE_RECORD)
        return false;
    if (r->kind == RULE_CONSTANT)
        found = slice_str(r->text);
    else if (r->kind == RULE_USER && !match_user(r, user, &found))
        return false;
    else if (r->kind == RULE_TABLE && !match_table(r, user, &found))
        return false;
    if (!account_id_valid(found))
        return false;
    *account = found;
    return true;
}
