#!/bin/sh
# Exits with 0 when a delivery is from TrueFTP. The body comes on standard input, byte for byte; the rest from the environment:
# WEBHOOK_SECRET as it was shown, and the headers as ID (webhook-id), TIMESTAMP (webhook-timestamp), SIGNATURE (webhook-signature).
set -eu

now=${NOW:-$(date +%s)}
case $TIMESTAMP in '' | *[!0-9]*) exit 1 ;; esac
age=$((now - TIMESTAMP))
# Older deliveries are refused: somebody may have recorded them.
[ "$age" -le 300 ] && [ "$age" -ge -300 ] || exit 1

key=$(printf '%s' "${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
expected="v1,$({ printf '%s.%s.' "$ID" "$TIMESTAMP"; cat; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)"
# While a secret is rotated, there are two signatures, with a space between them.
for given in $SIGNATURE; do
    [ "$given" != "$expected" ] || exit 0
done
exit 1
