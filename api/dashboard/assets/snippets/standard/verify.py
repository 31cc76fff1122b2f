import base64
import hashlib
import hmac
import time

TOLERANCE_S = 300  # older deliveries are refused: somebody may have recorded them


def verify(secret: str, headers, raw_body: bytes, now: float | None = None) -> bool:
    """secret: as it was shown, with its whsec_; headers: a mapping that ignores case; raw_body: the bytes as they came."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + raw_body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is rotated, there are two signatures, with a space between them.
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)
