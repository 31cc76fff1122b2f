// What the pages of one webhook share: where one is, its name and state, what can be done with it, and the tabs.
import { get, post } from "../api.js";
import { h, replace } from "../dom.js";
import { name, percent, plural, when } from "../text.js";
import { act, button, note, problem, toast } from "../ui.js";
import { disabledBecause, healthBadge } from "../words.js";

const TABS = [
    ["deliveries", "Deliveries", ""],
    ["health", "Health", "/health"],
    ["expectations", "Expected files", "/expectations"],
    ["verify", "Verify", "/verify"],
    ["settings", "Settings", "/settings"],
];

export const webhookPath = (id) => `/webhooks/${encodeURIComponent(id)}`;

function tabs(id, current) {
    const link = ([tab, text, rest]) =>
        h("a", { href: `#${webhookPath(id)}${rest}`, "aria-current": tab === current ? "page" : null }, text);
    return h("nav", { class: "tabs", "aria-label": "Webhook" }, TABS.map(link));
}

/** On a phone not all tabs fit: the one that is shown is in sight. */
function showCurrent(bar) {
    const current = bar.querySelector("[aria-current]");
    if (current) bar.scrollLeft = current.offsetLeft - bar.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2;
}

export function crumbs(...items) {
    const item = ([text, href]) => h("li", {}, href ? h("a", { href }, text) : text);
    return h("nav", { "aria-label": "Breadcrumb" }, h("ol", { class: "crumbs" }, items.map(item)));
}

/** What is wrong with it, in a sentence that says what to do; or nothing. */
function notice(webhook, health) {
    const settings = `#${webhookPath(webhook.id)}/settings`;
    if (webhook.enabled && webhook.paused)
        return note(
            "warn",
            "Paused: the account's plan has no webhooks",
            "Deliveries are held until the plan changes, for 30 days at most; the definition stays as it is.",
        );
    if (!webhook.enabled && !webhook.disabled_reason)
        return note(
            "warn",
            "This webhook is paused",
            "Its deliveries are held, for 30 days at most, and sent when it is switched on again. ",
            h("a", { href: settings }, "Switch it on"),
        );
    if (!webhook.enabled)
        return note(
            "warn",
            "This webhook is off",
            disabledBecause(webhook.disabled_reason),
            " Events of this time are not delivered. ",
            h("a", { href: settings }, "Switch it on"),
        );
    if (health?.state === "failing")
        return note(
            "bad",
            health.failing_since ? ["Failing since ", when(health.failing_since, { style: "exact" })] : "Failing",
            `${plural(health.consecutive_failures, "failure", "failures")} in a row. Mend the endpoint; then Recover sends again what was lost.`,
        );
    if (health?.state === "degraded")
        return note("warn", "Some deliveries fail", `${percent(health.success_rate)} of the attempts succeeded in the last day.`);
    return null;
}

/** The button that makes a test delivery; what it says goes to a message. */
export function testButton(webhook, where, after = () => {}) {
    const control = button("Send a test", () =>
        act(control, where, async () => {
            const accepted = await post(`${webhookPath(webhook.id)}/test`);
            toast("A test delivery is on its way");
            after(accepted);
        }),
    );
    return control;
}

function header(webhook, health, actions) {
    const wrong = h("div", {});
    const about = h(
        "div",
        { class: "head-text" },
        crumbs(["Webhooks", "#/webhooks"]),
        h("h1", { tabindex: "-1" }, name(webhook.description || webhook.url)),
        h(
            "div",
            { class: "row" },
            healthBadge(webhook, health),
            webhook.description ? h("span", { class: "dim small" }, name(webhook.url)) : null,
        ),
    );
    return [
        h("div", { class: "head" }, about, h("div", { class: "actions" }, actions(webhook, wrong))),
        wrong,
        notice(webhook, health),
    ];
}

/** A page of one webhook. build(webhook, health, box) fills the box when the webhook has come; actions(webhook, messages) are buttons. */
export function webhookPage({ params, signal }, tab, title, build, actions = () => []) {
    const top = h("div", { class: "stack" }, h("h1", { tabindex: "-1" }, title), h("p", { class: "loading" }, "Loading…"));
    const box = h("div", { class: "stack" });
    const fetch = async () => {
        try {
            const path = webhookPath(params.id);
            const [{ value: webhook, etag }, health] = await Promise.all([
                get(path, { signal, etag: true }),
                get(`${path}/health`, { signal }),
            ]);
            const focused = document.activeElement === top.querySelector("h1");
            const bar = tabs(webhook.id, tab);
            replace(top, header(webhook, health, actions), bar);
            showCurrent(bar);
            if (focused) top.querySelector("h1").focus();
            document.title = `${title} · ${webhook.description || webhook.url}`;
            build({ ...webhook, etag }, health, box);
        } catch (error) {
            if (error.name !== "AbortError") replace(top, h("h1", { tabindex: "-1" }, title), problem(error, fetch));
        }
    };
    fetch();
    return { title, section: "webhooks", node: h("div", { class: "stack" }, top, box) };
}
