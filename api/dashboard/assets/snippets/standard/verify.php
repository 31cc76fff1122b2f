<?php

const TOLERANCE_S = 300; // older deliveries are refused: somebody may have recorded them

/**
 * $secret: as it was shown, with its whsec_; $headers: names in lower case, as
 * array_change_key_case(getallheaders()) gives them; $rawBody: file_get_contents('php://input').
 */
function verify(string $secret, array $headers, string $rawBody, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if (!ctype_digit($timestamp) || abs(($now ?? time()) - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$rawBody", $key, true));
    // While a secret is rotated, there are two signatures, with a space between them.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}
