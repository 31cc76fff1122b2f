// Create and edit: one form. After creation the secret is shown, once, with what to do next.
import { post } from "../api.js";
import { h, replace } from "../dom.js";
import { checkbox, field, form, group, select } from "../form.js";
import { go } from "../router.js";
import { button, code, copyButton, link } from "../ui.js";
import { EVENTS, EXTENSION_EVENTS } from "../words.js";

const NEW = {
    url: "",
    description: "",
    events: ["*"],
    path_patterns: [],
    signature: "trueftp",
    max_attempts: 3,
    timeout_ms: 10_000,
    max_concurrency: 16,
    rate_limit_per_second: 0,
    headers: {},
};

// ---- the fields that are more than one control

function eventsField(chosen) {
    const all = checkbox("Everything that happens to files, folders and users", chosen.includes("*"));
    const boxes = [...EVENTS, ...EXTENSION_EVENTS].map(([id, text]) => ({
        id,
        extension: EXTENSION_EVENTS.some(([x]) => x === id),
        ...checkbox(id, chosen.includes(id), { hint: text }),
    }));
    const sync = () =>
        boxes
            .filter((b) => !b.extension)
            .forEach((b) => {
                b.control.disabled = all.control.checked;
            });
    all.control.addEventListener("change", sync);
    sync();
    const grid = (extension) =>
        h(
            "div",
            { class: "check-grid" },
            boxes.filter((b) => b.extension === extension).map((b) => b.node),
        );
    const content = h(
        "div",
        {},
        all.node,
        grid(false),
        h("p", { class: "hint between" }, "Sent only to those who ask for them by name:"),
        grid(true),
    );
    const made = group("Events", content, all.control);
    const value = () => [
        ...(all.control.checked ? ["*"] : []),
        ...boxes.filter((b) => b.control.checked && (b.extension || !all.control.checked)).map((b) => b.id),
    ];
    return { ...made, value };
}

function headersField(headers) {
    const rows = h("div", { class: "stack" });
    const add = (headerName = "", headerValue = "") => {
        const nameInput = h("input", {
            type: "text",
            value: headerName,
            "aria-label": "Header name",
            placeholder: "X-Tenant",
            spellcheck: "false",
        });
        const valueInput = h("input", {
            type: "text",
            value: headerValue ?? "",
            "aria-label": "Header value",
            placeholder: headerValue === null ? "Not shown: give it again" : "acme",
        });
        const row = h(
            "div",
            { class: "head-row" },
            nameInput,
            valueInput,
            button("Remove", () => row.remove(), "quiet"),
        );
        rows.append(row);
        return nameInput;
    };
    Object.entries(headers).forEach(([k, v]) => add(k, v));
    const more = button("Add a header", () => add().focus(), "tiny");
    const made = group("Headers of your own", h("div", { class: "stack" }, rows, h("div", {}, more)), more, {
        hint: "Sent with every delivery, as Authorization or a tenant's name.",
    });
    const value = () =>
        Object.fromEntries(
            [...rows.children]
                .map((row) => [...row.querySelectorAll("input")].map((i) => i.value))
                .filter(([k]) => k.trim() !== ""),
        );
    return { ...made, value };
}

const number = (value, min, max) => h("input", { type: "number", value, min, max, inputmode: "numeric" });
// An empty or odd number goes as it is: the server says what is wrong with it, and the words stand in one place.
const numberValue = (f) => (f.control.value === "" ? null : Number(f.control.value));

function makeFields(webhook) {
    return {
        url: field(
            "URL",
            h("input", {
                type: "url",
                value: webhook.url,
                placeholder: "https://example.com/hooks/files",
                spellcheck: "false",
                autocomplete: "off",
            }),
            {
                hint: "Gets a POST for each event. It must be reachable from the internet, over https.",
            },
        ),
        description: field(
            "Description",
            h("input", { type: "text", value: webhook.description, placeholder: "Orders into the ERP" }),
            {
                hint: "For people; deliveries do not carry it.",
            },
        ),
        events: eventsField(webhook.events),
        path_patterns: field(
            "Paths",
            h("textarea", {
                value: webhook.path_patterns.join("\n"),
                rows: "3",
                spellcheck: "false",
                placeholder: "/in/orders/**\n!**/*.part",
            }),
            {
                hint: "One pattern a line; empty means all. * stays within a folder, ** does not; a line that begins with ! excludes.",
            },
        ),
        signature: field(
            "Signature headers",
            select(
                [
                    ["trueftp", "X-TrueFTP-Signature"],
                    ["standard", "Standard Webhooks (webhook-signature)"],
                    ["both", "Both"],
                ],
                webhook.signature,
            ),
            { hint: "How a delivery proves that it is from here." },
        ),
        max_attempts: field("Attempts", number(webhook.max_attempts, 1, 20), { hint: "1 to 20, with growing pauses." }),
        timeout_ms: field("Timeout, ms", number(webhook.timeout_ms, 1000, 20_000), { hint: "1000 to 20000." }),
        max_concurrency: field("POSTs at once", number(webhook.max_concurrency, 1, 1024), { hint: "1 to 1024." }),
        rate_limit_per_second: field("Deliveries a second", number(webhook.rate_limit_per_second, 0, 1_000_000), {
            hint: "0: no limit.",
        }),
        headers: headersField(webhook.headers),
    };
}

function values(f) {
    const lines = f.path_patterns.control.value.split("\n").filter((line) => line.trim() !== "");
    const numbers = ["max_attempts", "timeout_ms", "max_concurrency", "rate_limit_per_second"];
    return {
        url: f.url.control.value.trim(),
        description: f.description.control.value,
        events: f.events.value(),
        path_patterns: lines,
        signature: f.signature.control.value,
        ...Object.fromEntries(numbers.map((n) => [n, numberValue(f[n])])),
        headers: f.headers.value(),
    };
}

/** The form for a webhook (or a new one). save(values) makes the call. */
export function webhookForm(webhook, verb, save, { cancel } = {}) {
    const f = makeFields(webhook ?? NEW);
    const content = [
        h(
            "div",
            { class: "card card-pad" },
            h("h2", {}, "Where and what"),
            f.url.node,
            f.description.node,
            f.events.node,
            f.path_patterns.node,
        ),
        h(
            "div",
            { class: "card card-pad" },
            h(
                "details",
                { open: Boolean(webhook) },
                h("summary", {}, "Signature, attempts, limits, headers"),
                h(
                    "div",
                    { class: "stack" },
                    f.signature.node,
                    h(
                        "div",
                        { class: "columns" },
                        f.max_attempts.node,
                        f.timeout_ms.node,
                        f.max_concurrency.node,
                        f.rate_limit_per_second.node,
                    ),
                    f.headers.node,
                ),
            ),
        ),
    ];
    return form(f, content, verb, () => save(values(f)), { cancel });
}

// ---- after creation

/** The secret and what it is for; shared with the rotation. */
export function secretBox(secret) {
    return h(
        "div",
        { class: "stack" },
        h("p", { class: "secret", "data-secret": true }, secret),
        h(
            "div",
            { class: "row" },
            copyButton(secret, "secret"),
            h(
                "span",
                { class: "dim small grow" },
                "It is stored encrypted and cannot be shown again. If it gets lost, rotate it.",
            ),
        ),
    );
}

function createdView(created) {
    const at = `#/webhooks/${encodeURIComponent(created.id)}`;
    return h(
        "div",
        { class: "stack" },
        h("h1", { tabindex: "-1" }, "The webhook is there"),
        h("div", { class: "card card-pad" }, h("h2", {}, "Keep this secret now"), secretBox(created.secret)),
        h(
            "div",
            { class: "card card-pad" },
            h("h2", {}, "Next"),
            h("ol", { class: "steps" }, h("li", {}, "Put the secret where your handler finds it, as an environment variable:")),
            code(`WEBHOOK_SECRET='${created.secret}'`, "line for the environment", { wrap: true }),
            h(
                "ol",
                { class: "steps" },
                h("li", {}, "Verify signatures: there is code for your language."),
                h("li", {}, "Send a test and watch it arrive."),
            ),
            h(
                "div",
                { class: "actions" },
                link("Verification code", `${at}/verify`, "primary"),
                link("Go to its deliveries", at),
            ),
        ),
    );
}

export function createPage() {
    const box = h("div", { class: "stack" });
    // One key for the life of the form: sending it twice makes one webhook.
    const idempotencyKey = crypto.randomUUID();
    const save = async (body) => {
        const created = await post("/webhooks", body, { headers: { "Idempotency-Key": idempotencyKey } });
        if (!created.secret) {
            go(`/webhooks/${created.id}`);
            return;
        }
        replace(box, createdView(created));
        box.querySelector("h1").focus();
        window.scrollTo(0, 0);
    };
    replace(
        box,
        h(
            "div",
            { class: "head-text" },
            h(
                "nav",
                { "aria-label": "Breadcrumb" },
                h("ol", { class: "crumbs" }, h("li", {}, h("a", { href: "#/webhooks" }, "Webhooks"))),
            ),
            h("h1", { tabindex: "-1" }, "Create a webhook"),
        ),
        webhookForm(null, "Create webhook", save, { cancel: link("Cancel", "#/webhooks") }),
    );
    return { title: "Create a webhook", section: "webhooks", node: box };
}
