// Package oss fetches an object from Alibaba Cloud's object storage with the credentials of an instance's role, and nothing else.
package oss

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials of a role, as the metadata service gives them.
type Credentials struct {
	AccessKeyID, AccessKeySecret, SecurityToken string
}

const (
	algorithm = "OSS4-HMAC-SHA256"
	// unsigned is the only payload hash that OSS takes.
	unsigned = "UNSIGNED-PAYLOAD"
)

// Sign puts OSS's signature V4 on a request without a query. `region` is without its `oss-`. The canonical URI is /bucket/key whatever
// the request's own path is.
func Sign(request *http.Request, credentials Credentials, region, bucket, key string, at time.Time) {
	stamp := at.UTC().Format("20060102T150405Z")
	request.Header.Set("x-oss-date", stamp)
	request.Header.Set("x-oss-content-sha256", unsigned)
	if credentials.SecurityToken != "" {
		request.Header.Set("x-oss-security-token", credentials.SecurityToken)
	}
	var lines []string
	for name := range request.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-oss-") || lower == "content-type" || lower == "content-md5" {
			lines = append(lines, lower+":"+strings.TrimSpace(request.Header.Get(name))+"\n")
		}
	}
	slices.Sort(lines)
	canonical := strings.Join([]string{
		request.Method, EscapePath("/" + bucket + "/" + key), "", strings.Join(lines, ""), "", unsigned,
	}, "\n")
	scope := stamp[:8] + "/" + region + "/oss/aliyun_v4_request"
	hash := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{algorithm, stamp, scope, hex.EncodeToString(hash[:])}, "\n")
	signing := []byte("aliyun_v4" + credentials.AccessKeySecret)
	for _, part := range []string{stamp[:8], region, "oss", "aliyun_v4_request", toSign} {
		mac := hmac.New(sha256.New, signing)
		mac.Write([]byte(part))
		signing = mac.Sum(nil)
	}
	request.Header.Set("Authorization", algorithm+" Credential="+credentials.AccessKeyID+"/"+scope+",Signature="+hex.EncodeToString(signing))
}

// EscapePath percent-encodes every byte but RFC 3986's unreserved ones and the slash.
func EscapePath(path string) string {
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~/", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}
