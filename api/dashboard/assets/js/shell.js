// The frame around every page: brand, navigation, whose account it is, theme, way out.
import { h, replace } from "./dom.js";
import { safe } from "./text.js";
import { button } from "./ui.js";

const SECTIONS = [
    ["webhooks", "Webhooks", "#/webhooks"],
    ["events", "Events", "#/events"],
    ["reconciliation", "Reconciliation", "#/reconciliation"],
    ["sessions", "Sessions", "#/sessions"],
];

const THEMES = { system: ["◐", "Auto"], light: ["○", "Light"], dark: ["●", "Dark"] };

/** A button that goes through system, light, dark. Charts read their colours again. */
export function themeButton() {
    const order = Object.keys(THEMES);
    const current = () => document.documentElement.dataset.theme ?? "system";
    const control = button(
        "",
        () => {
            const next = order[(order.indexOf(current()) + 1) % order.length];
            if (next === "system") {
                delete document.documentElement.dataset.theme;
                localStorage.removeItem("theme");
            } else {
                document.documentElement.dataset.theme = next;
                localStorage.setItem("theme", next);
            }
            name(next);
            document.dispatchEvent(new Event("themechange"));
        },
        "quiet tiny",
    );
    const name = (theme) => {
        const [sign, word] = THEMES[theme];
        replace(control, sign, h("span", { class: "theme-word" }, ` ${word}`));
        control.setAttribute("aria-label", `${word} theme`);
    };
    name(current());
    return control;
}

export function brand() {
    return h("a", { class: "brand", href: "#/webhooks" }, h("img", { src: "/favicon.svg", alt: "" }), "TrueFTP Webhooks");
}

/** {node, main, setSection(name)}. leave(): signs out. */
export function shell(session, leave) {
    const links = new Map(SECTIONS.map(([id, text, href]) => [id, h("a", { href }, text)]));
    const account = session.account;
    const header = h(
        "header",
        { class: "top" },
        h(
            "div",
            { class: "top-inner" },
            brand(),
            h("nav", { class: "nav", "aria-label": "Sections" }, [...links.values()]),
            h(
                "div",
                { class: "who" },
                h("span", { class: "account" }, safe(account.name || account.id)),
                h("span", { class: "tag" }, safe(account.plan)),
                themeButton(),
                button("Sign out", leave, "tiny"),
            ),
        ),
    );
    const main = h("main", { id: "main", class: "main", tabindex: "-1" });
    const setSection = (name) => {
        for (const [id, node] of links) {
            if (id === name) node.setAttribute("aria-current", "page");
            else node.removeAttribute("aria-current");
        }
    };
    return { node: h("div", {}, header, main), main, setSection };
}
