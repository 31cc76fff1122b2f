import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
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
        String id = header.apply("webhook-id");
        String timestamp = header.apply("webhook-timestamp");
        String signatures = header.apply("webhook-signature");
        if (id == null || signatures == null || timestamp == null || !timestamp.matches("[0-9]{1,15}")
                || Math.abs(nowSeconds - Long.parseLong(timestamp)) > TOLERANCE_S) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")), "HmacSHA256"));
        mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(rawBody)))
                .getBytes(StandardCharsets.UTF_8);
        // While a secret is rotated, there are two signatures, with a space between them.
        for (String signature : signatures.split(" ")) {
            if (MessageDigest.isEqual(expected, signature.getBytes(StandardCharsets.UTF_8))) {
                return true;
            }
        }
        return false;
    }
}
