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
        var timestamp = header("X-TrueFTP-Timestamp") ?? "";
        var now = nowSeconds ?? DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        if (!long.TryParse(timestamp, out var seconds) || Math.Abs(now - seconds) > ToleranceSeconds)
            return false;
        var signed = Encoding.UTF8.GetBytes(timestamp + ".").Concat(rawBody).ToArray();
        var mac = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed);
        var expected = "sha256=" + Convert.ToHexString(mac).ToLowerInvariant();
        // While a secret is rotated, the previous one signs too.
        return Equal(expected, header("X-TrueFTP-Signature")) || Equal(expected, header("X-TrueFTP-Signature-Previous"));
    }

    private static bool Equal(string expected, string? given) =>
        given != null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(given));
}
