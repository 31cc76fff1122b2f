// A webhook's deliveries: filters, pages, and live rows. What changes comes by the stream: a row that is there is drawn again, a
// new one comes in on top while it fits the filters.
import { get, streamUrl } from "../api.js";
import { csv, save } from "../csv.js";
import { h, replace } from "../dom.js";
import { field, isoTime, localTime, select } from "../form.js";
import { follow } from "../live.js";
import { rewrite } from "../router.js";
import { name, when } from "../text.js";
import { act, announce, button, empty, link, load, table } from "../ui.js";
import { ALL_EVENTS, STATUSES, errorText, statusBadge } from "../words.js";
import { recoverButton } from "./recover.js";
import { testButton, webhookPage, webhookPath } from "./webhook_frame.js";

const PAGE = 50;
const MAX_ROWS = 500; // on the page at once: older ones give way to live ones
const MAX_EXPORT = 5000;

export const deliveryLink = (d) => `#${webhookPath(d.webhook_id)}/deliveries/${d.delivery_id}`;

function outcome(d) {
    if (d.error === "http_status" || d.error === "redirect") return `HTTP ${d.http_status}`;
    if (d.error) return errorText(d.error);
    return d.http_status ? `HTTP ${d.http_status}` : "–";
}

const COLUMNS = [
    {
        title: "Path",
        kind: "main-cell",
        cell: (d) =>
            h(
                "div",
                {},
                h("a", { class: "cover", href: deliveryLink(d) }, d.path ? name(d.path) : d.event),
                d.test || d.generation > 0
                    ? h(
                          "div",
                          { class: "row" },
                          d.test ? h("span", { class: "tag" }, "test") : null,
                          d.generation > 0 ? h("span", { class: "tag" }, `redelivery ${d.generation}`) : null,
                      )
                    : null,
            ),
    },
    { title: "Event", kind: "nowrap", cell: (d) => d.event },
    { title: "Status", kind: "nowrap", cell: (d) => statusBadge(d.status) },
    { title: "Last answer", cell: (d) => outcome(d) },
    { title: "Attempts", kind: "number", cell: (d) => `${d.attempt} of ${d.max_attempts}` },
    {
        title: "When",
        kind: "nowrap",
        cell: (d) =>
            d.status === "retrying" && d.next_attempt_at ? h("span", {}, "next ", when(d.next_attempt_at)) : when(d.created_at),
    },
];

const EXPORT = [
    ["delivery_id", (d) => d.delivery_id],
    ["event", (d) => d.event],
    ["path", (d) => d.path],
    ["status", (d) => d.status],
    ["http_status", (d) => d.http_status ?? ""],
    ["error", (d) => d.error],
    ["attempts", (d) => d.attempt],
    ["event_time", (d) => d.event_time],
    ["updated_at", (d) => d.updated_at],
    ["original_delivery_id", (d) => d.original_delivery_id],
].map(([title, value]) => ({ title, value }));

/** Filter controls; changed(values) is called with what is chosen. */
function filterBar(query, changed) {
    const anyOf = (all) => [["", "Any"], ...all];
    const f = {
        status: field("Status", select(anyOf(STATUSES), query.status ?? "")),
        event: field("Event", select(anyOf(ALL_EVENTS.map(([id]) => [id, id])), query.event ?? "")),
        since: field("From", h("input", { type: "datetime-local", value: localTime(query.since) })),
        until: field("Until", h("input", { type: "datetime-local", value: localTime(query.until) })),
    };
    const values = () => ({
        status: f.status.control.value,
        event: f.event.control.value,
        since: isoTime(f.since.control.value),
        until: isoTime(f.until.control.value),
    });
    const clear = button(
        "Clear",
        () => {
            Object.values(f).forEach((x) => {
                x.control.value = "";
            });
            changed(values());
        },
        "quiet tiny",
    );
    const node = h(
        "form",
        {
            class: "filters",
            "aria-label": "Filter deliveries",
            onsubmit: (e) => e.preventDefault(),
            onchange: () => changed(values()),
        },
        Object.values(f).map((x) => x.node),
        clear,
    );
    return { node, values };
}

const fits = (d, q) =>
    (!q.status || d.status === q.status) &&
    (!q.event || d.event === q.event) &&
    (!q.since || d.created_at >= q.since) &&
    (!q.until || d.created_at < q.until);
const filtered = (q) => Object.values(q).some(Boolean);

/** The list: rows by delivery id, oldest rows last. */
class DeliveryList {
    constructor(webhook, signal) {
        this.path = `${webhookPath(webhook.id)}/deliveries`;
        this.signal = signal;
        this.webhook = webhook;
        this.node = h("div", { class: "card" });
        this.table = null;
    }

    async show(query) {
        this.query = query;
        this.table = null;
        await load(
            this.node,
            () => this.fetch(""),
            (page) => this.render(page),
        );
    }

    fetch(cursor) {
        return get(this.path, { query: { ...this.query, limit: PAGE, cursor }, signal: this.signal });
    }

    render({ data, next_cursor: next }) {
        this.more = h("div", { class: "card-pad" });
        this.none = h("div", { hidden: data.length > 0 }, this.emptyState());
        this.table = table("Deliveries, the newest first", COLUMNS, data, (d) => d.delivery_id);
        this.table.node.hidden = data.length === 0;
        this.offerMore(next);
        return [this.table.node, this.none, this.more];
    }

    emptyState() {
        if (filtered(this.query)) return empty("Nothing fits these filters", "Widen the range of time, or clear the filters.");
        return empty(
            "No deliveries yet",
            "Upload a file that this webhook's events and paths cover, or send a test: it shows up here by itself.",
        );
    }

    offerMore(next) {
        this.more.hidden = !next;
        const wrong = h("div", {});
        const control = button("Older deliveries", () =>
            act(control, wrong, async () => {
                const page = await this.fetch(next);
                this.table.body.append(...page.data.filter((d) => !this.rowOf(d)).map(this.table.row));
                announce(`${page.data.length} more deliveries`);
                this.offerMore(page.next_cursor);
            }),
        );
        replace(this.more, wrong, h("div", {}, control));
    }

    rowOf(d) {
        return this.table.body.querySelector(`tr[data-key="${CSS.escape(d.delivery_id)}"]`);
    }

    /** One from the stream. */
    take(d) {
        if (!this.table) return;
        const there = this.rowOf(d);
        if (!there && !fits(d, this.query)) return;
        const row = this.table.row(d);
        row.classList.add("fresh");
        if (there) this.exchange(there, row);
        else {
            this.table.body.prepend(row);
            if (this.table.body.children.length > MAX_ROWS) this.table.body.lastChild.remove();
        }
        this.table.node.hidden = false;
        this.none.hidden = true;
    }

    // The focus stays where it was, if it was on the row's link.
    exchange(there, row) {
        const focused = there.contains(document.activeElement);
        there.replaceWith(row);
        if (focused) row.querySelector("a")?.focus();
    }

    async export() {
        const rows = [];
        let cursor = "";
        do {
            const page = await get(this.path, { query: { ...this.query, limit: 100, cursor }, signal: this.signal });
            rows.push(...page.data);
            cursor = page.next_cursor;
        } while (cursor && rows.length < MAX_EXPORT);
        save(`deliveries-${this.webhook.id}.csv`, csv(EXPORT, rows));
        announce(`${rows.length} deliveries exported`);
    }
}

function build(webhook, signal, query, box) {
    const list = new DeliveryList(webhook, signal);
    const live = h("span", { class: "live", role: "status" }, "Connecting…");
    const wrong = h("div", {});
    const bar = filterBar(query, (chosen) => {
        rewrite(webhookPath(webhook.id), chosen);
        list.show(chosen);
    });
    const exporting = button("Export CSV", () => act(exporting, wrong, () => list.export()), "tiny");
    replace(
        box,
        h("div", { class: "card card-pad" }, bar.node, h("div", { class: "row" }, h("span", { class: "grow" }, live), exporting)),
        wrong,
        list.node,
    );
    let begun = false;
    follow(streamUrl(`${webhookPath(webhook.id)}/stream`), signal, {
        onItem: (d) => list.take(d),
        onReset: () => list.show(bar.values()),
        onState: (on) => {
            if (!begun) list.show(bar.values()); // once the stream has begun: nothing falls between the two
            begun = true;
            live.classList.toggle("on", on);
            live.textContent = on ? "Live" : "Not live: reconnecting…";
        },
    });
}

export function deliveriesPage(context) {
    return webhookPage(
        context,
        "deliveries",
        "Deliveries",
        (webhook, _health, box) => build(webhook, context.signal, context.query, box),
        (webhook, wrong) => [
            testButton(webhook, wrong),
            recoverButton(webhook, context.signal),
            link("Edit", `#${webhookPath(webhook.id)}/settings`),
        ],
    );
}
