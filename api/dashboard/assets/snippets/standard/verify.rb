require "openssl"

TOLERANCE_S = 300 # older deliveries are refused: somebody may have recorded them

# secret: as it was shown, with its whsec_; headers: names in lower case; raw_body: the bytes as they came.
def verify(secret, headers, raw_body, now: Time.now.to_i)
  id = headers["webhook-id"].to_s
  timestamp = headers["webhook-timestamp"].to_s
  return false unless timestamp.match?(/\A[0-9]+\z/) && (now - timestamp.to_i).abs <= TOLERANCE_S

  key = secret.delete_prefix("whsec_").unpack1("m")
  mac = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + raw_body.b)
  expected = "v1," + [mac].pack("m0")
  # While a secret is rotated, there are two signatures, with a space between them.
  headers["webhook-signature"].to_s.split(" ").any? { |signature| OpenSSL.secure_compare(expected, signature) }
end
