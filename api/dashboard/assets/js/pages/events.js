// The audit log: what happened on the FTP side, whether or not a webhook wanted it.
import { get } from "../api.js";
import { csv, save } from "../csv.js";
import { h, replace } from "../dom.js";
import { field, isoTime, localTime, select } from "../form.js";
import { rewrite } from "../router.js";
import { bytes, name, safe, when } from "../text.js";
import { act, announce, button, code, dialog, empty, load, table } from "../ui.js";
import { ALL_EVENTS } from "../words.js";

const PAGE = 50;
const MAX_EXPORT = 5000;
const MAX_EMPTY = 25; // pages of a filter that fits nothing for long: so many are passed over by themselves

const COLUMNS = [
    {
        title: "Path",
        kind: "main-cell",
        cell: (e) =>
            h(
                "a",
                { class: "cover", href: "#", role: "button", onclick: (click) => (click.preventDefault(), details(e)) },
                e.path ? name(e.path) : safe(e.username ?? e.event),
            ),
    },
    { title: "Event", kind: "nowrap", cell: (e) => e.event },
    { title: "User", kind: "word", cell: (e) => (e.username ? name(e.username) : "–") },
    { title: "From", kind: "nowrap", cell: (e) => safe(e.client_ip ?? "–") },
    { title: "Size", kind: "number", cell: (e) => bytes(e.size) },
    { title: "When", kind: "nowrap", cell: (e) => when(e.timestamp) },
];
const EXPORT = ["event_id", "event", "timestamp", "path", "username", "client_ip", "size"].map((title) => ({
    title,
    value: (e) => e[title] ?? "",
}));

function details(event) {
    dialog(event.event, (close) => [
        event.path ? h("p", {}, name(event.path)) : null,
        code(JSON.stringify(event, null, 2), "event", { wrap: true }),
        h("div", { class: "actions" }, button("Close", close, "primary")),
    ]);
}

function filterBar(query, changed) {
    const f = {
        path: field("Path begins with", h("input", { type: "text", value: query.path_prefix ?? "", autocomplete: "off", spellcheck: "false" })),
        event: field("Event", select([["", "Any"], ...ALL_EVENTS.map(([id]) => [id, id])], query.event ?? "")),
        since: field("From", h("input", { type: "datetime-local", value: localTime(query.since) })),
        until: field("Until", h("input", { type: "datetime-local", value: localTime(query.until) })),
    };
    const values = () => ({
        path_prefix: f.path.control.value,
        event: f.event.control.value,
        since: isoTime(f.since.control.value),
        until: isoTime(f.until.control.value),
    });
    const node = h(
        "form",
        {
            class: "filters",
            "aria-label": "Filter events",
            onsubmit: (e) => e.preventDefault(),
            onchange: () => changed(values()),
        },
        Object.values(f).map((x) => x.node),
    );
    return { node, values };
}

export function eventsPage({ signal, query }) {
    const listBox = h("div", { class: "card" });
    const wrong = h("div", {});
    let chosen = {};
    const fetch = async (cursor, limit = PAGE) => {
        let page = { next_cursor: cursor };
        for (let i = 0; i < MAX_EMPTY && (i === 0 || (page.data.length === 0 && page.next_cursor)); i++)
            page = await get("/events", { query: { ...chosen, limit, cursor: page.next_cursor }, signal });
        return page;
    };
    const offerMore = (made, box, next) => {
        box.hidden = !next;
        const problemBox = h("div", {});
        const control = button("Older events", () =>
            act(control, problemBox, async () => {
                const page = await fetch(next);
                made.body.append(...page.data.map(made.row));
                announce(`${page.data.length} more events`);
                offerMore(made, box, page.next_cursor);
            }),
        );
        replace(box, problemBox, h("div", {}, control));
    };
    const render = ({ data, next_cursor: next }) => {
        if (data.length === 0 && !next)
            return Object.values(chosen).some(Boolean)
                ? empty("Nothing fits these filters", "Widen the range of time, or choose another path or event.")
                : empty(
                      "No events yet",
                      "What happens on the FTP servers is listed here: uploads, downloads, deletions, folders, users.",
                  );
        const made = table("Events, the newest first", COLUMNS, data);
        const more = h("div", { class: "card-pad" });
        offerMore(made, more, next);
        return [made.node, more];
    };
    const show = (values) => {
        chosen = values;
        load(listBox, () => fetch(""), render);
    };
    const exportAll = async () => {
        const rows = [];
        let cursor = "";
        do {
            const page = await fetch(cursor, 100);
            rows.push(...page.data);
            cursor = page.next_cursor;
        } while (cursor && rows.length < MAX_EXPORT);
        save("events.csv", csv(EXPORT, rows));
        announce(`${rows.length} events exported`);
    };
    const bar = filterBar(query, (values) => {
        rewrite("/events", values);
        show(values);
    });
    const exporting = button("Export CSV", () => act(exporting, wrong, exportAll), "tiny");
    show(bar.values());
    const head = h(
        "div",
        { class: "head-text" },
        h("h1", { tabindex: "-1" }, "Events"),
        h("p", { class: "lead" }, "The audit log of what happened to your files, whether or not a webhook wanted it."),
    );
    return {
        title: "Events",
        section: "events",
        node: h(
            "div",
            { class: "stack" },
            head,
            h("div", { class: "card card-pad" }, bar.node, h("div", { class: "row" }, h("span", { class: "grow" }), exporting)),
            wrong,
            listBox,
        ),
    };
}
