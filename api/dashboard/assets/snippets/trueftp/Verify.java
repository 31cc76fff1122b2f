import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.function.UnaryOperator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Whether a delivery is from TrueFTP. Java 17 or newer. */
final class Verify {
    private static final long TOLERANCE_S = 300; // older deliveries are refused: somebody may have recorded them

    /**
     * secret: as it was shown, with its whsec_; header: gives a header's value or null, as
     * request::getHeader; rawBody: the bytes as they came.
     */
    static boolean verify(String secret, UnaryOperator<String> header, byte[] rawBody, long nowSeconds)
            throws GeneralSecurityException {
        String timestamp = header.apply("X-TrueFTP-Timestamp");
        if (timestamp == null || !timestamp.matches("[0-9]{1,15}")
                || Math.abs(nowSeconds - Long.parseLong(timestamp)) > TOLERANCE_S) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        mac.update((timestamp + ".").getBytes(StandardCharsets.UTF_8));
        String expected = "sha256=" + HexFormat.of().formatHex(mac.doFinal(rawBody));
        // While a secret is rotated, the previous one signs too.
        return equal(expected, header.apply("X-TrueFTP-Signature"))
                || equal(expected, header.apply("X-TrueFTP-Signature-Previous"));
    }

    private static boolean equal(String expected, String given) {
        return given != null && MessageDigest.isEqual(
                expected.getBytes(StandardCharsets.UTF_8), given.getBytes(StandardCharsets.UTF_8));
    }
}
