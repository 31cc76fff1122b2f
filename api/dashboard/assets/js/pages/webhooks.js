// All webhooks, with how they do at a glance.
import { get } from "../api.js";
import { h } from "../dom.js";
import { count, milliseconds, name, percent, when } from "../text.js";
import { link, load, table, tiles } from "../ui.js";
import { healthBadge } from "../words.js";

const MAX_PAGES = 20; // 100 each

/** All items of a list call, page by page. */
async function everything(path, signal) {
    const all = [];
    let cursor = "";
    for (let page = 0; page < MAX_PAGES; page++) {
        const { data, next_cursor: next } = await get(path, { query: { limit: 100, cursor }, signal });
        all.push(...data);
        if (!next) break;
        cursor = next;
    }
    return all;
}

async function fetchAll(signal) {
    const [webhooks, health] = await Promise.all([everything("/webhooks", signal), everything("/health", signal)]);
    const byId = new Map(health.map((x) => [x.webhook_id, x]));
    return webhooks.map((webhook) => ({ webhook, health: byId.get(webhook.id) }));
}

/** The share of attempts that succeeded, as a bar and a figure. */
export function successRate(rate) {
    if (rate === null || rate === undefined) return h("span", { class: "dim" }, "–");
    const bar = h("span", { css: { width: `${rate * 100}%` } });
    return h("span", { class: "nowrap" }, h("span", { class: "meter", "aria-hidden": "true" }, bar), percent(rate));
}

const COLUMNS = [
    {
        title: "Webhook",
        kind: "main-cell",
        cell: ({ webhook }) =>
            h(
                "div",
                {},
                h(
                    "a",
                    { class: "cover", href: `#/webhooks/${encodeURIComponent(webhook.id)}` },
                    name(webhook.description || webhook.url),
                ),
                webhook.description ? h("div", { class: "dim small" }, name(webhook.url)) : null,
            ),
    },
    { title: "Health", cell: ({ webhook, health }) => healthBadge(webhook, health) },
    { title: "Success, 24 h", kind: "nowrap", cell: ({ health }) => successRate(health?.success_rate) },
    { title: "p95", kind: "number", cell: ({ health }) => milliseconds(health?.latency_ms.p95) },
    { title: "Waiting", kind: "number", cell: ({ health }) => count(health?.open ?? 0) },
    { title: "Last success", kind: "nowrap", cell: ({ health }) => when(health?.last_success_at) },
];

function overview(rows) {
    const on = rows.filter(({ webhook }) => webhook.enabled);
    const failing = on.filter(({ health }) => health?.state === "failing").length;
    const sum = (pick) => rows.reduce((total, { health }) => total + (health ? pick(health) : 0), 0);
    return tiles([
        { label: "Webhooks", value: count(rows.length), small: `${count(on.length)} switched on` },
        { label: "Failing now", value: count(failing), small: failing ? "see below" : "none", kind: failing ? "bad" : "good" },
        { label: "Deliveries, 24 h", value: count(sum((x) => x.deliveries)), small: `${count(sum((x) => x.attempts))} attempts` },
        { label: "Waiting for a retry", value: count(sum((x) => x.open)), small: "will be sent again" },
    ]);
}

// Those who need somebody first.
const URGENCY = { failing: 0, degraded: 1, disabled: 2 };
const urgency = ({ webhook, health }) => (webhook.enabled ? (URGENCY[health?.state] ?? 3) : 2);

function render(rows) {
    if (rows.length === 0) return noWebhooks();
    const sorted = [...rows].sort((a, b) => urgency(a) - urgency(b));
    return h(
        "div",
        { class: "stack" },
        overview(rows),
        h("div", { class: "card" }, table("Webhooks", COLUMNS, sorted, (r) => r.webhook.id).node),
    );
}

function noWebhooks() {
    return h(
        "div",
        { class: "card" },
        h(
            "div",
            { class: "empty" },
            h("h2", {}, "Your first webhook"),
            h("p", {}, "When a file arrives on your FTP server, your system gets a signed POST. No polling."),
            h(
                "ol",
                { class: "steps" },
                h("li", {}, "Say where deliveries go, and for which events and paths."),
                h("li", {}, "Keep the secret: it is shown once, and proves that a delivery is from here."),
                h("li", {}, "Send a test, then upload a file. Each attempt shows up here as it happens."),
            ),
            link("Create a webhook", "#/webhooks/new", "primary"),
        ),
    );
}

export function webhooksPage({ signal }) {
    const box = h("div", {});
    const refresh = () => load(box, () => fetchAll(signal), render);
    refresh();
    const timer = setInterval(() => document.hidden || refresh(), 15_000);
    signal.addEventListener("abort", () => clearInterval(timer));
    const head = h(
        "div",
        { class: "head" },
        h(
            "div",
            { class: "head-text" },
            h("h1", { tabindex: "-1" }, "Webhooks"),
            h("p", { class: "lead" }, "Where your files' events go, and how it is going."),
        ),
        h("div", { class: "actions" }, link("Create a webhook", "#/webhooks/new", "primary")),
    );
    return { title: "Webhooks", section: "webhooks", node: h("div", { class: "stack" }, head, box) };
}
