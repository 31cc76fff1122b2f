using System;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

/// <summary>Whether a delivery is from TrueFTP. .NET 6 or newer.</summary>
public static class TrueFtpWebhook
{
    private const long ToleranceSeconds = 300; // older deliveries are refused: somebody may have recorded them

    /// <param name="secret">As it was shown, with its whsec_.</param>
    /// <param name="header">Gives a header's value or null, as name => request.Headers[name].</param>
    /// <param name="rawBody">The bytes as they came.</param>
    public static bool Verify(string secret, Func<string, string?> header, byte[] rawBody, long? nowSeconds = null)
    {
        var id = header("webhook-id") ?? "";
        var timestamp = header("webhook-timestamp") ?? "";
        var now = nowSeconds ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        if (!long.TryParse(timestamp, out var seconds) || Math.Abs(now - seconds) > ToleranceSeconds)
            return false;
        var key = Convert.FromBase64String(secret.StartsWith("whsec_") ? secret[6..] : secret);
        var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(rawBody).ToArray();
        var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed)));
        // While a secret is rotated, there are two signatures, with a space between them.
        return (header("webhook-signature") ?? "").Split(' ')
            .Any(signature => CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(signature)));
    }
}
