require "openssl"

TOLERANCE_S = 300 # older deliveries are refused: somebody may have recorded them

# secret: as it was shown, with its whsec_; headers: names in lower case; raw_body: the bytes as they came.
def verify(secret, headers, raw_body, now: Time.now.to_i)
  timestamp = headers["x-trueftp-timestamp"].to_s
  return false unless timestamp.match?(/\A[0-9]+\z/) && (now - timestamp.to_i).abs <= TOLERANCE_S

  expected = "sha256=" + OpenSSL::HMAC.hexdigest("SHA256", secret, "#{timestamp}.".b + raw_body.b)
  # While a secret is rotated, the previous one signs too.
  given = [headers["x-trueftp-signature"], headers["x-trueftp-signature-previous"]]
  given.any? { |signature| OpenSSL.secure_compare(expected, signature.to_s) }
end
