// Reconciliation: what was owed in a range of time, what became of it, and the list of what is missing.
import { get } from "../api.js";
import { csv, save } from "../csv.js";
import { h, replace } from "../dom.js";
import { field, isoTime, localTime, select } from "../form.js";
import { rewrite } from "../router.js";
import { count, name, plural, when } from "../text.js";
import { act, announce, button, load, note, table, tiles } from "../ui.js";
import { STATUSES, errorText, statusBadge } from "../words.js";
import { deliveryLink } from "./deliveries.js";

const HOUR = 3_600_000;
const RANGES = [
    ["1", "The last hour"],
    ["24", "The last 24 hours"],
    ["168", "The last 7 days"],
    ["", "Another range…"],
];

const RECORDED = new Set(STATUSES.map(([status]) => status));

const COLUMNS = [
    {
        title: "Path",
        kind: "main-cell",
        cell: (d) =>
            !RECORDED.has(d.status)
                ? name(d.path ?? d.event)
                : h("a", { class: "cover", href: deliveryLink(d) }, name(d.path ?? d.event)),
    },
    { title: "Event", kind: "nowrap", cell: (d) => d.event },
    { title: "Status", kind: "nowrap", cell: (d) => statusBadge(d.status) },
    { title: "Why", cell: (d) => (d.error ? errorText(d.error) : "–") },
    { title: "Event at", kind: "nowrap", cell: (d) => when(d.event_time, { style: "exact" }) },
];
const EXPORT = ["event_id", "webhook_id", "delivery_id", "event", "path", "event_time", "status", "error"].map((title) => ({
    title,
    value: (d) => d[title] ?? "",
}));

function verdict(r) {
    const open = r.owed - r.delivered;
    if (r.owed === 0)
        return note(
            "",
            "Nothing was owed",
            `${count(r.events)} events happened in this range, and no webhook wanted one of them.`,
        );
    if (open === 0)
        return note("good", "Nothing is missing", `What was owed has arrived: ${plural(r.owed, "delivery", "deliveries")}.`);
    if (r.failed === 0 && r.pending === open)
        return note("warn", "Not finished yet", `${plural(r.pending, "delivery is", "deliveries are")} still being sent.`);
    return note(
        "bad",
        `${count(open)} of ${count(r.owed)} have not arrived`,
        "The list below says which. Recover, on the webhook's page, sends failed ones again.",
    );
}

function overview(r) {
    return tiles([
        { label: "Events", value: count(r.events) },
        { label: "Owed", value: count(r.owed) },
        {
            label: "Delivered",
            value: count(r.delivered),
            kind: "good",
            small: r.redelivered ? `${count(r.redelivered)} after being sent again` : "",
        },
        { label: "Pending", value: count(r.pending) },
        { label: "Failed", value: count(r.failed), kind: r.failed ? "bad" : "" },
        { label: "Cancelled", value: count(r.cancelled + r.purged) },
        { label: "Missing", value: count(r.missing), kind: r.missing ? "bad" : "" },
    ]);
}

function rangeBar(query, changed) {
    const own = Boolean(query.since);
    const f = {
        range: field("Range", select(RANGES, own ? "" : "24")),
        since: field("From", h("input", { type: "datetime-local", value: localTime(query.since) })),
        until: field("Until", h("input", { type: "datetime-local", value: localTime(query.until) })),
    };
    const sync = () => {
        f.since.node.hidden = f.until.node.hidden = f.range.control.value !== "";
    };
    const values = () => {
        const hours = Number(f.range.control.value);
        const now = Date.now();
        if (hours) return { since: new Date(now - hours * HOUR).toISOString(), until: new Date(now).toISOString() };
        return {
            since: isoTime(f.since.control.value) || new Date(now - 24 * HOUR).toISOString(),
            until: isoTime(f.until.control.value) || new Date(now).toISOString(),
        };
    };
    const onchange = () => {
        sync();
        changed(values(), f.range.control.value === "");
    };
    sync();
    return {
        node: h(
            "form",
            { class: "filters", "aria-label": "Range", onsubmit: (e) => e.preventDefault(), onchange },
            Object.values(f).map((x) => x.node),
        ),
        values,
    };
}

export function reconciliationPage({ signal, query }) {
    const box = h("div", { class: "stack" });
    const fetch = (range, cursor) => get("/reconciliation", { query: { ...range, limit: 100, cursor }, signal });
    const missing = (range, first) => {
        if (first.data.length === 0) return null;
        const made = table("What has not arrived", COLUMNS, first.data);
        const rows = [...first.data];
        const more = h("div", { class: "card-pad" });
        const wrong = h("div", {});
        const offer = (next) => {
            more.hidden = !next;
            const control = button("More", () =>
                act(control, wrong, async () => {
                    const page = await fetch(range, next);
                    rows.push(...page.data);
                    made.body.append(...page.data.map(made.row));
                    announce(`${page.data.length} more`);
                    offer(page.next_cursor);
                }),
            );
            replace(more, wrong, h("div", {}, control));
        };
        offer(first.next_cursor);
        const head = h(
            "div",
            { class: "card-pad" },
            h(
                "div",
                { class: "card-head" },
                h("h2", {}, "What has not arrived"),
                button("Export CSV", () => save("missing.csv", csv(EXPORT, rows)), "tiny"),
            ),
        );
        return h("section", { class: "card", "aria-label": "What has not arrived" }, head, made.node, more);
    };
    const show = (range) =>
        load(
            box,
            () => fetch(range, ""),
            (r) => [
                verdict(r),
                overview(r),
                missing(range, r),
                h(
                    "p",
                    { class: "dim small" },
                    "From ",
                    when(r.since, { style: "exact" }),
                    " to ",
                    when(r.until, { style: "exact" }),
                    r.as_of ? [". The ledger was read up to ", when(r.as_of, { style: "exact" })] : null,
                    ".",
                ),
            ],
        );
    const bar = rangeBar(query, (range, own) => {
        rewrite("/reconciliation", own ? range : {});
        show(range);
    });
    show(bar.values());
    const head = h(
        "div",
        { class: "head-text" },
        h("h1", { tabindex: "-1" }, "Reconciliation"),
        h(
            "p",
            { class: "lead" },
            "Every event that a webhook wanted owes a delivery. Here the two are set against one another, so that you can prove that nothing was lost.",
        ),
    );
    return {
        title: "Reconciliation",
        section: "reconciliation",
        node: h("div", { class: "stack" }, head, h("div", { class: "card card-pad" }, bar.node), box),
    };
}
