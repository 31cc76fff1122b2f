// Parts that every page uses: buttons, badges, tables, messages, dialogs, the clipboard. What changes without the person's doing is
// told to screen readers through one polite region.
import { ApiError } from "./api.js";
import { freshId, h, replace } from "./dom.js";
import { safe } from "./text.js";

export function announce(text) {
    const region = document.getElementById("polite");
    region.textContent = "";
    requestAnimationFrame(() => {
        region.textContent = text;
    });
}

/** A short message at the edge, which goes by itself; also announced. */
export function toast(text) {
    const node = h("div", { class: "toast" }, safe(text));
    document.getElementById("toasts").append(node);
    announce(text);
    setTimeout(() => node.remove(), 6000);
}

export function button(text, onclick, kind = "", more = {}) {
    return h("button", { type: "button", class: `button ${kind}`, onclick, ...more }, text);
}

export function link(text, href, kind = "") {
    return h("a", { class: `button ${kind}`, href }, text);
}

export function badge(kind, text) {
    return h("span", { class: `badge ${kind}` }, text);
}

export function note(kind, title, ...text) {
    return h("div", { class: `note ${kind}` }, h("strong", {}, title), text.length ? h("p", {}, ...text) : null);
}

export function empty(title, text, ...actions) {
    return h(
        "div",
        { class: "empty" },
        h("h2", {}, title),
        h("p", {}, text),
        actions.length ? h("div", { class: "actions" }, actions) : null,
    );
}

// ---- errors

const ADVICE = {
    network: "Check the connection, then try again.",
    rate_limited: "Too many requests came with this key. Wait a moment, then try again.",
    unavailable: "The service is starting or its ledger does not answer. It usually comes back by itself, and is asked again.",
    internal: "The fault is ours. Give the request id to whoever runs the service.",
    scope_required: "This API key may only read. Sign in with a key that has the scope write.",
    plan_required: "Webhooks are for paid plans. Nothing is lost of what you have; change the plan to go on.",
    webhook_limit:
        "The account has as many webhooks as its limit allows. Delete one that is not needed, or have the limit raised.",
    version_conflict: "Somebody changed it meanwhile. Load it again, then make your change once more.",
    body_expired:
        "Delivered bodies are kept as long as the events are (7 days). The file can be uploaded again to make a new event.",
    webhook_disabled: "Switch the webhook on first.",
    csrf_failed: "This page is older than the session. Reload it.",
    not_found: "It may have been deleted. Go back to the list.",
};

/** What went wrong and what to do about it. retry: a function, or nothing. */
export function problem(error, retry) {
    if (!(error instanceof ApiError)) throw error;
    const advice = ADVICE[error.code];
    return h(
        "div",
        { class: "note bad", role: "alert" },
        h("strong", {}, safe(error.message)),
        advice && advice !== error.message ? h("p", {}, advice) : null,
        error.requestId ? h("p", { class: "small dim" }, "Request id ", h("code", {}, safe(error.requestId))) : null,
        retry ? h("div", { class: "actions" }, button("Try again", retry, "tiny")) : null,
    );
}

const AGAIN_MS = 3000;

/**
 * Shows what fetcher() brings: busy meanwhile, the problem and a way to try again when it fails. A service that is starting is asked
 * again for as long as its refusal is what is shown.
 */
export async function load(box, fetcher, render) {
    box.setAttribute("aria-busy", "true");
    if (!box.hasChildNodes()) replace(box, h("p", { class: "loading" }, "Loading…"));
    try {
        replace(box, render(await fetcher()));
    } catch (error) {
        if (error.name !== "AbortError") {
            const again = () => load(box, fetcher, render);
            const wrong = problem(error, again);
            replace(box, wrong);
            if (error.code === "unavailable") setTimeout(() => wrong.isConnected && again(), AGAIN_MS);
        }
    } finally {
        box.removeAttribute("aria-busy");
    }
}

/** Runs an action of a button: disabled meanwhile, its problem as a message in `where`. */
export async function act(control, where, action) {
    control.disabled = true;
    replace(where);
    try {
        await action();
    } catch (error) {
        if (error.name !== "AbortError") replace(where, problem(error));
    } finally {
        control.disabled = false;
    }
}

// ---- tables

/** columns: {title, cell(row), kind?: "number" | "main-cell" | "nowrap"}. On a phone each row is a card with the titles as labels. */
export function table(caption, columns, rows, key) {
    const row = (item) =>
        h(
            "tr",
            key ? { data: { key: key(item) } } : {},
            columns.map((c) => h("td", { class: c.kind ?? "", "data-label": c.title }, c.cell(item))),
        );
    const body = h("tbody", {}, rows.map(row));
    const node = h(
        "div",
        { class: "table-wrap" },
        h(
            "table",
            { class: "list" },
            h("caption", { class: "unseen" }, caption),
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    columns.map((c) => h("th", { scope: "col", class: c.kind === "number" ? "number" : "" }, c.title)),
                ),
            ),
            body,
        ),
    );
    return { node, body, row };
}

/** A row of figures: {label, value, small?, kind?}. */
export function tiles(figures) {
    const tile = ({ label, value, small, kind = "" }) =>
        h(
            "div",
            { class: `card tile ${kind}` },
            h("dt", {}, label),
            h("dd", {}, value),
            small ? h("dd", { class: "tile-small" }, small) : null,
        );
    return h("dl", { class: "tiles" }, figures.map(tile));
}

export function facts(pairs) {
    return h(
        "dl",
        { class: "facts" },
        pairs.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value ?? "–"))),
    );
}

// ---- code and the clipboard

export function copyButton(text, what) {
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
            toast(`${what} copied`);
        } catch {
            toast("The browser did not allow copying. Select the text and copy it by hand.");
        }
    };
    return button("Copy", copy, "tiny", { "aria-label": `Copy ${what}` });
}

/** A block of code that can be copied and scrolled with the keyboard. */
export function code(text, what, { wrap = false } = {}) {
    return h(
        "div",
        { class: `code ${wrap ? "wrap" : ""}` },
        h("pre", { tabindex: "0", role: "region", "aria-label": what }, h("code", {}, safe(text, { lines: true }))),
        copyButton(text, what),
    );
}

// ---- dialogs

/** A modal dialog. build(close) returns its content. The browser keeps the focus inside, and gives it back at the end. */
export function dialog(title, build) {
    const id = freshId("dialog");
    const node = h("dialog", { "aria-labelledby": id });
    const close = () => node.close();
    node.append(h("div", { class: "dialog" }, h("h2", { id }, title), build(close)));
    node.addEventListener("close", () => node.remove());
    document.body.append(node);
    node.showModal();
    return node;
}

/** Asks before something that cannot be undone; action() runs with the dialog open, so that its problem can be read there. */
export function confirm(title, text, verb, action, kind = "danger") {
    return dialog(title, (close) => {
        const wrong = h("div", {});
        const yes = button(
            verb,
            () =>
                act(yes, wrong, async () => {
                    await action();
                    close();
                }),
            kind,
        );
        return [h("p", {}, text), wrong, h("div", { class: "actions" }, button("Cancel", close, "", { autofocus: true }), yes)];
    });
}
