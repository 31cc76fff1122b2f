/* Deliveries: the calls that are one request each. */
#include "ctl/calls.h"

static void put_attempts(struct buf *out, const json_t *item)
{
    table_put_value(out, json_object_get(item, "attempt"));
    buf_putc(out, '/');
    table_put_value(out, json_object_get(item, "max_attempts"));
}

/* The status where there is one, beside the class of the error. */
static void put_outcome(struct buf *out, const json_t *item)
{
    const json_t *http = json_object_get(item, "http_status"), *error = json_object_get(item, "error");
    if (json_is_integer(http)) {
        table_put_value(out, http);
        buf_puts(out, json_is_string(error) ? " " : "");
    }
    if (json_is_string(error)) {
        table_put_value(out, error);
    }
}

const struct column delivery_columns[] = {
    {"UPDATED", "updated_at", NULL}, {"STATUS", "status", NULL}, {"ATTEMPT", NULL, put_attempts},
    {"OUTCOME", NULL, put_outcome},  {"EVENT", "event", NULL},   {"DELIVERY", "delivery_id", NULL},
    {"PATH", "path", NULL},
};
const size_t delivery_column_count = COUNT(delivery_columns);

static const struct field delivery_fields[] = {
    {"status", FIELD_TEXT, IN_QUERY, "status", "S", "retrying, parked, delivered, failed, cancelled or purged", 0, 0, false},
    {"event", FIELD_TEXT, IN_QUERY, "event", "NAME", "only of this event", 0, 0, false},
    CALL_RANGE,
    FIELD_LIMIT,
};

static const struct call list_deliveries = {"listDeliveries",
                                            "GET",
                                            "/webhooks/{}/deliveries",
                                            CALL_LIST,
                                            delivery_fields,
                                            COUNT(delivery_fields),
                                            delivery_columns,
                                            COUNT(delivery_columns),
                                            NULL,
                                            NULL};
static const struct call get_delivery = {"getDelivery", "GET", "/webhooks/{}/deliveries/{}", CALL_ITEM, NULL, 0, NULL, 0,
                                         NULL,          NULL};
static const struct call redeliver = {"redeliver", "POST", "/webhooks/{}/deliveries/{}/redeliver", CALL_ITEM, NULL, 0, NULL, 0,
                                      NULL,        NULL};

const struct command commands_deliveries[] = {
    CALL_COMMAND("deliveries", "list", "WEBHOOK", COMMAND_API, list_deliveries,
                 "Lists a webhook's deliveries, the newest first."),
    CALL_COMMAND("deliveries", "get", "WEBHOOK DELIVERY", COMMAND_API, get_delivery,
                 "Shows a delivery with its body, each attempt and its history."),
    CALL_COMMAND("deliveries", "redeliver", "WEBHOOK DELIVERY", COMMAND_API, redeliver,
                 "Sends a delivery again, as a new one that names it."),
};
const size_t commands_deliveries_count = COUNT(commands_deliveries);
