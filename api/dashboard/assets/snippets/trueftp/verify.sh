#!/bin/sh
# Exits with 0 when a delivery is from TrueFTP. The body comes on standard input, byte for byte; the rest from the environment:
# WEBHOOK_SECRET as it was shown, and the headers as TIMESTAMP (X-TrueFTP-Timestamp), SIGNATURE (X-TrueFTP-Signature) and, while a
# secret is rotated, SIGNATURE_PREVIOUS (X-TrueFTP-Signature-Previous).
set -eu

now=${NOW:-$(date +%s)}
case $TIMESTAMP in '' | *[!0-9]*) exit 1 ;; esac
age=$((now - TIMESTAMP))
# Older deliveries are refused: somebody may have recorded them.
[ "$age" -le 300 ] && [ "$age" -ge -300 ] || exit 1

hash=$({ printf '%s.' "$TIMESTAMP"; cat; } | openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -hex | sed 's/^.* //')
[ "$SIGNATURE" = "sha256=$hash" ] || [ "${SIGNATURE_PREVIOUS:-}" = "sha256=$hash" ]
