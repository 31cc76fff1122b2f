// How a webhook does: figures of the last day, and charts of rate, success and latency.
import { asCount, asPercent, asTime, chart } from "../charts.js";
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { select } from "../form.js";
import { count, milliseconds, percent, plural, span, when } from "../text.js";
import { empty, load, table, tiles } from "../ui.js";
import { webhookPage, webhookPath } from "./webhook_frame.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const WINDOWS = [
    ["24h", "The last 24 hours"],
    ["15m", "The last 15 minutes"],
];

function overview(x) {
    const bad = x.success_rate !== null && x.success_rate < 0.95;
    return tiles([
        { label: "Success", value: percent(x.success_rate), small: `of ${count(x.attempts)} attempts`, kind: bad ? "bad" : "" },
        { label: "Deliveries", value: count(x.deliveries), small: `in ${span(x.window_s * 1000)}` },
        { label: "Median answer", value: milliseconds(x.latency_ms.p50), small: `p99 ${milliseconds(x.latency_ms.p99)}` },
        {
            label: "Waiting for a retry",
            value: count(x.open),
            small: `${plural(x.consecutive_failures, "failure", "failures")} in a row`,
        },
        { label: "Last success", value: when(x.last_success_at) },
        { label: "Last failure", value: when(x.last_failure_at) },
    ]);
}

function figures(series) {
    const columns = [
        { title: "From", kind: "main-cell", cell: (r) => when(r.time, { style: "exact" }) },
        { title: "Delivered", kind: "number", cell: (r) => count(r.delivered) },
        { title: "Failed", kind: "number", cell: (r) => count(r.failed) },
        { title: "p50", kind: "number", cell: (r) => milliseconds(r.p50_ms) },
        { title: "p95", kind: "number", cell: (r) => milliseconds(r.p95_ms) },
    ];
    const rows = series.filter((r) => r.delivered + r.failed > 0);
    return h(
        "details",
        { class: "card card-pad" },
        h("summary", {}, "The figures as a table"),
        table("Attempts by time", columns, rows).node,
    );
}

function charts(series, signal) {
    const times = series.map((r) => Date.parse(r.time) / 1000);
    const all = series.map((r) => r.delivered + r.failed);
    const rate = series.map((r, i) => (all[i] ? (r.delivered / all[i]) * 100 : null));
    return [
        // Bars from 0: all first, then what was delivered in front of it.
        chart(
            "Attempts",
            times,
            [
                { label: "Failed", colour: "bad", values: all, bars: true },
                { label: "Succeeded", colour: "phase-wait", values: series.map((r) => r.delivered), bars: true },
            ],
            asCount,
            signal,
        ),
        chart("Success", times, [{ label: "Success", colour: "good", values: rate }], asPercent, signal),
        chart(
            "Time to answer",
            times,
            [
                { label: "p50", colour: "phase-connect", values: series.map((r) => r.p50_ms) },
                { label: "p95", colour: "phase-tls", values: series.map((r) => r.p95_ms) },
            ],
            asTime,
            signal,
        ),
    ];
}

/** A row for each piece of the window, also where nothing happened. */
function filled(health) {
    const step = health.window_s > 3600 ? HOUR_MS : MINUTE_MS;
    const end = Math.floor(Date.now() / step) * step;
    const known = new Map(health.series.map((r) => [Date.parse(r.time), r]));
    const none = { delivered: 0, failed: 0, p50_ms: null, p95_ms: null };
    return Array.from({ length: (health.window_s * 1000) / step + 1 }, (_, i) => {
        const at = end - health.window_s * 1000 + i * step;
        return known.get(at) ?? { ...none, time: new Date(at).toISOString() };
    });
}

function show(health, signal, box) {
    const quiet = health.series.every((r) => r.delivered + r.failed === 0);
    const nothing = empty(
        "Nothing to draw yet",
        "Charts of rate, success and latency come with the first deliveries. Test deliveries do not count.",
    );
    replace(
        box,
        overview(health),
        quiet ? h("div", { class: "card" }, nothing) : [charts(filled(health), signal), figures(health.series)],
    );
}

function build(webhook, health, signal, box) {
    const shown = h("div", { class: "stack" });
    const range = select(WINDOWS, "24h", { "aria-label": "Time" });
    range.addEventListener("change", () => {
        const query = { window: range.value };
        load(
            shown,
            () => get(`${webhookPath(webhook.id)}/health`, { query, signal }),
            (found) => {
                const inner = h("div", { class: "stack" });
                show(found, signal, inner);
                return inner;
            },
        );
    });
    replace(box, h("div", { class: "row" }, range), shown);
    show(health, signal, shown);
}

export function healthPage(context) {
    return webhookPage(context, "health", "Health", (webhook, health, box) => build(webhook, health, context.signal, box));
}
