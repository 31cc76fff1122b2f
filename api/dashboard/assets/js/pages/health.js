// How a webhook does: figures of the last day, and charts of rate, success and latency.
import { asCount, asPercent, asTime, chart } from "../charts.js";
import { h, replace } from "../dom.js";
import { count, milliseconds, percent, span, when } from "../text.js";
import { empty, table, tiles } from "../ui.js";
import { webhookPage } from "./webhook_frame.js";

function overview(x) {
    const bad = x.success_rate !== null && x.success_rate < 0.95;
    return tiles([
        { label: "Success", value: percent(x.success_rate), small: `of ${count(x.attempts)} attempts`, kind: bad ? "bad" : "" },
        { label: "Deliveries", value: count(x.deliveries), small: `in ${span(x.window_s * 1000)}` },
        { label: "Median answer", value: milliseconds(x.latency_ms.p50), small: `p99 ${milliseconds(x.latency_ms.p99)}` },
        { label: "Waiting for a retry", value: count(x.open), small: `${count(x.consecutive_failures)} failures in a row` },
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

function build(health, signal, box) {
    const quiet = health.series.every((r) => r.delivered + r.failed === 0);
    replace(
        box,
        overview(health),
        quiet
            ? h(
                  "div",
                  { class: "card" },
                  empty(
                      "Nothing to draw yet",
                      "Charts of rate, success and latency come with the first deliveries. Test deliveries do not count.",
                  ),
              )
            : [charts(health.series, signal), figures(health.series)],
    );
}

export function healthPage(context) {
    return webhookPage(context, "health", "Health", (_webhook, health, box) => build(health, context.signal, box));
}
