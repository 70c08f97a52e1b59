package ready

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// limit is far more than what any of the gate's own waits add up to.
const limit = 20 * time.Second

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestThePortIsOpenWhileItIsReady(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusInternalServerError)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	etcd, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	isOpen := func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err == nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Gate(ctx, address, server.URL+"/readyz", etcd.Addr().String(), ca, func(string) {}) }()

	if isOpen() {
		t.Error("open before it is ready")
	}
	status.Store(http.StatusOK)
	await(t, "open when ready", isOpen)
	status.Store(http.StatusInternalServerError)
	await(t, "closed when not ready", func() bool { return !isOpen() })
	status.Store(http.StatusOK)
	await(t, "open again", isOpen)
	// What it needs is gone, whatever it says itself.
	etcd.Close()
	await(t, "closed without etcd", func() bool { return !isOpen() })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
