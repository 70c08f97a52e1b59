package oss

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"wdrip/sandbox/programs/internal/sealed"
)

const (
	// ticketFormat is what this program reads (src/backup/restore/ticket.ts).
	ticketFormat = 1
	// ticketLimit bounds a ticket, which has about a kilobyte.
	ticketLimit = 16 << 10
)

// Ticket lets a master fetch and open one backup's snapshot. It holds that snapshot's key: no error shows anything of it.
type Ticket struct {
	Format int `json:"format"`
	// Where the sealed object is; Endpoint as of Object.
	Region   string `json:"region"`
	Bucket   string `json:"bucket"`
	Endpoint string `json:"endpoint"`
	Key      string `json:"key"`
	// Query is the signature with which it may be read for a while, at whatever endpoint.
	Query string `json:"query"`
	// StoredBytes of the object, and PlainBytes that come out of it.
	StoredBytes int64 `json:"storedBytes"`
	PlainBytes  int64 `json:"plainBytes"`
	// StreamKey in hex, and Context as text: see sealed.Stream.
	StreamKey string `json:"streamKey"`
	Context   string `json:"context"`
}

// FetchSealed reads a ticket, fetches the sealed snapshot that it names, opens it and writes what comes out to `out`, whole and checked, or
// not at all. `ticket.SHA256` is that of the sealed snapshot, so that whoever replaces a ticket replaces no data. What fails is tried again
// until the context ends, with the ticket read anew: its signature may have run out. A damaged or missing snapshot (`*sealed.Damaged`) and
// a full disk end it. `report` hears of each failure.
func FetchSealed(ctx context.Context, client *http.Client, metadata string, ticket Object, out string, report func(error)) error {
	return persist(ctx, report, func(ctx context.Context) error {
		read, err := readTicket(ctx, client, metadata, ticket)
		if err != nil {
			return err
		}
		object := Object{Endpoint: read.Endpoint, Region: read.Region, Bucket: read.Bucket, Key: read.Key}
		key, err := hex.DecodeString(read.StreamKey)
		if err != nil {
			return fmt.Errorf("%s: its key is not in hex", ticket.name())
		}
		response, err := askSigned(ctx, client, object, read.Query)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		stream := sealed.Stream{Key: key, Context: []byte(read.Context)}
		facts := sealed.Facts{StoredBytes: read.StoredBytes, PlainBytes: read.PlainBytes, StoredSHA256: ticket.SHA256}
		if err := write(out, func(file io.Writer) error { return sealed.Open(response.Body, stream, facts, file) }); err != nil {
			return fmt.Errorf("%s: %w", object.name(), err)
		}
		return nil
	})
}

// readTicket says nothing of what it could not read: that may be the key.
func readTicket(ctx context.Context, client *http.Client, metadata string, ticket Object) (Ticket, error) {
	var read Ticket
	body, err := ticket.get(ctx, client, metadata)
	if err != nil {
		return read, err
	}
	defer body.Close()
	if json.NewDecoder(io.LimitReader(body, ticketLimit)).Decode(&read) != nil || read.Format != ticketFormat {
		return read, fmt.Errorf("%s: it is no ticket of format %d", ticket.name(), ticketFormat)
	}
	return read, nil
}

func askSigned(ctx context.Context, client *http.Client, object Object, query string) (*http.Response, error) {
	address, err := object.url()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: its signature can't stand in a URL", object.name())
	}
	response, err := ask(client, request, object.name())
	var answer *refused
	if errors.As(err, &answer) && answer.code == "NoSuchKey" {
		// A ticket is written after its object.
		return nil, fmt.Errorf("%s: %w", object.name(), &sealed.Damaged{How: "it is gone"})
	}
	return response, err
}
