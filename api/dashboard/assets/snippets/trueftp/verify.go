package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

const tolerance = 5 * time.Minute // older deliveries are refused: somebody may have recorded them

// Verify tells whether a delivery is from TrueFTP. secret: as it was shown, with its whsec_; rawBody: the bytes as they came.
func Verify(secret string, headers http.Header, rawBody []byte, now time.Time) bool {
	timestamp := headers.Get("X-TrueFTP-Timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(rawBody)
	expected := []byte("sha256=" + hex.EncodeToString(mac.Sum(nil)))
	// While a secret is rotated, the previous one signs too.
	return hmac.Equal(expected, []byte(headers.Get("X-TrueFTP-Signature"))) ||
		hmac.Equal(expected, []byte(headers.Get("X-TrueFTP-Signature-Previous")))
}
