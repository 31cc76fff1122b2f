// Which address shows which page.
import { h } from "../dom.js";
import { route } from "../router.js";
import { empty, link } from "../ui.js";
import { deliveriesPage } from "./deliveries.js";
import { deliveryPage } from "./delivery.js";
import { eventsPage } from "./events.js";
import { expectationsPage } from "./expectations.js";
import { healthPage } from "./health.js";
import { reconciliationPage } from "./reconciliation.js";
import { sessionsPage } from "./sessions.js";
import { settingsPage } from "./settings.js";
import { verifyPage } from "./verify.js";
import { createPage } from "./webhook_form.js";
import { webhooksPage } from "./webhooks.js";

export function registerPages() {
    route("/", webhooksPage);
    route("/webhooks", webhooksPage);
    route("/webhooks/new", createPage);
    route("/webhooks/:id", deliveriesPage);
    route("/webhooks/:id/deliveries/:delivery", deliveryPage);
    route("/webhooks/:id/health", healthPage);
    route("/webhooks/:id/expectations", expectationsPage);
    route("/webhooks/:id/verify", verifyPage);
    route("/webhooks/:id/settings", settingsPage);
    route("/events", eventsPage);
    route("/reconciliation", reconciliationPage);
    route("/sessions", sessionsPage);
}

export function notFoundPage() {
    return {
        title: "Not found",
        node: h(
            "div",
            { class: "card" },
            h("h1", { class: "unseen", tabindex: "-1" }, "Not found"),
            empty(
                "There is no such page",
                "The address may have been cut off when it was copied.",
                link("To the webhooks", "#/webhooks", "primary"),
            ),
        ),
    };
}
