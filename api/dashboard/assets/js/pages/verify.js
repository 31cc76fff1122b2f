// Code that verifies a delivery, ready to paste, for the headers that this webhook gets. The snippets are files (snippets/), which the tests run.
import { h, replace } from "../dom.js";
import { ApiError } from "../api.js";
import { code, load, note } from "../ui.js";
import { webhookPage } from "./webhook_frame.js";

const LANGUAGES = [
    ["python", "Python", "verify.py"],
    ["node", "Node.js", "verify.mjs"],
    ["go", "Go", "verify.go"],
    ["php", "PHP", "verify.php"],
    ["java", "Java", "Verify.java"],
    ["csharp", "C#", "Verify.cs"],
    ["ruby", "Ruby", "verify.rb"],
    ["shell", "Shell", "verify.sh"],
];

async function snippet(scheme, file, signal) {
    const answer = await fetch(`/snippets/${scheme}/${file}`, { signal });
    if (!answer.ok) throw new ApiError(answer.status, { detail: "The code could not be loaded." });
    return answer.text();
}

function remembered() {
    const known = localStorage.getItem("language");
    return LANGUAGES.find(([id]) => id === known) ?? LANGUAGES[0];
}

/** Tabs as the ARIA practices describe them: arrows move, the chosen one is in the tab order. */
function languageTabs(show) {
    const buttons = LANGUAGES.map((language) =>
        h(
            "button",
            {
                type: "button",
                class: "button tiny",
                role: "tab",
                id: `tab-${language[0]}`,
                "aria-controls": "snippet",
                onclick: () => choose(language),
            },
            language[1],
        ),
    );
    const choose = (language, focus = false) => {
        localStorage.setItem("language", language[0]);
        buttons.forEach((b, i) => {
            const chosen = LANGUAGES[i] === language;
            b.setAttribute("aria-selected", String(chosen));
            b.tabIndex = chosen ? 0 : -1;
            if (chosen && focus) b.focus();
        });
        show(language);
    };
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const onkeydown = (event) => {
        if (!step[event.key]) return;
        event.preventDefault();
        const at = buttons.indexOf(document.activeElement);
        choose(LANGUAGES[(at + step[event.key] + LANGUAGES.length) % LANGUAGES.length], true);
    };
    return { node: h("div", { class: "languages", role: "tablist", "aria-label": "Language", onkeydown }, buttons), choose };
}

const RULES = [
    "Verify before anything else, over the raw bytes of the body: parsing and writing it again changes them.",
    "Compare in constant time; the code does.",
    "Refuse what is older than five minutes: somebody may have recorded it.",
    "Keep the delivery ids you have handled. A delivery can come twice, always under the same id.",
    "Answer 2xx at once, and do the work afterwards.",
];

function build(webhook, signal, box) {
    const scheme = webhook.signature === "standard" ? "standard" : "trueftp";
    const panel = h("div", { id: "snippet", role: "tabpanel", tabindex: "-1", "aria-labelledby": "tab-python" });
    const tabs = languageTabs((language) => {
        panel.setAttribute("aria-labelledby", `tab-${language[0]}`);
        load(
            panel,
            () => snippet(scheme, language[2], signal),
            (text) => code(text, `${language[1]} code`),
        );
    });
    const headers =
        scheme === "standard"
            ? "webhook-id, webhook-timestamp and webhook-signature, as in the Standard Webhooks specification; its libraries verify them too"
            : "X-TrueFTP-Timestamp and X-TrueFTP-Signature";
    replace(
        box,
        h(
            "section",
            { class: "card card-pad", "aria-label": "Verification code" },
            h("h2", {}, "Verify that a delivery is from here"),
            h(
                "p",
                { class: "dim" },
                `This webhook's deliveries carry ${headers}. During a rotation of the secret the code accepts the old and the new one.`,
            ),
            tabs.node,
            panel,
        ),
        h(
            "section",
            { class: "card card-pad", "aria-label": "Rules of a good handler" },
            h("h2", {}, "A good handler"),
            h(
                "ol",
                { class: "steps" },
                RULES.map((r) => h("li", {}, r)),
            ),
        ),
        webhook.signature === "both"
            ? note(
                  "",
                  "Both kinds of headers are sent",
                  "The code above verifies X-TrueFTP-Signature; a library of Standard Webhooks verifies the other.",
              )
            : null,
    );
    tabs.choose(remembered());
}

export function verifyPage(context) {
    return webhookPage(context, "verify", "Verify", (webhook, _health, box) => build(webhook, context.signal, box));
}
