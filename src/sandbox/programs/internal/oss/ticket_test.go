package oss

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"wdrip/sandbox/programs/internal/sealed"
)

const (
	snapshot = "what etcd gave"
	secret   = "0707070707070707070707070707070707070707070707070707070707070707"
	about    = "wdrip backup 1/backup 1 of c/snapshot"
)

// sealedSnapshot is the snapshot in one frame.
func sealedSnapshot(t *testing.T) []byte {
	key, _ := hex.DecodeString(secret)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := aead.Seal(nil, []byte{11: 1}, encoder.EncodeAll([]byte(snapshot), nil), []byte(about))
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// scene is what a master finds: the ticket that it may read by its role, and the sealed object that the ticket's signature opens.
type scene struct {
	t      *testing.T
	server *httptest.Server
	ticket Ticket
	// right is what was sealed, stored what is there now: nil for nothing.
	right, stored []byte
	// query is what the storage takes by now.
	query string
	// downloads so far; before is called in each.
	downloads int
	before    func()
}

func sceneOf(t *testing.T) *scene {
	s := &scene{t: t, right: sealedSnapshot(t), query: "x-oss-signature=good", before: func() {}}
	s.stored = s.right
	role := world(t, 0, "")
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/boot/ticket" && strings.Contains(r.Header.Get("Authorization"), "Credential=STS.1/"):
			_ = json.NewEncoder(w).Encode(s.ticket)
		case r.URL.Path == "/backups/sealed":
			s.downloads++
			s.before()
			switch {
			case r.Header.Get("Authorization") != "" || r.URL.RawQuery != s.query:
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Request has expired.</Message></Error>")
			case s.stored == nil:
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
			default:
				_, _ = w.Write(s.stored)
			}
		default:
			role.Config.Handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.server.Close)
	s.ticket = Ticket{
		Format: 1, Region: "cn-hangzhou", Bucket: "backups", Endpoint: s.server.URL, Key: "sealed", Query: s.query,
		StoredBytes: int64(len(s.right)), PlainBytes: int64(len(snapshot)), StreamKey: secret, Context: about,
	}
	return s
}

// fetch gives the folder that it was to fetch into, and everything that was said.
func (s *scene) fetch(limit time.Duration) (string, string, error) {
	hash := sha256.Sum256(s.right)
	folder := s.t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var heard strings.Builder
	object := Object{s.server.URL, "cn-hangzhou", "boot", "ticket", hex.EncodeToString(hash[:])}
	err := FetchSealed(ctx, NewClient(), s.server.URL, object, filepath.Join(folder, "out"), func(err error) {
		fmt.Fprintln(&heard, err)
	})
	return folder, heard.String(), err
}

func (s *scene) mustLeaveNothing(name, folder, heard string) {
	if entries, _ := os.ReadDir(folder); len(entries) != 0 {
		s.t.Errorf("%s: left %v", name, entries)
	}
	if strings.Contains(heard, secret) || strings.Contains(heard, "x-oss-signature") {
		s.t.Errorf("%s: a secret was told: %s", name, heard)
	}
}

func TestATicketOpensItsSnapshot(t *testing.T) {
	s := sceneOf(t)
	folder, _, err := s.fetch(30 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(folder, "out")); string(got) != snapshot {
		t.Errorf("got %q", got)
	}
	if info, _ := os.Stat(filepath.Join(folder, "out")); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestADamagedSnapshotEndsItAtOnce(t *testing.T) {
	for name, spoil := range map[string]func(s *scene){
		"flipped": func(s *scene) { s.stored = bytes.Clone(s.right); s.stored[len(s.stored)/2] ^= 4 },
		"cut off": func(s *scene) { s.stored = s.right[:len(s.right)-3] },
		"empty":   func(s *scene) { s.stored = []byte{} },
		"more":    func(s *scene) { s.stored = append(bytes.Clone(s.right), 'x') },
		"gone":    func(s *scene) { s.stored = nil },
		// Somebody who may write tickets, and has another backup's key.
		"another's": func(s *scene) { s.ticket.StreamKey = strings.Repeat("08", 32) },
	} {
		s := sceneOf(t)
		spoil(s)
		folder, heard, err := s.fetch(30 * time.Second)
		if !sealed.IsDamaged(err) || !strings.Contains(err.Error(), "oss://backups/sealed") {
			t.Errorf("%s: %v", name, err)
		}
		if s.downloads != mostDamage {
			t.Errorf("%s: fetched %d times", name, s.downloads)
		}
		s.mustLeaveNothing(name, folder, heard)
	}
}

func TestDamageOnItsWayIsFetchedAgain(t *testing.T) {
	s := sceneOf(t)
	s.before = func() {
		s.stored = s.right
		if s.downloads == 1 {
			s.stored = s.right[:10]
		}
	}
	if _, _, err := s.fetch(30 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestARefusedSignatureIsNoDamage(t *testing.T) {
	s := sceneOf(t)
	s.query = "x-oss-signature=later"
	folder, heard, err := s.fetch(100 * time.Millisecond)
	if err == nil || sealed.IsDamaged(err) || !strings.Contains(heard, "status 403 AccessDenied") {
		t.Errorf("%v: %s", err, heard)
	}
	s.mustLeaveNothing("refused", folder, heard)
}

func TestANewTicketIsTakenUp(t *testing.T) {
	s := sceneOf(t)
	s.query = "x-oss-signature=later"
	s.before = func() { s.ticket.Query = s.query }
	if _, heard, err := s.fetch(30 * time.Second); err != nil {
		t.Errorf("%v: %s", err, heard)
	}
}

func TestAConnectionThatBreaksIsNoDamage(t *testing.T) {
	s := sceneOf(t)
	s.before = func() {
		if s.downloads == 1 {
			panic(http.ErrAbortHandler)
		}
	}
	if _, heard, err := s.fetch(30 * time.Second); err != nil || strings.Contains(heard, "x-oss-signature") {
		t.Errorf("%v: %s", err, heard)
	}
}

func TestNoTicketIsNoSnapshot(t *testing.T) {
	s := sceneOf(t)
	s.ticket.Format = 2
	folder, heard, err := s.fetch(100 * time.Millisecond)
	if err == nil || sealed.IsDamaged(err) || s.downloads != 0 {
		t.Errorf("%v", err)
	}
	s.mustLeaveNothing("no ticket", folder, heard)
}

func TestAFullDiskEndsItAtOnce(t *testing.T) {
	tries := 0
	err := persist(context.Background(), func(error) {}, func(context.Context) error {
		tries++
		return fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "out", Err: syscall.ENOSPC})
	})
	if !errors.Is(err, syscall.ENOSPC) || tries != 1 {
		t.Errorf("%d tries: %v", tries, err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no disk that is full")
	}
	defer full.Close()
	right := sealedSnapshot(t)
	hash := sha256.Sum256(right)
	key, _ := hex.DecodeString(secret)
	facts := sealed.Facts{StoredBytes: int64(len(right)), PlainBytes: int64(len(snapshot)), StoredSHA256: hex.EncodeToString(hash[:])}
	if err := sealed.Open(bytes.NewReader(right), sealed.Stream{Key: key, Context: []byte(about)}, facts, full); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}
