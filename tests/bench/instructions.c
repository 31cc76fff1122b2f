/* The pure functions of a delivery's hot path, each many times, for callgrind to count their instructions:
 *
 *     bench_instructions NAME      runs one; what is counted is the function `measured`
 *     bench_instructions           prints the names */
#include <stdio.h>
#include <string.h>

#include "io/http_response.h"
#include "model/delivery.h"
#include "model/delivery_packed.h"
#include "model/partition.h"
#include "model/signature.h"
#include "util/mem.h"

#define TIMES 1000

static const char event_json[] =
    "{\"event_id\":\"0192b3c4-0000-7000-8000-0123456789ab\",\"event\":\"file.uploaded\",\"timestamp\":\"2026-06-08T12:00:00Z\","
    "\"account_id\":\"acc_000042\",\"data\":{\"path\":\"/incoming/order-00000042.csv\",\"size\":20480,\"username\":\"pipeline\","
    "\"client_ip\":\"203.0.113.5\"}}";
static const char answer[] =
    "HTTP/1.1 200 OK\r\nDate: Mon, 08 Jun 2026 12:00:00 GMT\r\nServer: nginx\r\n"
    "Content-Type: application/json\r\nContent-Length: 15\r\nConnection: keep-alive\r\n\r\n{\"status\":\"ok\"}";

static struct {
    struct event ev;
    struct buf scratch, body, record, retry, packed, unpacked;
    struct delivery dl;
    struct signer *signer;
    struct http_fields fields;
    struct http_response response;
    char signature[SIGNATURE_TRUEFTP_SIZE];
    char copy[sizeof answer];
    int32_t partition;
} b;

static void parse_event(void)
{
    struct errmsg why;
    check(event_parse(slice_of(event_json, sizeof event_json - 1), &b.scratch, &b.ev, &why) == ERR_OK);
}

static void name_delivery(void)
{
    b.dl.id = delivery_id(&b.ev.id, SLICE("wh_00000000000000000000000000000042"), 0);
}

static void build_body(void)
{
    buf_reset(&b.body);
    delivery_body(&b.body, &b.ev, &b.dl.id);
}

static void sign(void)
{
    sign_trueftp(b.signer, 1780920000, buf_slice(&b.body), b.signature);
}

static void read_answer(void)
{
    memcpy(b.copy, answer, sizeof answer);
    http_response_reset(&b.response);
    check(http_response_take(&b.response, b.copy, sizeof answer - 1) == HTTP_COMPLETE);
}

static void write_record(void)
{
    buf_reset(&b.record);
    delivery_write(&b.record, &b.dl);
}

static void pack_retry(void)
{
    buf_reset(&b.packed);
    delivery_pack(&b.packed, buf_slice(&b.retry));
}

static void unpack_retry(void)
{
    buf_reset(&b.unpacked);
    delivery_unpack(&b.unpacked, buf_slice(&b.packed));
}

static void pick_partition(void)
{
    b.partition = partition_of(b.ev.account_id, b.ev.path, 24);
}

static const struct {
    const char *name;
    void (*run)(void);
} functions[] = {
    {"event_parse", parse_event},  {"delivery_id", name_delivery},      {"delivery_body", build_body},
    {"sign_trueftp", sign},        {"http_response_take", read_answer}, {"delivery_write", write_record},
    {"delivery_pack", pack_retry}, {"delivery_unpack", unpack_retry},   {"partition_of", pick_partition},
};
#define COUNT (sizeof functions / sizeof functions[0])

static void prepare(void)
{
    buf_init(&b.scratch, 65536);
    buf_init(&b.body, 65536);
    buf_init(&b.record, 65536);
    buf_init(&b.retry, 65536);
    buf_init(&b.packed, 65536);
    buf_init(&b.unpacked, 65536);
    b.signer = signer_new_trueftp(SLICE("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
    http_response_init(&b.response, &b.fields, 4096);
    parse_event();
    b.dl = (struct delivery){.event_id = b.ev.id,
                             .webhook_id = SLICE("wh_00000000000000000000000000000042"),
                             .account_id = b.ev.account_id,
                             .event = b.ev.type,
                             .path = b.ev.path,
                             .status = DELIVERY_DELIVERED,
                             .revision = 1,
                             .attempt = 1,
                             .max_attempts = 3,
                             .http_status = 200,
                             .event_wall_ms = 1780920000000,
                             .created_wall_ms = 1780920000100,
                             .updated_wall_ms = 1780920000200,
                             .attempt_count = 1,
                             .event_topic = SLICE("trueftp.events"),
                             .event_offset = 123456789};
    b.dl.attempts[0] = (struct delivery_attempt){.number = 1,
                                                 .started_wall_ms = 1780920000100,
                                                 .http_status = 200,
                                                 .duration_ms = 12,
                                                 .response = SLICE("{\"status\":\"ok\"}")};
    name_delivery();
    build_body();
    struct delivery retry = b.dl;
    retry.status = DELIVERY_RETRYING;
    retry.next_attempt_wall_ms = 1780920010200;
    retry.body = buf_slice(&b.body);
    delivery_write(&b.retry, &retry);
    pack_retry();
}

void measured(void (*run)(void));
__attribute__((noinline)) void measured(void (*run)(void))
{
    for (int i = 0; i < TIMES; i++)
        run();
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (argc < 2) {
            puts(functions[i].name);
        } else if (strcmp(argv[1], functions[i].name) == 0) {
            prepare();
            functions[i].run(); /* what is done once is done */
            measured(functions[i].run);
            return 0;
        }
    }
    return argc < 2 ? 0 : 64;
}
