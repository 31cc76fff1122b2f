// Text from outside, made safe to look at. Control characters, bidirectional overrides and invisible characters can make one name
// look like another: they are shown as escapes, which stand apart by their looks. ZWJ and ZWNJ stay, since scripts need them.
import { h } from "./dom.js";

const HIDDEN =
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const HIDDEN_IN_LINES =
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeOf(character) {
    if (SHORT[character]) return SHORT[character];
    const code = character.codePointAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** As a plain string, for attributes and files. */
export function escaped(text) {
    return String(text).replace(HIDDEN, escapeOf);
}

/** As nodes: text, and a marked span for each escape. lines: newlines and tabs stay. */
export function safe(text, { lines = false } = {}) {
    const out = document.createDocumentFragment();
    const source = String(text ?? "");
    let from = 0;
    for (const match of source.matchAll(lines ? HIDDEN_IN_LINES : HIDDEN)) {
        if (match.index > from) out.append(source.slice(from, match.index));
        out.append(
            h("span", { class: "escape", title: "A character that cannot be seen, shown as an escape" }, escapeOf(match[0])),
        );
        from = match.index + match[0].length;
    }
    out.append(source.slice(from));
    return out;
}

/** A path, a name, a URL: isolated from the direction of the text around it, whole in its tooltip. */
export function name(text, extra = "") {
    return h("bdi", { class: `name ${extra}`, title: escaped(text) }, safe(text));
}

const counts = new Intl.NumberFormat("en");
export const count = (n) => (n === null || n === undefined ? "–" : counts.format(n));

export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

export function percent(ratio) {
    if (ratio === null || ratio === undefined) return "–";
    // Nothing but all is 100 %.
    const shown = ratio >= 1 ? 100 : Math.min(Math.floor(ratio * 1000) / 10, 99.9);
    return `${shown} %`;
}

export function milliseconds(ms) {
    if (ms === null || ms === undefined || ms < 0) return "–";
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
    return span(ms);
}

/** A length of time in its largest unit: 90 s, 12 min, 3 h, 2 d. */
export function span(ms) {
    const s = Math.round(Math.abs(ms) / 1000);
    if (s < 100) return `${s} s`;
    if (s < 6000) return `${Math.round(s / 60)} min`;
    if (s < 172_800) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86_400)} d`;
}

export function bytes(n) {
    if (n === null || n === undefined) return "–";
    if (n < 1000) return `${n} B`;
    const units = ["kB", "MB", "GB", "TB", "PB"];
    let value = n / 1000;
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
        value /= 1000;
        unit++;
    }
    return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function relative(ms, now) {
    const ago = now - ms;
    if (Math.abs(ago) < 5000) return "just now";
    if (Math.abs(ago) < 86_400_000) return ago > 0 ? `${span(ago)} ago` : `in ${span(ago)}`;
    return dayAndClock.format(ms);
}

/** <time>: relative, exact in its tooltip and for machines. */
export function when(iso, { style = "relative" } = {}) {
    if (!iso) return h("span", { class: "dim" }, "never");
    const ms = Date.parse(iso);
    const shown = { relative: () => relative(ms, Date.now()), exact: () => exact.format(ms), clock: () => clock.format(ms) }[
        style
    ]();
    return h("time", { datetime: iso, title: `${exact.format(ms)} (${iso})` }, shown);
}
