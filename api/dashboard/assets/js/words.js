// What the API's words mean to people: states, statuses, errors, events.
import { badge } from "./ui.js";

export const EVENTS = [
    ["file.uploaded", "A file arrived"],
    ["file.downloaded", "A file was fetched"],
    ["file.deleted", "A file was deleted"],
    ["dir.created", "A folder was made"],
    ["dir.deleted", "A folder was deleted"],
    ["ftp_user.created", "An FTP user was added"],
];
export const EXTENSION_EVENTS = [
    ["file.renamed", "A file was renamed"],
    ["file.missing", "An expected file did not arrive in time"],
    ["webhook.disabled", "A webhook was switched off because its endpoint kept failing"],
];
export const ALL_EVENTS = [...EVENTS, ...EXTENSION_EVENTS];

const STATUS = {
    delivered: ["good", "Delivered"],
    retrying: ["warn", "Retrying"],
    parked: ["warn", "Waiting"],
    failed: ["bad", "Failed"],
    cancelled: ["", "Cancelled"],
    purged: ["", "Purged"],
    unrecorded: ["warn", "Not settled yet"],
    missing: ["bad", "Missing"],
};
export const STATUSES = ["delivered", "retrying", "parked", "failed", "cancelled", "purged"].map((s) => [s, STATUS[s][1]]);
export function statusBadge(status) {
    const [kind, text] = STATUS[status] ?? ["", status];
    return badge(kind, text);
}

/** A webhook with its health (or none yet) in one badge. */
export function healthBadge(webhook, health) {
    if (webhook.enabled && webhook.paused) return badge("warn", "Paused by plan");
    if (!webhook.enabled) return webhook.disabled_reason ? badge("", "Off") : badge("warn", "Paused");
    return {
        healthy: () => badge("good", "Healthy"),
        degraded: () => badge("warn", "Degraded"),
        failing: () => badge("bad", "Failing"),
        disabled: () => badge("", "Off"),
        idle: () => badge("", "No deliveries yet"),
    }[health?.state ?? "idle"]();
}

export function disabledBecause(reason) {
    if (reason === "gone") return "The endpoint answered 410 Gone, which asks us to stop.";
    if (reason === "failing") return "The endpoint answered nothing but failures for too long.";
    return reason;
}

// What an error class says, and what helps.
const ERRORS = {
    dns: ["The name of the endpoint could not be resolved", "Check the host name in the URL and its DNS records."],
    connect_refused: [
        "The connection was refused",
        "Nothing listens on that port, or a firewall refuses it. Check that the service runs.",
    ],
    connect_timeout: [
        "No connection within the timeout",
        "The host does not answer. Check firewalls and that the address is reachable from the internet.",
    ],
    reset: [
        "The connection was cut before an answer",
        "A proxy or the service closed it. Look for crashes and for idle timeouts shorter than ours.",
    ],
    tls: ["The TLS handshake failed", "Check the certificate: its host name, its expiry, and that the chain is complete."],
    timeout: [
        "No complete answer within the timeout",
        "Answer 200 first and do the work afterwards, or raise the webhook's timeout (20 s at most).",
    ],
    http_status: [
        "The endpoint answered with an error",
        "The answer below says what the endpoint thinks is wrong. Only 2xx counts as delivered.",
    ],
    redirect: [
        "The endpoint answered with a redirect",
        "Redirects are not followed. Put the final address into the webhook's URL.",
    ],
    blocked_target: ["The address is not allowed", "The name resolves to a private or reserved address. Use a public one."],
    protocol: [
        "The answer was not valid HTTP",
        "Check that the URL's scheme and port belong together, and what is in front of the service.",
    ],
    cancelled: ["It was cancelled", "The webhook was deleted or switched off before this attempt."],
};
// More of a TLS failure, where more is known.
const REASONS = {
    tls_pin_mismatch: "The endpoint's public key is none of the pinned ones. Pin the new key before the endpoint changes to it.",
    tls_untrusted:
        "The endpoint's certificate leads to no trusted authority. Send the whole chain, or give the webhook your own authority.",
    tls_expired: "The endpoint's certificate is not valid now. Renew it.",
    tls_wrong_name: "The endpoint's certificate is for another host name.",
    tls_client_certificate: "The endpoint wants a client certificate, or another one than the webhook has.",
    tls_version: "The endpoint speaks no version of TLS that the webhook allows.",
};
export const errorText = (error) => ERRORS[error]?.[0] ?? error;
export const errorAdvice = (error, reason) => REASONS[reason] ?? ERRORS[error]?.[1] ?? "";
