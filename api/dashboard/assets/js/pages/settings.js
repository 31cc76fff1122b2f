// A webhook's settings: the form, the secret, on and off, delete.
import { patch, post, remove } from "../api.js";
import { h, replace } from "../dom.js";
import { field, form, select } from "../form.js";
import { go } from "../router.js";
import { when } from "../text.js";
import { act, button, confirm, dialog, toast } from "../ui.js";
import { secretBox, webhookForm } from "./webhook_form.js";
import { webhookPage, webhookPath } from "./webhook_frame.js";

const OVERLAPS = [
    ["0", "Not at all: it may be in wrong hands"],
    ["3600", "1 hour"],
    ["86400", "1 day"],
    ["604800", "7 days"],
    ["2592000", "30 days"],
];

function rotateDialog(webhook, reload) {
    dialog("Rotate the secret", (close) => {
        const box = h("div", { class: "stack" });
        const overlap = field("The old secret also signs for", select(OVERLAPS, "86400"), {
            hint: "Meanwhile each delivery carries both signatures, so that your handler can change over without losing one.",
        });
        const submit = async () => {
            const rotated = await post(
                `${webhookPath(webhook.id)}/rotate-secret`,
                { overlap_s: Number(overlap.control.value) },
                { headers: { "If-Match": webhook.etag } },
            );
            const old = rotated.previous_expires_at;
            const done = button(
                "I have kept it",
                () => {
                    close();
                    reload();
                },
                "primary",
            );
            replace(
                box,
                h("p", {}, "This is the new secret. Put it where your handler finds it."),
                secretBox(rotated.secret),
                h(
                    "p",
                    { class: "dim small" },
                    old
                        ? ["The old one signs too until ", when(old, { style: "exact" }), "."]
                        : "The old one does not sign any more.",
                ),
                h("div", { class: "actions" }, done),
            );
            done.focus();
        };
        replace(
            box,
            form({ overlap_s: overlap }, overlap.node, "Make a new secret", submit, { cancel: button("Cancel", close) }),
        );
        return box;
    });
}

function secretCard(webhook, reload) {
    const previous = webhook.secrets.find((s) => s.expires_at);
    return h(
        "section",
        { class: "card card-pad", "aria-label": "Secret" },
        h(
            "div",
            { class: "card-head" },
            h("h2", {}, "Secret"),
            button("Rotate secret", () => rotateDialog(webhook, reload)),
        ),
        h("p", { class: "dim" }, "It is stored encrypted, and shown only when it is made."),
        previous
            ? h(
                  "p",
                  {},
                  "A rotation is under way: the previous secret signs too until ",
                  when(previous.expires_at, { style: "exact" }),
                  ".",
              )
            : null,
    );
}

function row(name, ...value) {
    return h("li", {}, h("strong", {}, `${name}: `), ...value);
}

/** What the webhook wants of TLS, where it is not the default; the API changes it. */
function tlsCard(tls) {
    if (!tls) return null;
    const ends = tls.client_certificate_expires_at;
    return h(
        "section",
        { class: "card card-pad", "aria-label": "TLS" },
        h("h2", {}, "TLS"),
        h(
            "ul",
            {},
            row("At least", `TLS ${tls.min_version}`),
            tls.ca_certificates ? row("Trusted", "the webhook's own authorities alone") : null,
            ends ? row("Client certificate", "valid until ", when(ends, { style: "exact" })) : null,
            tls.pinned_public_keys.length > 0 ? row("Pinned keys", String(tls.pinned_public_keys.length)) : null,
        ),
        h("p", { class: "dim small" }, "Set by the API: the member tls of the webhook."),
    );
}

function switchCard(webhook, reload) {
    const wrong = h("div", {});
    const verb = webhook.enabled ? "Pause" : "Switch on";
    const control = button(verb, () =>
        act(control, wrong, async () => {
            await patch(webhookPath(webhook.id), { enabled: !webhook.enabled }, { headers: { "If-Match": webhook.etag } });
            toast(webhook.enabled ? "It is paused" : "It is on");
            reload();
        }),
    );
    const destroy = button(
        "Delete…",
        () =>
            confirm(
                "Delete this webhook?",
                "What is still open for it is cancelled. Its deliveries stay readable in the ledger, but not here. This cannot be undone.",
                "Delete webhook",
                async () => {
                    await remove(webhookPath(webhook.id), { headers: { "If-Match": webhook.etag } });
                    toast("The webhook is deleted");
                    go("/webhooks");
                },
            ),
        "warns",
    );
    return h(
        "section",
        { class: "card card-pad", "aria-label": "Pause, delete" },
        h("h2", {}, "Pause, delete"),
        h("p", { class: "dim" }, "Paused, its deliveries are held, for 30 days at most, and sent when it is switched on again."),
        wrong,
        h("div", { class: "actions" }, control, destroy),
    );
}

export function settingsPage(context) {
    const page = webhookPage(context, "settings", "Settings", (webhook, _health, box) => {
        const reload = () => replace(page.node, ...settingsPage(context).node.childNodes);
        const save = async (values) => {
            await patch(webhookPath(webhook.id), values, { headers: { "If-Match": webhook.etag } });
            toast("Saved. Workers take it up within a second.");
            reload();
        };
        replace(box, webhookForm(webhook, "Save", save), secretCard(webhook, reload), tlsCard(webhook.tls), switchCard(webhook, reload));
    });
    return page;
}
