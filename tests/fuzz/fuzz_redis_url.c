/* Redis URLs: what is taken can be written again and reads the same; a refusal never repeats the text, which may hold a password.
 */
#include "fuzz.h"

#include "io/redis_url.h"

static void put_encoded(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_printf(out, "%%%02x", (unsigned)(unsigned char)*text);
}

static void check_again(const struct redis_url *u)
{
    struct redis_url again;
    struct errmsg why;
    struct buf text;
    bool brackets = strchr(u->host, ':') != NULL;
    buf_init(&text, 8192);
    buf_puts(&text, u->tls ? "rediss://" : "redis://");
    put_encoded(&text, u->user);
    buf_putc(&text, ':');
    put_encoded(&text, u->password);
    buf_printf(&text, "@%s%s%s:%d/%d", brackets ? "[" : "", u->host, brackets ? "]" : "", u->port, u->db);
    check(text.err == ERR_OK && redis_url_parse(buf_cstr(&text), &again, &why) == ERR_OK);
    check(again.tls == u->tls && again.port == u->port && again.db == u->db && strcmp(again.host, u->host) == 0);
    check(strcmp(again.user, u->user) == 0 && strcmp(again.password, u->password) == 0);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct redis_url u;
    struct errmsg why = {""};
    if (redis_url_parse(text, &u, &why) == ERR_OK) {
        check(u.port >= 1 && u.port <= 65535 && u.db >= 0 && *u.host);
        check_again(&u);
    } else {
        check(strncmp(why.text, "Redis URL: ", 11) == 0 && !strstr(why.text, "CANARY"));
    }
    free(text);
    return 0;
}
