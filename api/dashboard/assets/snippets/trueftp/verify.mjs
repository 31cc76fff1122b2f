import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_S = 300; // older deliveries are refused: somebody may have recorded them

function equal(a, b) {
    const x = Buffer.from(a);
    const y = Buffer.from(b);
    return x.length === y.length && timingSafeEqual(x, y);
}

/** secret: as it was shown, with its whsec_; headers: request.headers; rawBody: a Buffer with the bytes as they came. */
export function verify(secret, headers, rawBody, now = Date.now() / 1000) {
    const timestamp = headers["x-trueftp-timestamp"] ?? "";
    if (!/^[0-9]+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_S) return false;
    const expected = "sha256=" + createHmac("sha256", secret).update(`${timestamp}.`).update(rawBody).digest("hex");
    // While a secret is rotated, the previous one signs too.
    const given = [headers["x-trueftp-signature"], headers["x-trueftp-signature-previous"]];
    return given.some((signature) => equal(expected, signature ?? ""));
}
