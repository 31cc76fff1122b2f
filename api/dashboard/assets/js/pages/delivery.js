// One delivery: what became of it, each attempt, the exact request, and the way to send it again. It is drawn anew when the stream says
// that it changed.
import { call, get, streamUrl } from "../api.js";
import { curlScript } from "../curl.js";
import { h, replace } from "../dom.js";
import { follow } from "../live.js";
import { go } from "../router.js";
import { name, safe, when } from "../text.js";
import { act, button, code, facts, note, problem, table, toast } from "../ui.js";
import { statusBadge } from "../words.js";
import { timeline } from "./attempts.js";
import { deliveryLink } from "./deliveries.js";
import { crumbs, webhookPath } from "./webhook_frame.js";

const SETTLED = new Set(["delivered", "failed", "cancelled"]);

function prettyJson(text) {
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return text;
    }
}

/** Headers of the last attempt, as far as they are known: signatures are made with the secret, which nobody shows again. */
function headerLines(webhook, delivery) {
    const last = delivery.attempts.at(-1);
    const timestamp = last ? Math.floor(Date.parse(last.started_at) / 1000) : "…";
    const lines = Object.entries(delivery.request_headers).map(([k, v]) => `${k}: ${v ?? "<not shown to this key>"}`);
    if (webhook.signature !== "standard")
        lines.push(
            `X-TrueFTP-Timestamp: ${timestamp}`,
            `X-TrueFTP-Attempt: ${last?.attempt ?? 1}`,
            "X-TrueFTP-Signature: sha256=<made at each attempt>",
        );
    if (webhook.signature !== "trueftp")
        lines.push(`webhook-timestamp: ${timestamp}`, "webhook-signature: v1,<made at each attempt>");
    const seen = new Set();
    return lines.filter((line) => {
        const key = line.split(":")[0].toLowerCase();
        return !seen.has(key) && seen.add(key);
    });
}

function request(webhook, delivery) {
    const target = new URL(webhook.url);
    const first = `POST ${target.pathname}${target.search} HTTP/1.1\nHost: ${target.host}`;
    const gone = note(
        "",
        "The body is not kept any more",
        "Bodies of delivered events are kept for as long as the events are, 7 days.",
    );
    return h(
        "section",
        { class: "card card-pad", "aria-label": "Request" },
        h("h2", {}, "Request"),
        code([first, ...headerLines(webhook, delivery)].join("\n"), "request headers", { wrap: true }),
        delivery.body === null
            ? gone
            : [
                  code(delivery.body, "request body, byte for byte", { wrap: true }),
                  h(
                      "details",
                      {},
                      h("summary", {}, "Body, laid out"),
                      code(prettyJson(delivery.body), "request body, laid out", { wrap: true }),
                  ),
                  h(
                      "details",
                      { "data-curl": true },
                      h("summary", {}, "As a curl line that signs itself"),
                      code(curlScript(webhook, delivery), "curl script", { wrap: true }),
                  ),
              ],
    );
}

function history(delivery) {
    if (delivery.history.length < 2) return null;
    const columns = [
        {
            title: "Delivery",
            kind: "main-cell",
            cell: (d) => {
                const text = d.generation === 0 ? "First delivery" : `Redelivery ${d.generation}`;
                return d.delivery_id === delivery.delivery_id
                    ? h("strong", {}, `${text} (this one)`)
                    : h("a", { href: deliveryLink(d) }, text);
            },
        },
        { title: "Status", cell: (d) => statusBadge(d.status) },
        { title: "Attempts", kind: "number", cell: (d) => `${d.attempt} of ${d.max_attempts}` },
        { title: "When", kind: "nowrap", cell: (d) => when(d.created_at) },
    ];
    return h(
        "section",
        { class: "card", "aria-label": "Deliveries of the same event" },
        h("div", { class: "card-pad" }, h("h2", {}, "Deliveries of the same event")),
        table("Deliveries of the same event", columns, delivery.history).node,
    );
}

function redeliverButton(delivery, wrong) {
    const path = `${webhookPath(delivery.webhook_id)}/deliveries/${delivery.delivery_id}/redeliver`;
    // One key a click: a request that is repeated on the way makes one delivery.
    const control = button(
        "Redeliver",
        () =>
            act(control, wrong, async () => {
                const accepted = await call("POST", path, { headers: { "Idempotency-Key": crypto.randomUUID() } });
                toast("It is on its way again");
                go(`${webhookPath(delivery.webhook_id)}/deliveries/${accepted.delivery_id}`);
            }),
        "primary",
    );
    control.disabled = !SETTLED.has(delivery.status);
    if (control.disabled) control.title = "It is still being delivered";
    return control;
}

function header(webhook, delivery) {
    const wrong = h("div", {});
    const tags = [delivery.test ? "test" : null, delivery.generation > 0 ? `redelivery ${delivery.generation}` : null].filter(
        Boolean,
    );
    return [
        h(
            "div",
            { class: "head" },
            h(
                "div",
                { class: "head-text" },
                crumbs(["Webhooks", "#/webhooks"], [name(webhook.description || webhook.url), `#${webhookPath(webhook.id)}`]),
                h("h1", { tabindex: "-1" }, delivery.path ? name(delivery.path) : delivery.event),
                h(
                    "div",
                    { class: "row" },
                    statusBadge(delivery.status),
                    h("span", { class: "dim small" }, delivery.event),
                    tags.map((t) => h("span", { class: "tag" }, t)),
                ),
            ),
            h("div", { class: "actions" }, redeliverButton(delivery, wrong)),
        ),
        wrong,
        delivery.detail ? note(delivery.status === "failed" ? "bad" : "", safe(delivery.detail)) : null,
    ];
}

function about(delivery) {
    const original = delivery.original_delivery_id;
    return h(
        "section",
        { class: "card card-pad", "aria-label": "About" },
        facts([
            ["Event at", when(delivery.event_time, { style: "exact" })],
            ["Delivery id", h("code", {}, delivery.delivery_id)],
            ["Event id", h("code", {}, delivery.event_id)],
            original
                ? [
                      "Redelivery of",
                      h("a", { href: deliveryLink({ ...delivery, delivery_id: original }) }, h("code", {}, original)),
                  ]
                : null,
            delivery.trace_id ? ["Trace", h("code", {}, safe(delivery.trace_id))] : null,
        ]),
    );
}

/** Gets a delivery that was asked for a moment ago: its record comes when its first attempt was made. */
async function fetchSoon(path, signal, fresh) {
    try {
        return await get(path, { signal });
    } catch (error) {
        if (error.status === 404 && fresh()) return null;
        throw error;
    }
}

export function deliveryPage({ params, signal }) {
    const box = h("div", { class: "stack" }, h("h1", { tabindex: "-1" }, "Delivery"), h("p", { class: "loading" }, "Loading…"));
    const path = `${webhookPath(params.id)}/deliveries/${params.delivery}`;
    const until = Date.now() + 20_000;
    let webhook = null;
    const draw = (delivery) => {
        const focused = document.activeElement === box.querySelector("h1");
        const opened = [...box.querySelectorAll("details")].map((d) => d.open);
        replace(
            box,
            header(webhook, delivery),
            h("section", { class: "card card-pad", "aria-label": "Attempts" }, h("h2", {}, "Attempts"), timeline(delivery)),
            request(webhook, delivery),
            history(delivery),
            about(delivery),
        );
        box.querySelectorAll("details").forEach((d, i) => {
            d.open = opened[i] ?? false;
        });
        if (focused) box.querySelector("h1").focus();
    };
    const show = async () => {
        try {
            webhook ??= await get(webhookPath(params.id), { signal });
            const delivery = await fetchSoon(path, signal, () => Date.now() < until);
            if (delivery) draw(delivery);
            else {
                box.querySelector(".loading").textContent = "Waiting for its first attempt…";
                setTimeout(() => signal.aborted || show(), 700);
            }
        } catch (error) {
            if (error.name !== "AbortError") replace(box, h("h1", { tabindex: "-1" }, "Delivery"), problem(error, show));
        }
    };
    const related = (d) => d.delivery_id === params.delivery || d.original_delivery_id === params.delivery;
    show();
    follow(streamUrl(`${webhookPath(params.id)}/stream`), signal, {
        onItem: (d) => related(d) && show(),
        onReset: show,
        onState: () => {},
    });
    return { title: "Delivery", section: "webhooks", node: box };
}
