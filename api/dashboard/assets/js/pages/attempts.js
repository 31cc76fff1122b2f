// The timeline of a delivery's attempts: what happened, where the time went, what the endpoint answered, what helps.
import { h } from "../dom.js";
import { milliseconds, safe, when } from "../text.js";
import { errorAdvice, errorText } from "../words.js";

// The way to an answer, in order. Each has its own length; null: it did not get that far. 0: a connection that was kept.
const WAY = [
    ["dns", "name", "dns_ms"],
    ["connect", "connect", "connect_ms"],
    ["tls", "TLS", "tls_ms"],
];

/** [{id, label, ms}], in order. The first byte and the whole are counted from the start; an attempt without an answer spent the rest
 *  of its time in the step that it did not finish. */
export function phases(at) {
    const found = [{ id: "queued", label: "queued", ms: at.queued_ms }];
    let spent = 0;
    for (const [id, label, member] of WAY) {
        if (at[member] === null) {
            found.push({ id, label, ms: at.duration_ms - spent });
            return found.filter((p) => p.ms > 0);
        }
        found.push({ id, label, ms: at[member] });
        spent += at[member];
    }
    if (at.first_byte_ms === null) found.push({ id: "wait", label: "no answer", ms: at.duration_ms - spent });
    else {
        found.push({ id: "wait", label: "first byte", ms: at.first_byte_ms - spent });
        found.push({ id: "rest", label: "rest", ms: at.duration_ms - at.first_byte_ms });
    }
    return found.filter((p) => p.ms > 0);
}

function breakdown(at) {
    const parts = phases(at);
    if (parts.length === 0) return null;
    return h(
        "div",
        { class: "stack" },
        h(
            "div",
            { class: "phases", "aria-hidden": "true" },
            parts.map((p) => h("span", { class: `phase-${p.id}`, css: { "flex-grow": p.ms } })),
        ),
        h(
            "ul",
            { class: "phase-list", "aria-label": "Where the time went" },
            parts.map((p) => h("li", {}, h("i", { class: `phase-${p.id}` }), `${p.label} ${milliseconds(p.ms)}`)),
        ),
    );
}

function answer(at) {
    if (at.response === null || at.response === undefined) return null;
    if (at.response === "") return h("p", { class: "dim small" }, "The answer had no body.");
    return h(
        "div",
        { class: "code wrap" },
        h(
            "pre",
            { tabindex: "0", role: "region", "aria-label": `Answer to attempt ${at.attempt}` },
            h("code", {}, safe(at.response, { lines: true })),
        ),
    );
}

function attempt(at) {
    const good = !at.error;
    return h(
        "li",
        { class: `attempt ${good ? "good" : ""}` },
        h(
            "div",
            { class: "attempt-head" },
            h("h3", {}, `Attempt ${at.attempt}`),
            at.http_status ? h("span", { class: "tag" }, `HTTP ${at.http_status}`) : null,
            h("span", {}, good ? "Delivered" : errorText(at.error)),
            h(
                "span",
                { class: "dim small" },
                when(at.started_at, { style: "exact" }),
                ` · ${milliseconds(at.duration_ms)} in all`,
            ),
        ),
        good ? null : h("p", { class: "small dim" }, errorAdvice(at.error, at.reason)),
        breakdown(at),
        answer(at),
    );
}

function next(delivery) {
    if (!delivery.next_attempt_at) return null;
    return h(
        "li",
        { class: "attempt next" },
        h(
            "div",
            { class: "attempt-head" },
            h("h3", {}, `Attempt ${delivery.attempt + 1}`),
            h("span", { class: "dim" }, when(delivery.next_attempt_at), ", ", when(delivery.next_attempt_at, { style: "clock" })),
        ),
    );
}

export function timeline(delivery) {
    if (delivery.attempts.length === 0 && !delivery.next_attempt_at) return h("p", { class: "dim" }, "No attempt was made.");
    return h("ol", { class: "timeline" }, delivery.attempts.map(attempt), next(delivery));
}
