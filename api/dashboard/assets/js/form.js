// Fields with their label, hint and error, tied together for screen readers; and the form that puts the server's findings where they
// belong. The server is the one judge: the page itself checks only what saves a round trip.
import { ApiError } from "./api.js";
import { freshId, h, replace } from "./dom.js";
import { announce, problem } from "./ui.js";

/** control: an input, select or textarea. Returns {node, control, setError}. */
export function field(label, control, { hint } = {}) {
    const id = freshId("field");
    const wrong = h("p", { class: "wrong", id: `${id}-wrong` });
    control.id = id;
    control.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-wrong`);
    const node = h(
        "div",
        { class: "field" },
        h("label", { htmlFor: id }, label),
        hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
        control,
        wrong,
    );
    const setError = (text) => {
        wrong.textContent = text;
        if (text) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
    };
    control.addEventListener("input", () => setError(""));
    return { node, control, setError };
}

/** Controls that belong together under one legend. first: where the focus goes when the group is wrong. */
export function group(legend, content, first, { hint } = {}) {
    const id = freshId("group");
    const wrong = h("p", { class: "wrong", id: `${id}-wrong` });
    const node = h(
        "fieldset",
        { class: "field", "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-wrong` },
        h("legend", {}, legend),
        hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null,
        content,
        wrong,
    );
    const setError = (text) => {
        wrong.textContent = text;
    };
    node.addEventListener("input", () => setError(""));
    return { node, control: first, setError };
}

export function checkbox(label, checked, { hint, ...props } = {}) {
    const control = h("input", { type: "checkbox", checked, ...props });
    return {
        control,
        node: h("label", { class: "check" }, control, h("span", {}, label, hint ? h("span", { class: "hint" }, hint) : null)),
    };
}

export function select(options, chosen, props = {}) {
    return h(
        "select",
        props,
        options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
    );
}

// A member of an array or object, as events[2] or headers.X-A, is shown at the field of the whole.
function fieldFor(fields, name) {
    return fields[name] ?? fields[name.split(/[.[]/)[0]];
}

function showErrors(fields, error, top) {
    const left = [];
    let first = null;
    for (const [name, text] of error.fields) {
        const found = fieldFor(fields, name);
        if (!found) left.push(`${name}: ${text}`);
        else {
            found.setError(text);
            const open = found.node.closest("details");
            if (open) open.open = true;
            first ??= found.control;
        }
    }
    if (left.length || error.fields.size === 0) {
        replace(top, problem(left.length ? new ApiError(error.status, { code: error.code, detail: left.join(" · ") }) : error));
        return;
    }
    announce(error.fields.size === 1 ? "One field needs another look" : `${error.fields.size} fields need another look`);
    first.focus();
}

/** fields: name in the API -> field. submit() makes the call; what it throws is shown at the fields. */
export function form(fields, content, verb, submit, { cancel } = {}) {
    const top = h("div", {});
    const send = h("button", { type: "submit", class: "button primary" }, verb);
    const onsubmit = async (event) => {
        event.preventDefault();
        replace(top);
        Object.values(fields).forEach((f) => f.setError(""));
        send.disabled = true;
        try {
            await submit();
        } catch (error) {
            if (!(error instanceof ApiError)) throw error;
            showErrors(fields, error, top);
        } finally {
            send.disabled = false;
        }
    };
    return h(
        "form",
        { class: "form", novalidate: true, onsubmit },
        top,
        content,
        h("div", { class: "actions" }, send, cancel ?? null),
    );
}

/** <input type=datetime-local> has no zone: it is the person's own. */
export function localTime(iso) {
    if (!iso) return "";
    const date = new Date(iso);
    return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export function isoTime(local) {
    return local ? new Date(local).toISOString() : "";
}
