// Expected files: what should arrive, by when; and what is said when it does not.
import { get, post, remove } from "../api.js";
import { h, replace } from "../dom.js";
import { field, form, select } from "../form.js";
import { name, safe, span, when } from "../text.js";
import { badge, button, confirm, dialog, empty, load, note, table, toast } from "../ui.js";
import { webhookPage, webhookPath } from "./webhook_frame.js";

const STATES = {
    arrived: ["good", "Arrived"],
    waiting: ["warn", "Waiting"],
    missing: ["bad", "Missing"],
    unknown: ["", "Unknown"],
};
const PRESETS = [
    ["0 3 * * *", "Every day at 03:00"],
    ["0 3 * * 1-5", "Monday to Friday at 03:00"],
    ["0 * * * *", "Every hour"],
    ["0 6 1 * *", "On the first of the month at 06:00"],
    ["", "Another schedule…"],
];

function stateBadge(e) {
    const [kind, text] = STATES[e.last_state] ?? ["", "Not due yet"];
    return badge(kind, text);
}

function columns(reload) {
    return [
        {
            title: "Path",
            kind: "main-cell",
            cell: (e) =>
                h("div", {}, name(e.path, "mono"), e.description ? h("div", { class: "dim small" }, name(e.description)) : null),
        },
        {
            title: "Due",
            cell: (e) =>
                h(
                    "div",
                    {},
                    h("code", {}, safe(e.schedule)),
                    h("div", { class: "dim small" }, safe(e.time_zone), ` · ${span(e.grace_s * 1000)} grace`),
                ),
        },
        { title: "Last time", kind: "nowrap", cell: (e) => stateBadge(e) },
        { title: "Next due", kind: "nowrap", cell: (e) => when(e.next_due_at) },
        {
            title: "Actions",
            cell: (e) =>
                button(
                    "Delete",
                    () =>
                        confirm(
                            "Delete this expectation?",
                            h("span", {}, "Nothing is said any more when ", name(e.path, "mono"), " does not arrive."),
                            "Delete",
                            async () => {
                                await remove(`${webhookPath(e.webhook_id)}/expectations/${encodeURIComponent(e.id)}`);
                                toast("Deleted");
                                reload();
                            },
                        ),
                    "tiny",
                    { "aria-label": `Delete the expectation of ${e.path}` },
                ),
        },
    ];
}

function scheduleField() {
    const preset = field("When it is due", select(PRESETS, PRESETS[0][0]));
    const text = field("Schedule", h("input", { type: "text", value: PRESETS[0][0], spellcheck: "false" }), {
        hint: "Minute, hour, day of month, month, day of week, as in cron.",
    });
    preset.control.addEventListener("change", () => {
        if (preset.control.value) text.control.value = preset.control.value;
        else text.control.focus();
    });
    return { preset, text };
}

function createDialog(webhook, reload) {
    dialog("Expect a file", (close) => {
        const schedule = scheduleField();
        const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
        const fields = {
            path: field("Path", h("input", { type: "text", placeholder: "/nightly/**/db_full_*.zst", spellcheck: "false" }), {
                hint: "A pattern, as in the webhook's paths.",
            }),
            schedule: schedule.text,
            time_zone: field("Time zone", h("input", { type: "text", value: zone, spellcheck: "false" })),
            grace: field("Grace, minutes", h("input", { type: "number", value: 15, min: 0, max: 10_080 }), {
                hint: "How late it may come.",
            }),
            description: field("Description", h("input", { type: "text", placeholder: "Nightly backup of db01" })),
        };
        fields.grace_s = fields.grace;
        const submit = async () => {
            const body = {
                path: fields.path.control.value,
                schedule: fields.schedule.control.value.trim(),
                time_zone: fields.time_zone.control.value.trim(),
                grace_s: Math.round(Number(fields.grace.control.value) * 60),
                description: fields.description.control.value,
            };
            await post(`${webhookPath(webhook.id)}/expectations`, body, { headers: { "Idempotency-Key": crypto.randomUUID() } });
            toast("From now on a missing file is noticed");
            close();
            reload();
        };
        const content = [
            fields.path.node,
            h("div", { class: "columns" }, schedule.preset.node, fields.schedule.node),
            h("div", { class: "columns" }, fields.time_zone.node, fields.grace.node),
            fields.description.node,
        ];
        return form(fields, content, "Expect it", submit, { cancel: button("Cancel", close) });
    });
}

function build(webhook, signal, box) {
    const listBox = h("div", { class: "card" });
    const reload = () =>
        load(
            listBox,
            () => get(`${webhookPath(webhook.id)}/expectations`, { query: { limit: 100 }, signal }),
            ({ data }) => {
                if (data.length === 0)
                    return empty(
                        "Nothing is expected",
                        "A nightly backup that does not come is noticed by nobody. Say which file should arrive by when; if it does not, this webhook gets a file.missing event.",
                    );
                return table("Expected files", columns(reload), data).node;
            },
        );
    const silent = webhook.events.includes("file.missing")
        ? null
        : note(
              "warn",
              "This webhook does not ask for file.missing",
              "Expectations are watched, but it is not told of them. ",
              h("a", { href: `#${webhookPath(webhook.id)}/settings` }, "Add the event file.missing"),
              ".",
          );
    replace(
        box,
        h(
            "div",
            { class: "head" },
            h(
                "p",
                { class: "lead head-text" },
                "Files that should arrive by a certain time. When one has not, the webhook gets file.missing.",
            ),
            h(
                "div",
                { class: "actions" },
                button("Expect a file", () => createDialog(webhook, reload), "primary"),
            ),
        ),
        silent,
        listBox,
    );
    reload();
}

export function expectationsPage(context) {
    return webhookPage(context, "expectations", "Expected files", (webhook, _health, box) => build(webhook, context.signal, box));
}
