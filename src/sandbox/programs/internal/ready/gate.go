// Package ready opens a port while the API server of this node is ready, and closes it when it is not. A layer-4 load balancer can only
// see whether a port is open; an API server whose etcd is gone keeps its own open, and answers every request with an error.
package ready

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	// askEvery is half of the shortest interval of a load balancer's own health check (a second).
	askEvery = 500 * time.Millisecond
	// askLimit: an API server that takes longer to say that it is ready is not. Its own look at etcd takes two seconds at most.
	askLimit = 2 * time.Second
	// patience is how many questions in a row must fail before the port is closed: one may be lost on a busy machine.
	patience = 2
)

// Gate asks `url` again and again and keeps a listener on `address` open as long as the answer is 200. `needs` is the address of what it
// can't be ready without: if nothing listens there, that is certain at once. It returns when the context ends.
func Gate(ctx context.Context, address, url, needs, caFile string, say func(string)) error {
	authority, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s holds no certificate", caFile)
	}
	client := &http.Client{
		Timeout:   askLimit,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}
	var listener net.Listener
	shut := func() {
		if listener != nil {
			listener.Close()
			listener = nil
		}
	}
	defer shut()
	failures := 0
	for {
		err := canConnect(ctx, needs)
		if err != nil {
			failures = patience - 1
		} else {
			err = isReady(ctx, client, url)
		}
		switch {
		case err == nil && listener == nil:
			if listener, err = net.Listen("tcp", address); err != nil {
				return err
			}
			go accept(listener)
			say("ready: open")
			failures = 0
		case err == nil:
			failures = 0
		default:
			if failures++; failures >= patience && listener != nil {
				say("not ready: closed: " + err.Error())
				shut()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askEvery):
		}
	}
}

// canConnect fails only if the connection is refused: a slow answer is the other question's to judge.
func canConnect(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err == nil {
		return connection.Close()
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return nil
}

func isReady(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// accept takes connections and ends them: that one was made is all that is asked.
func accept(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		connection.Close()
	}
}
