<?php

const TOLERANCE_S = 300; // older deliveries are refused: somebody may have recorded them

/**
 * $secret: as it was shown, with its whsec_; $headers: names in lower case, as
 * array_change_key_case(getallheaders()) gives them; $rawBody: file_get_contents('php://input').
 */
function verify(string $secret, array $headers, string $rawBody, ?int $now = null): bool
{
    $timestamp = $headers['x-trueftp-timestamp'] ?? '';
    if (!ctype_digit($timestamp) || abs(($now ?? time()) - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $expected = 'sha256=' . hash_hmac('sha256', $timestamp . '.' . $rawBody, $secret);
    // While a secret is rotated, the previous one signs too.
    return hash_equals($expected, $headers['x-trueftp-signature'] ?? '')
        || hash_equals($expected, $headers['x-trueftp-signature-previous'] ?? '');
}
