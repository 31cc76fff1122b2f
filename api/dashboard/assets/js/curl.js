// The request of a delivery as a shell script that signs it anew: a signature is as old as its timestamp, so a copied one would be refused.

/** In single quotes, for any POSIX shell. */
export function quoted(text) {
    return `'${String(text).replaceAll("'", "'\\''")}'`;
}

const TRUEFTP = [
    `signature=$(printf '%s.%s' "$timestamp" "$body" | openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -hex | sed 's/^.* //')`,
];
const STANDARD = [
    `key=$(printf '%s' "\${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \\n')`,
    `standard=$(printf '%s.%s.%s' "$id" "$timestamp" "$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)`,
];
// Those that are made anew, and those that curl makes.
const MADE = new Set([
    "x-trueftp-timestamp",
    "x-trueftp-signature",
    "x-trueftp-signature-previous",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-length",
    "host",
]);

/** webhook: url, signature; delivery: delivery_id, body, request_headers, attempt. The secret comes from WEBHOOK_SECRET. */
export function curlScript(webhook, delivery) {
    const trueftp = webhook.signature !== "standard";
    const standard = webhook.signature !== "trueftp";
    const plain = Object.entries(delivery.request_headers).filter(([name]) => !MADE.has(name.toLowerCase()));
    const headers = [
        ...plain.filter(([, value]) => value !== null).map(([name, value]) => quoted(`${name}: ${value}`)),
        ...(trueftp ? [`"X-TrueFTP-Timestamp: $timestamp"`, `"X-TrueFTP-Signature: sha256=$signature"`] : []),
        ...(standard ? [`"webhook-id: $id"`, `"webhook-timestamp: $timestamp"`, `"webhook-signature: v1,$standard"`] : []),
    ];
    const withheld = plain.filter(([, value]) => value === null).map(([name]) => name);
    return [
        `# export WEBHOOK_SECRET='whsec_…' first`,
        ...(withheld.length ? [`# without ${withheld.join(", ")}: not shown to this key`] : []),
        `id=${quoted(delivery.delivery_id)}`,
        `body=${quoted(delivery.body)}`,
        `timestamp=$(date +%s)`,
        ...(trueftp ? TRUEFTP : []),
        ...(standard ? STANDARD : []),
        `curl -i -X POST ${quoted(webhook.url)} \\`,
        ...headers.map((line) => `  -H ${line} \\`),
        `  --data-binary "$body"`,
        ``,
    ].join("\n");
}
