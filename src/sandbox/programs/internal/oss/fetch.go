package oss

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	// objectLimit bounds what is fetched: a bundle has some kilobytes, a snapshot at most twice the 8 GiB that etcd advises as the most.
	objectLimit = 16 << 30
	// copyBytes are hashed and written at a time: no less than a decompressor gives, so that it goes on meanwhile.
	copyBytes = 256 << 10
	// windowLimit bounds the memory of a decompression; the frames of a backup have a MiB at most.
	windowLimit = 8 << 20
	// errorLimit bounds how much of an error's body is read.
	errorLimit = 16 << 10
	// attemptLimit bounds one attempt.
	attemptLimit = 10 * time.Minute
	// The pause between attempts doubles from the first to the last.
	firstPause, lastPause = 500 * time.Millisecond, 10 * time.Second
)

// Object names what to fetch and what it must be.
type Object struct {
	// Endpoint is a URL; empty for the region's own inside the cloud's network.
	Endpoint string
	// Region without `oss-`.
	Region, Bucket, Key string
	// SHA256 of the content, lower-case hex.
	SHA256 string
	// Zstd: it is stored as zstd frames; the content is what they decompress to.
	Zstd bool
}

// NewClient is an HTTP client that goes through no proxy: both services are inside the cloud's network.
func NewClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second,
	}}
}

// Fetch writes the object to `out`, whole and checked, or not at all. Everything that fails is tried again until the context ends: a role
// may not be attached yet, an object not be there yet. `report` hears of each failure.
func Fetch(ctx context.Context, client *http.Client, metadata string, object Object, out string, report func(error)) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := attempt(ctx, client, metadata, object, out)
		if err == nil {
			return nil
		}
		report(err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", err)
		case <-time.After(pause):
		}
	}
}

func attempt(ctx context.Context, client *http.Client, metadata string, object Object, out string) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	credentials, err := RoleCredentials(ctx, client, metadata)
	if err != nil {
		return err
	}
	address, err := object.url()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	Sign(request, credentials, object.Region, object.Bucket, object.Key, time.Now())
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	name := fmt.Sprintf("oss://%s/%s", object.Bucket, object.Key)
	if response.StatusCode != http.StatusOK {
		// Of the body only the code: it may repeat what was signed.
		var answer struct{ Code string }
		body, _ := io.ReadAll(io.LimitReader(response.Body, errorLimit))
		_ = xml.Unmarshal(body, &answer)
		return fmt.Errorf("%s: status %d %s", name, response.StatusCode, answer.Code)
	}
	if !object.Zstd {
		return write(out, response.Body, object.SHA256, name)
	}
	content := decompressed(response.Body)
	defer content.Close()
	return write(out, content, object.SHA256, name)
}

// decompressed is read beside its decompression: of two cores, one hashes and writes what the other has just made. Close it to end that.
func decompressed(stored io.Reader) *io.PipeReader {
	content, into := io.Pipe()
	go func() {
		decoder, err := zstd.NewReader(stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowLimit))
		if err == nil {
			_, err = decoder.WriteTo(into)
			decoder.Close()
		}
		into.CloseWithError(err)
	}()
	return content
}

// url is virtual-hosted, as Alibaba Cloud wants it, and path-style where the host is an address or localhost.
func (o Object) url() (string, error) {
	endpoint := o.Endpoint
	if endpoint == "" {
		endpoint = "https://oss-" + o.Region + "-internal.aliyuncs.com"
	}
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" {
		return "", fmt.Errorf("endpoint %q is not a URL", endpoint)
	}
	if _, err := netip.ParseAddr(base.Hostname()); err == nil || base.Hostname() == "localhost" {
		return base.Scheme + "://" + base.Host + EscapePath("/"+o.Bucket+"/"+o.Key), nil
	}
	return base.Scheme + "://" + o.Bucket + "." + base.Host + EscapePath("/"+o.Key), nil
}

// write makes the file appear at once, with nobody else allowed to read it. It need not outlive a power failure: whoever fetched it uses it
// up at once, and fetches again when begun anew. To wait for the disk took a second for each GiB.
func write(out string, body io.Reader, want, name string) error {
	file, err := os.CreateTemp(filepath.Dir(out), ".fetch-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	hash := sha256.New()
	size, err := io.CopyBuffer(io.MultiWriter(file, hash), io.LimitReader(body, objectLimit+1), make([]byte, copyBytes))
	if err != nil {
		return fmt.Errorf("%s: after %d bytes: %w", name, size, err)
	}
	if size > objectLimit {
		return fmt.Errorf("%s: has more than %d bytes", name, objectLimit)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s: its SHA-256 is %s, and should be %s", name, got, want)
	}
	return os.Rename(file.Name(), out)
}
