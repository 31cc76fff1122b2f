import hashlib
import hmac
import time

TOLERANCE_S = 300  # older deliveries are refused: somebody may have recorded them


def verify(secret: str, headers, raw_body: bytes, now: float | None = None) -> bool:
    """secret: as it was shown, with its whsec_; headers: a mapping that ignores case; raw_body: the bytes as they came."""
    timestamp = headers.get("X-TrueFTP-Timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_S:
        return False
    signed = timestamp.encode() + b"." + raw_body
    expected = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    # While a secret is rotated, the previous one signs too.
    given = (headers.get("X-TrueFTP-Signature", ""), headers.get("X-TrueFTP-Signature-Previous", ""))
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)
