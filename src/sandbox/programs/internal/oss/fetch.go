package oss

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"wdrip/sandbox/programs/internal/sealed"
)

const (
	// objectLimit bounds what is fetched by itself: a bundle has some kilobytes.
	objectLimit = 1 << 30
	// errorLimit bounds how much of an error's body is read.
	errorLimit = 16 << 10
	// attemptLimit bounds one attempt.
	attemptLimit = 10 * time.Minute
	// mostDamage is how often something is found damaged before that is told: once it may have been on its way.
	mostDamage = 2
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
}

// Fetcher is Fetch or FetchSealed.
type Fetcher func(ctx context.Context, client *http.Client, metadata string, object Object, out string, report func(error)) error

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
	return persist(ctx, report, func(ctx context.Context) error {
		body, err := object.get(ctx, client, metadata)
		if err != nil {
			return err
		}
		defer body.Close()
		return write(out, func(file io.Writer) error { return copyChecked(file, body, object) })
	})
}

// persist tries until the context ends. No later attempt makes what is stored whole, or room on the disk: that ends it.
func persist(ctx context.Context, report func(error), attempt func(context.Context) error) error {
	damage := 0
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := limited(ctx, attempt)
		if err == nil {
			return nil
		}
		report(err)
		if sealed.IsDamaged(err) {
			damage++
		}
		if damage == mostDamage || errors.Is(err, syscall.ENOSPC) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", err)
		case <-time.After(pause):
		}
	}
}

func limited(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	return attempt(ctx)
}

// get begins to read the object with the credentials of the instance's role.
func (o Object) get(ctx context.Context, client *http.Client, metadata string) (io.ReadCloser, error) {
	credentials, err := RoleCredentials(ctx, client, metadata)
	if err != nil {
		return nil, err
	}
	address, err := o.url()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	Sign(request, credentials, o.Region, o.Bucket, o.Key, time.Now())
	response, err := ask(client, request, o.name())
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// ask makes a request whose answer is 200. Its errors repeat neither the query nor the answer's text: both may hold what was signed.
func ask(client *http.Client, request *http.Request, name string) (*http.Response, error) {
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var answer struct{ Code string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, errorLimit))
	_ = xml.Unmarshal(body, &answer)
	return nil, &refused{name, response.StatusCode, answer.Code}
}

// refused is an answer that is not 200.
type refused struct {
	name   string
	status int
	code   string
}

func (r *refused) Error() string { return fmt.Sprintf("%s: status %d %s", r.name, r.status, r.code) }

func (o Object) name() string { return "oss://" + o.Bucket + "/" + o.Key }

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
func write(out string, fill func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(out), ".fetch-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := fill(file); err != nil {
		return err
	}
	return os.Rename(file.Name(), out)
}

func copyChecked(file io.Writer, body io.Reader, object Object) error {
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, hash), io.LimitReader(body, objectLimit+1))
	if err != nil {
		return fmt.Errorf("%s: after %d bytes: %w", object.name(), size, err)
	}
	if size > objectLimit {
		return fmt.Errorf("%s: has more than %d bytes", object.name(), objectLimit)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != object.SHA256 {
		return fmt.Errorf("%s: its SHA-256 is %s, and should be %s", object.name(), got, object.SHA256)
	}
	return nil
}
