/* The scanner of the hot path against jansson: what jansson takes, ours takes, and both read the same members. And the writer of
 * strings: whatever bytes it is given, what it writes is read back as those bytes, repaired. */
#include "fuzz.h"

#include <jansson.h>

#include "util/json.h"
#include "util/utf8.h"

#define MEMBERS 64

static void check_string(struct slice value, const json_t *theirs)
{
    struct buf text;
    buf_init(&text, value.len);
    json_unescape(&text, value);
    check(text.err == ERR_OK && utf8_valid(buf_slice(&text)));
    if (theirs)
        check(slice_eq(buf_slice(&text), slice_of(json_string_value(theirs), json_string_length(theirs))));
    buf_done(&text);
}

static void check_member(const struct json_member *m, const json_t *object)
{
    char key[256];
    int64_t number = 0;
    check(m->value.len > 0);
    bool plain = m->key.len < sizeof key && !memchr(m->key.p, '\\', m->key.len);
    memcpy(key, m->key.p, plain ? m->key.len : 0);
    key[plain ? m->key.len : 0] = '\0';
    const json_t *theirs = plain && object ? json_object_get(object, key) : NULL;
    check(!plain || !object || theirs);
    if (m->kind == JSON_KIND_STRING)
        check_string(m->value, theirs);
    if (m->kind == JSON_KIND_NUMBER && json_int(m->value, &number) == ERR_OK && theirs)
        check(json_is_integer(theirs) && json_integer_value(theirs) == number);
    if (theirs)
        check((m->kind == JSON_KIND_OBJECT) == json_is_object(theirs) && (m->kind == JSON_KIND_ARRAY) == json_is_array(theirs) &&
              (m->kind == JSON_KIND_NULL) == json_is_null(theirs) && (m->kind == JSON_KIND_TRUE) == json_is_true(theirs));
}

/* What is looked for is found where it is, and only there. An input may well hold this name: a fuzzer reads what it is compared
 * with. */
static void check_find(const struct json_member *members, size_t count)
{
    static const char name[] = "no such member";
    bool there = false;
    for (size_t i = 0; i < count; i++)
        there = there || slice_eq(members[i].key, slice_str(name));
    check((json_find(members, count, name) != NULL) == there);
}

static void read_object(struct slice text)
{
    struct json_member members[MEMBERS];
    struct errmsg why = {""};
    size_t count = 0;
    enum err err = json_split(text, members, MEMBERS, &count, &why);
    json_t *object = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    check(err == ERR_OK || *why.text);
    bool nul = text.p && text.len > 0 && memchr(text.p, '\0', text.len); /* jansson passes over one that follows a number */
    if (err == ERR_INVALID && json_is_object(object) && !nul)
        check(strstr(why.text, "nested") != NULL); /* jansson nests deeper; all else that it takes is JSON */
    if (err == ERR_OK)
        check_find(members, count);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        check(members[i].value.p >= text.p && members[i].value.p + members[i].value.len <= text.p + text.len);
        check_member(&members[i], object);
    }
    json_decref(object);
}

static void write_string(struct slice bytes)
{
    struct buf written, read, repaired;
    buf_init(&written, bytes.len * 6 + 16);
    buf_init(&read, bytes.len * 3 + 16);
    buf_init(&repaired, bytes.len * 3 + 16);
    json_put_string(&written, bytes);
    check(written.err == ERR_OK);
    utf8_repair(&repaired, bytes);
    json_unescape(&read, buf_slice(&written));
    check(slice_eq(buf_slice(&read), buf_slice(&repaired)));
    json_t *theirs = json_loadb(written.p, written.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    check(json_is_string(theirs));
    check(slice_eq(buf_slice(&read), slice_of(json_string_value(theirs), json_string_length(theirs))));
    json_decref(theirs);
    buf_done(&written);
    buf_done(&read);
    buf_done(&repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_object(fuzz_slice(data, size));
    write_string(fuzz_slice(data, size));
    return 0;
}
