// Recover: send again all that failed in a range of time, with progress, and a way to stop. The work is the server's: the dialog only
// watches, and can be closed meanwhile.
import { get, post, remove } from "../api.js";
import { h, replace } from "../dom.js";
import { field, form, isoTime, localTime } from "../form.js";
import { count } from "../text.js";
import { act, announce, button, dialog, problem, toast } from "../ui.js";
import { webhookPath } from "./webhook_frame.js";

const LOOK_EVERY_MS = 500;
const HOUR_MS = 3_600_000;
const STATES = { running: "Sending again…", done: "Done", cancelled: "Stopped", failed: "It failed" };

const finished = (r) => r.state !== "running";
const handled = (r) => r.sent + r.skipped;

function summary(r) {
    if (r.total === 0 && finished(r)) return "No failed delivery was found in this range.";
    const skipped = r.skipped ? ` ${count(r.skipped)} could not be: their bodies are not kept any more.` : "";
    return `${count(r.sent)} of ${count(r.total)} are on their way again.${skipped}`;
}

/** Draws a recovery and looks again until it has ended. */
function progress(webhook, recovery, signal, close) {
    const path = `${webhookPath(webhook.id)}/recoveries/${recovery.recovery_id}`;
    const state = h("h3", {});
    const bar = h("span", {});
    const track = h("div", { class: "bar", role: "progressbar", "aria-label": "Sent again", "aria-valuemin": "0" }, bar);
    const text = h("p", { class: "dim", role: "status" });
    const wrong = h("div", {});
    const stop = button("Stop", () => act(stop, wrong, async () => draw(await remove(path))), "");
    const draw = (r) => {
        state.textContent = STATES[r.state];
        bar.style.setProperty("width", `${r.total ? (handled(r) / r.total) * 100 : finished(r) ? 100 : 0}%`);
        track.setAttribute("aria-valuemax", r.total);
        track.setAttribute("aria-valuenow", handled(r));
        text.textContent = summary(r);
        stop.hidden = finished(r);
        if (finished(r)) announce(`${STATES[r.state]}. ${summary(r)}`);
        return r;
    };
    const look = async () => {
        try {
            if (!finished(draw(await get(path, { signal })))) setTimeout(look, LOOK_EVERY_MS);
        } catch (error) {
            if (error.name !== "AbortError") replace(wrong, problem(error, look));
        }
    };
    if (!finished(draw(recovery))) setTimeout(look, LOOK_EVERY_MS);
    return h(
        "div",
        { class: "stack", "data-recovery": recovery.recovery_id },
        state,
        track,
        text,
        wrong,
        h("div", { class: "actions" }, stop, button("Close", close, "primary")),
    );
}

function startForm(webhook, signal, box, close) {
    const now = Date.now();
    const fields = {
        since: field(
            "Events from",
            h("input", { type: "datetime-local", required: true, value: localTime(new Date(now - 24 * HOUR_MS).toISOString()) }),
        ),
        until: field("until", h("input", { type: "datetime-local", value: "" }), { hint: "Empty: now." }),
    };
    const start = async () => {
        const body = { since: isoTime(fields.since.control.value) };
        if (fields.until.control.value) body.until = isoTime(fields.until.control.value);
        const recovery = await post(`${webhookPath(webhook.id)}/recover`, body);
        toast("Recovery started");
        replace(box, progress(webhook, recovery, signal, close));
        box.querySelector("button:not([hidden])").focus();
    };
    return form(fields, h("div", { class: "columns" }, fields.since.node, fields.until.node), "Send failed ones again", start, {
        cancel: button("Cancel", close),
    });
}

export function recoverButton(webhook, signal) {
    return button("Recover", () =>
        dialog("Recover what failed", (close) => {
            const box = h("div", { class: "stack" });
            replace(box, startForm(webhook, signal, box, close));
            return [
                h(
                    "p",
                    { class: "dim" },
                    "Every delivery of this webhook that has failed in this range is sent again, under a new delivery id that names the first one.",
                ),
                box,
            ];
        }),
    );
}
