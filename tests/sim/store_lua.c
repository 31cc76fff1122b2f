/* The commands, called from Lua, and the conversions between Lua and Redis, as Redis documents them. */
#include <inttypes.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"
#include "util/err.h"
#include "util/mem.h"

#define ARGS_MAX 1024
#define SCRIPTS_MAX 64

static lua_State *lua;
static struct store *running;
static struct {
    const char *source;
    int ref;
} compiled[SCRIPTS_MAX];
static int compiled_count;

/* One command: its words without the name. Leaves one value on the stack. */
struct words {
    int argc;
    struct slice argv[ARGS_MAX];
};

typedef void command_fn(lua_State *l, struct store *st, const struct words *w);

/* ---- arguments and answers ---- */

static void push_slice(lua_State *l, struct slice s)
{
    lua_pushlstring(l, s.p, s.len);
}

static void push_nil(lua_State *l)
{
    lua_pushboolean(l, 0);
}

static void push_number_text(lua_State *l, double number)
{
    char text[64];
    int len = snprintf(text, sizeof text, "%.17g", number);
    lua_pushlstring(l, text, (size_t)len);
}

static double number_of(lua_State *l, struct slice s)
{
    char text[64], *end;
    if (s.len == 0 || s.len >= sizeof text)
        return luaL_error(l, "ERR value is not a valid float");
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    double number = strtod(text, &end);
    if (*end != '\0' || isnan(number))
        return luaL_error(l, "ERR value is not a valid float: %s", text);
    return number;
}

static int64_t integer_of(lua_State *l, struct slice s)
{
    char text[32], *end;
    if (s.len == 0 || s.len >= sizeof text)
        return luaL_error(l, "ERR value is not an integer or out of range");
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    int64_t number = strtoll(text, &end, 10);
    if (*end != '\0')
        return luaL_error(l, "ERR value is not an integer or out of range: %s", text);
    return number;
}

static bool word_is(struct slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* NULL: there is no such key. */
static struct store_key *key_of(lua_State *l, struct store *st, struct slice name, bool sorted)
{
    struct store_key *k = store_find(st, name);
    if (k && k->sorted != sorted)
        luaL_error(l, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return k;
}

static struct store_key *key_for(lua_State *l, struct store *st, struct slice name, bool sorted)
{
    struct store_key *k = key_of(l, st, name, sorted);
    return k ? k : store_make(st, name, sorted);
}

/* ---- keys ---- */

static void do_exists(lua_State *l, struct store *st, const struct words *w)
{
    int found = 0;
    for (int i = 0; i < w->argc; i++)
        found += store_find(st, w->argv[i]) != NULL;
    lua_pushinteger(l, found);
}

static void do_unlink(lua_State *l, struct store *st, const struct words *w)
{
    int removed = 0;
    for (int i = 0; i < w->argc; i++) {
        struct store_key *k = store_find(st, w->argv[i]);
        if (k)
            store_remove(st, k);
        removed += k != NULL;
    }
    lua_pushinteger(l, removed);
}

static void expire_at(lua_State *l, struct store *st, struct slice name, int64_t at_ms)
{
    struct store_key *k = store_find(st, name);
    if (k)
        k->expires_ms = at_ms > 0 ? at_ms : 1;
    lua_pushinteger(l, k != NULL);
}

static void do_expire(lua_State *l, struct store *st, const struct words *w)
{
    expire_at(l, st, w->argv[0], st->now_ms + integer_of(l, w->argv[1]) * 1000);
}

static void do_pexpireat(lua_State *l, struct store *st, const struct words *w)
{
    expire_at(l, st, w->argv[0], integer_of(l, w->argv[1]));
}

/* ---- hashes ---- */

static void do_hset(lua_State *l, struct store *st, const struct words *w)
{
    if (w->argc % 2 == 0)
        luaL_error(l, "ERR wrong number of arguments for 'hset' command");
    struct store_key *k = key_for(l, st, w->argv[0], false);
    int added = 0;
    for (int i = 1; i < w->argc; i += 2) {
        bool fresh;
        store_put_value(store_put(k, w->argv[i], &fresh), w->argv[i + 1]);
        added += fresh;
    }
    lua_pushinteger(l, added);
}

static void push_field(lua_State *l, const struct store_key *k, struct slice field)
{
    const struct store_item *item = k ? store_item(k, field) : NULL;
    if (item)
        push_slice(l, item->value);
    else
        push_nil(l);
}

static void do_hget(lua_State *l, struct store *st, const struct words *w)
{
    push_field(l, key_of(l, st, w->argv[0], false), w->argv[1]);
}

static void do_hmget(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], false);
    lua_newtable(l);
    for (int i = 1; i < w->argc; i++) {
        push_field(l, k, w->argv[i]);
        lua_rawseti(l, -2, i);
    }
}

static void do_hexists(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], false);
    lua_pushinteger(l, k && store_item(k, w->argv[1]));
}

static void take_out_all(lua_State *l, struct store *st, const struct words *w, bool sorted)
{
    int removed = 0;
    for (int i = 1; i < w->argc; i++) {
        struct store_key *k = key_of(l, st, w->argv[0], sorted);
        struct store_item *item = k ? store_item(k, w->argv[i]) : NULL;
        if (item)
            store_take_out(st, k, item);
        removed += item != NULL;
    }
    lua_pushinteger(l, removed);
}

static void do_hdel(lua_State *l, struct store *st, const struct words *w)
{
    take_out_all(l, st, w, false);
}

static void do_hincrby(lua_State *l, struct store *st, const struct words *w)
{
    char text[32];
    bool fresh;
    struct store_item *item = store_put(key_for(l, st, w->argv[0], false), w->argv[1], &fresh);
    int64_t number = (fresh ? 0 : integer_of(l, item->value)) + integer_of(l, w->argv[2]);
    int len = snprintf(text, sizeof text, "%" PRId64, number);
    store_put_value(item, slice_of(text, (size_t)len));
    lua_pushnumber(l, (double)number);
}

static int count_of(const struct store_key *k)
{
    return k ? (int)HASH_COUNT(k->items) : 0;
}

static void do_hlen(lua_State *l, struct store *st, const struct words *w)
{
    lua_pushinteger(l, count_of(key_of(l, st, w->argv[0], false)));
}

/* Fields in the order of a hash of their names, so that a cursor keeps its place while others come and go. 0 begins, and ends. */
static uint32_t scan_place(struct slice name)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (uint8_t)name.p[i]) * 16777619U;
    return h ? h : 1;
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = scan_place((*(struct store_item *const *)a)->name), y = scan_place((*(struct store_item *const *)b)->name);
    return (x > y) - (x < y);
}

static int compare_bytes(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_score(const void *a, const void *b)
{
    const struct store_item *x = *(struct store_item *const *)a, *y = *(struct store_item *const *)b;
    if (x->score != y->score)
        return x->score > y->score ? 1 : -1;
    return compare_bytes(x->name, y->name);
}

/* All items of a key in order; freed by the caller. */
static struct store_item **sorted_items(const struct store_key *k, int (*order)(const void *a, const void *b))
{
    struct store_item *item, *next, **all = mem_array(NULL, (size_t)count_of(k) + 1, sizeof *all);
    size_t count = 0;
    if (k) {
        HASH_ITER(hh, k->items, item, next)
            all[count++] = item;
    }
    qsort(all, count, sizeof(struct store_item *), order);
    return all;
}

static void do_hscan(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], false);
    uint32_t cursor = (uint32_t)integer_of(l, w->argv[1]), next = 0;
    int count = count_of(k), most = st->scan_most > 0 ? st->scan_most : count, brought = 0;
    if (w->argc != 4 || !word_is(w->argv[2], "COUNT"))
        luaL_error(l, "ERR syntax error");
    struct store_item **all = sorted_items(k, by_place);
    lua_newtable(l);
    lua_newtable(l);
    for (int i = 0; i < count && next == 0; i++) {
        uint32_t place = scan_place(all[i]->name);
        if (place < cursor)
            continue;
        if (brought >= most && place != scan_place(all[i - 1]->name)) {
            next = place;
            continue;
        }
        push_slice(l, all[i]->name);
        lua_rawseti(l, -2, 2 * brought + 1);
        push_slice(l, all[i]->value);
        lua_rawseti(l, -2, 2 * ++brought);
    }
    free(all);
    lua_rawseti(l, -2, 2);
    push_number_text(l, next);
    lua_rawseti(l, -2, 1);
}

/* ---- sorted sets ---- */

static void do_zadd(lua_State *l, struct store *st, const struct words *w)
{
    if (w->argc % 2 == 0)
        luaL_error(l, "ERR syntax error");
    int added = 0;
    for (int i = 1; i < w->argc; i += 2) {
        double score = number_of(l, w->argv[i]);
        bool fresh;
        store_put(key_for(l, st, w->argv[0], true), w->argv[i + 1], &fresh)->score = score;
        added += fresh;
    }
    lua_pushinteger(l, added);
}

static void do_zrem(lua_State *l, struct store *st, const struct words *w)
{
    take_out_all(l, st, w, true);
}

static void do_zscore(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], true);
    struct store_item *item = k ? store_item(k, w->argv[1]) : NULL;
    if (item)
        push_number_text(l, item->score);
    else
        push_nil(l);
}

static void do_zcard(lua_State *l, struct store *st, const struct words *w)
{
    lua_pushinteger(l, count_of(key_of(l, st, w->argv[0], true)));
}

/* A bound of a range: a number, (number, -inf or +inf. */
static bool in_range(lua_State *l, double score, struct slice low, struct slice high)
{
    bool above = low.len > 0 && low.p[0] == '(', below = high.len > 0 && high.p[0] == '(';
    double from = number_of(l, above ? slice_of(low.p + 1, low.len - 1) : low);
    double to = number_of(l, below ? slice_of(high.p + 1, high.len - 1) : high);
    return (above ? score > from : score >= from) && (below ? score < to : score <= to);
}

static void do_zcount(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], true);
    struct store_item *item, *next;
    int count = 0;
    if (k) {
        HASH_ITER(hh, k->items, item, next)
            count += in_range(l, item->score, w->argv[1], w->argv[2]);
    }
    lua_pushinteger(l, count);
}

static void do_zrange(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], true);
    int64_t from = integer_of(l, w->argv[1]), to = integer_of(l, w->argv[2]);
    bool scores = w->argc == 4 && word_is(w->argv[3], "WITHSCORES");
    int count = count_of(k), brought = 0;
    if (w->argc > 3 && !scores)
        luaL_error(l, "ERR syntax error");
    from = from < 0 ? from + count : from;
    to = to < 0 ? to + count : to;
    struct store_item **all = sorted_items(k, by_score);
    lua_newtable(l);
    for (int64_t i = from < 0 ? 0 : from; i <= to && i < count; i++) {
        push_slice(l, all[i]->name);
        lua_rawseti(l, -2, ++brought);
        if (!scores)
            continue;
        push_number_text(l, all[i]->score);
        lua_rawseti(l, -2, ++brought);
    }
    free(all);
}

static void do_zrangebyscore(lua_State *l, struct store *st, const struct words *w)
{
    struct store_key *k = key_of(l, st, w->argv[0], true);
    int64_t skip = 0, most = INT64_MAX;
    int count = count_of(k), brought = 0;
    if (w->argc == 6 && word_is(w->argv[3], "LIMIT")) {
        skip = integer_of(l, w->argv[4]);
        most = integer_of(l, w->argv[5]);
    } else if (w->argc != 3) {
        luaL_error(l, "ERR syntax error");
    }
    struct store_item **all = sorted_items(k, by_score);
    lua_newtable(l);
    for (int i = 0; i < count && brought < most; i++) {
        if (!in_range(l, all[i]->score, w->argv[1], w->argv[2]) || skip-- > 0)
            continue;
        push_slice(l, all[i]->name);
        lua_rawseti(l, -2, ++brought);
    }
    free(all);
}

static const struct {
    const char *name;
    int least; /* words */
    command_fn *fn;
} commands[] = {
    {"EXISTS", 1, do_exists},
    {"UNLINK", 1, do_unlink},
    {"EXPIRE", 2, do_expire},
    {"PEXPIREAT", 2, do_pexpireat},
    {"HSET", 3, do_hset},
    {"HGET", 2, do_hget},
    {"HMGET", 2, do_hmget},
    {"HEXISTS", 2, do_hexists},
    {"HDEL", 2, do_hdel},
    {"HINCRBY", 3, do_hincrby},
    {"HLEN", 1, do_hlen},
    {"HSCAN", 2, do_hscan},
    {"ZADD", 3, do_zadd},
    {"ZREM", 2, do_zrem},
    {"ZSCORE", 2, do_zscore},
    {"ZCARD", 1, do_zcard},
    {"ZCOUNT", 3, do_zcount},
    {"ZRANGE", 3, do_zrange},
    {"ZRANGEBYSCORE", 3, do_zrangebyscore},
};

/* ---- the language ---- */

static struct slice word_at(lua_State *l, int i)
{
    size_t len;
    if (lua_type(l, i) == LUA_TNUMBER) {
        push_number_text(l, lua_tonumber(l, i));
        lua_replace(l, i);
    }
    if (lua_type(l, i) != LUA_TSTRING)
        luaL_error(l, "ERR Lua redis lib command arguments must be strings or integers");
    const char *p = lua_tolstring(l, i, &len);
    return slice_of(p, len);
}

static int redis_call(lua_State *l)
{
    struct words w = {.argc = lua_gettop(l) - 1};
    if (w.argc < 0 || w.argc > ARGS_MAX)
        return luaL_error(l, "ERR this store takes 0 to %d words after a command", ARGS_MAX);
    struct slice name = word_at(l, 1);
    for (int i = 0; i < w.argc; i++)
        w.argv[i] = word_at(l, i + 2);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!word_is(name, commands[i].name))
            continue;
        if (w.argc < commands[i].least)
            return luaL_error(l, "ERR wrong number of arguments for '%s' command", commands[i].name);
        commands[i].fn(l, running, &w);
        return 1;
    }
    return luaL_error(l, "ERR command '%s' is not in the simulator's store (tests/sim/store_lua.c)", name.p);
}

static int no_such_global(lua_State *l)
{
    return luaL_error(l, "ERR Script attempted to access nonexistent global variable '%s'", luaL_optstring(l, 2, "?"));
}

static int no_new_global(lua_State *l)
{
    return luaL_error(l, "ERR Script attempted to create global variable '%s'", luaL_optstring(l, 2, "?"));
}

static void open_lua(void)
{
    static const luaL_Reg libraries[] = {
        {"", luaopen_base}, {"table", luaopen_table}, {"string", luaopen_string}, {"math", luaopen_math}};
    lua = luaL_newstate();
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        lua_pushcfunction(lua, libraries[i].func);
        lua_pushstring(lua, libraries[i].name);
        lua_call(lua, 1, 0);
    }
    lua_newtable(lua);
    lua_pushcfunction(lua, redis_call);
    lua_setfield(lua, -2, "call");
    lua_setglobal(lua, "redis");
    lua_newtable(lua);
    lua_pushcfunction(lua, no_such_global);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, no_new_global);
    lua_setfield(lua, -2, "__newindex");
    lua_setmetatable(lua, LUA_GLOBALSINDEX);
}

/* Pushes the script. false: it does not compile, and what is pushed is why. */
static bool push_script(const char *source)
{
    for (int i = 0; i < compiled_count; i++) {
        if (compiled[i].source != source)
            continue;
        lua_rawgeti(lua, LUA_REGISTRYINDEX, compiled[i].ref);
        return true;
    }
    if (luaL_loadbuffer(lua, source, strlen(source), "@script") != 0)
        return false;
    lua_pushvalue(lua, -1);
    check(compiled_count < SCRIPTS_MAX);
    compiled[compiled_count].source = source;
    compiled[compiled_count++].ref = luaL_ref(lua, LUA_REGISTRYINDEX);
    return true;
}

static void set_words(const char *name, int count, const struct slice *words)
{
    lua_pushstring(lua, name);
    lua_createtable(lua, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushlstring(lua, words[i].p ? words[i].p : "", words[i].len);
        lua_rawseti(lua, -2, i + 1);
    }
    lua_rawset(lua, LUA_GLOBALSINDEX);
}

static redisReply *reply_new(int type, const char *text, size_t len)
{
    redisReply *r = mem_zalloc(sizeof *r);
    r->type = type;
    if (text) {
        r->str = mem_dup(text, len);
        r->len = len;
    }
    return r;
}

/* The value on top of the stack. */
static redisReply *reply_of_top(void)
{
    size_t len;
    const char *text;
    redisReply *r;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, -1, &len);
        return reply_new(REDIS_REPLY_STRING, text, len);
    case LUA_TNUMBER:
        r = reply_new(REDIS_REPLY_INTEGER, NULL, 0);
        r->integer = (long long)lua_tonumber(lua, -1);
        return r;
    case LUA_TBOOLEAN:
        r = reply_new(lua_toboolean(lua, -1) ? REDIS_REPLY_INTEGER : REDIS_REPLY_NIL, NULL, 0);
        r->integer = 1;
        return r;
    case LUA_TTABLE:
        break;
    default:
        return reply_new(REDIS_REPLY_NIL, NULL, 0);
    }
    /* Up to the first nil. */
    r = reply_new(REDIS_REPLY_ARRAY, NULL, 0);
    r->element = mem_array(NULL, lua_objlen(lua, -1) + 1, sizeof *r->element);
    for (int i = 1; i <= (int)lua_objlen(lua, -1); i++) {
        lua_rawgeti(lua, -1, i);
        bool end = lua_isnil(lua, -1);
        if (!end)
            r->element[r->elements++] = reply_of_top();
        lua_pop(lua, 1);
        if (end)
            break;
    }
    return r;
}

redisReply *store_eval(struct store *st, const char *source, int keys, int argc, const struct slice *argv)
{
    size_t len;
    redisReply *r;
    if (!lua)
        open_lua();
    bool ok = push_script(source);
    running = st;
    if (ok) {
        set_words("KEYS", keys, argv);
        set_words("ARGV", argc - keys, argv + keys);
        ok = lua_pcall(lua, 0, 1, 0) == 0;
    }
    if (ok) {
        r = reply_of_top();
    } else {
        const char *why = lua_tolstring(lua, -1, &len);
        r = reply_new(REDIS_REPLY_ERROR, why ? why : "?", why ? len : 1);
    }
    lua_settop(lua, 0);
    return r;
}

void store_reply_free(redisReply *reply)
{
    if (!reply)
        return;
    for (size_t i = 0; i < reply->elements; i++)
        store_reply_free(reply->element[i]);
    free(reply->element);
    free(reply->str);
    free(reply);
}
