package oss

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The vectors come from ali-oss 6.23.0: getCanonicalRequest, getStringToSign and getSignatureV4 of its signUtils with these inputs.
func TestSignAgreesWithTheOfficialClient(t *testing.T) {
	for key, want := range map[string]string{
		"clusters/demo/bootstrap/worker/ab cd+ü~(1).tar.gz": "b96dec2274380ec782986ac4d79ea5f3aa66a5388af1c6f352eb3baa544d0788",
		"plain": "c9b7fc407d7011efbf2e22fc3b925c18a566674024c0cb84341d2abf602f0656",
	} {
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		credentials := Credentials{"id-A", "secret-K", "token/+=1"}
		Sign(request, credentials, "cn-hangzhou", "wdrip-boot", key, time.Date(2026, 11, 24, 13, 30, 0, 0, time.UTC))
		got := request.Header.Get("Authorization")
		if got != "OSS4-HMAC-SHA256 Credential=id-A/20261124/cn-hangzhou/oss/aliyun_v4_request,Signature="+want {
			t.Errorf("key %q: %s", key, got)
		}
		if strings.Contains(got, credentials.AccessKeySecret) {
			t.Errorf("the secret stands in the header")
		}
	}
}
