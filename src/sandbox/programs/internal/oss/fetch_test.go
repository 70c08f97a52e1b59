package oss

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const content = "the bundle"

// world is a metadata service and an object store in one.
func world(t *testing.T, failures int, body string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-aliyun-ecs-metadata-token")
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, "t0ken")
		case strings.HasPrefix(r.URL.Path, "/latest/") && token != "t0ken":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/latest/meta-data/ram/security-credentials/":
			fmt.Fprint(w, "worker")
		case r.URL.Path == "/latest/meta-data/ram/security-credentials/worker":
			fmt.Fprint(w, `{"Code":"Success","AccessKeyId":"STS.1","AccessKeySecret":"hush","SecurityToken":"st"}`)
		case failures > 0:
			failures--
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code><StringToSign>hush</StringToSign></Error>")
		case r.URL.Path == "/boot/a/b" && strings.Contains(r.Header.Get("Authorization"), "Credential=STS.1/"):
			fmt.Fprint(w, body)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func fetch(t *testing.T, server *httptest.Server, limit time.Duration) (string, []string, error) {
	hash := sha256.Sum256([]byte(content))
	out := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var heard []string
	object := Object{server.URL, "cn-hangzhou", "boot", "a/b", hex.EncodeToString(hash[:])}
	err := Fetch(ctx, NewClient(), server.URL, object, out, func(err error) { heard = append(heard, err.Error()) })
	return out, heard, err
}

func TestFetchTriesAgainAndWritesTheChecked(t *testing.T) {
	out, heard, err := fetch(t, world(t, 1, content), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(out); string(got) != content {
		t.Errorf("got %q", got)
	}
	if len(heard) != 1 || !strings.Contains(heard[0], "status 403 AccessDenied") || strings.Contains(heard[0], "hush") {
		t.Errorf("heard %q", heard)
	}
	if info, _ := os.Stat(out); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestFetchLeavesNothingOfAWrongObject(t *testing.T) {
	out, _, err := fetch(t, world(t, 0, content+"!"), 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("err %v", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestURL(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                             "https://boot.oss-cn-hangzhou-internal.aliyuncs.com/a%20b",
		"http://127.0.0.1:9000":        "http://127.0.0.1:9000/boot/a%20b",
		"http://localhost:9000":        "http://localhost:9000/boot/a%20b",
		"https://oss.example.com:8443": "https://boot.oss.example.com:8443/a%20b",
	} {
		got, err := Object{Endpoint: endpoint, Region: "cn-hangzhou", Bucket: "boot", Key: "a b"}.url()
		if err != nil || got != want {
			t.Errorf("%q: %s %v", endpoint, got, err)
		}
	}
	if _, err := (Object{Endpoint: "nonsense"}).url(); err == nil {
		t.Error("nonsense was taken")
	}
}
