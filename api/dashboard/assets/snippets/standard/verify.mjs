import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_S = 300; // older deliveries are refused: somebody may have recorded them

function equal(a, b) {
    const x = Buffer.from(a);
    const y = Buffer.from(b);
    return x.length === y.length && timingSafeEqual(x, y);
}

/** secret: as it was shown, with its whsec_; headers: request.headers; rawBody: a Buffer with the bytes as they came. */
export function verify(secret, headers, rawBody, now = Date.now() / 1000) {
    const id = headers["webhook-id"] ?? "";
    const timestamp = headers["webhook-timestamp"] ?? "";
    if (!/^[0-9]+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_S) return false;
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const expected = "v1," + createHmac("sha256", key).update(`${id}.${timestamp}.`).update(rawBody).digest("base64");
    // While a secret is rotated, there are two signatures, with a space between them.
    return (headers["webhook-signature"] ?? "").split(" ").some((signature) => equal(expected, signature));
}
