package member

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coreos/go-semver/semver"
	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
)

// snapshotRevision is the newest of oldSnapshot's, at which its key was removed.
const snapshotRevision = 5

// oldSnapshot is what etcd gives as one, with its hash: of a cluster of two members that had three.
func oldSnapshot(t *testing.T) []byte { return snapshotOf(t, "3.6.0") }

func snapshotOf(t *testing.T, etcd string) []byte {
	log := zap.NewNop()
	database := backend.NewDefaultBackend(log, filepath.Join(t.TempDir(), "db"))
	schema.CreateMetaBucket(database.BatchTx())
	schema.UnsafeSetStorageVersion(database.BatchTx(), semver.New(etcd))
	members := schema.NewMembershipBackend(log, database)
	members.MustCreateBackendBuckets()
	for id := range 3 {
		old := membership.Member{Attributes: membership.Attributes{Name: fmt.Sprint("old", id)}}
		old.ID = types.ID(id + 1)
		members.MustSaveMemberToBackend(&old)
	}
	members.MustDeleteMemberFromBackend(3)
	store := mvcc.NewStore(log, database, &lease.FakeLessor{}, mvcc.StoreConfig{})
	for value := range 3 {
		store.Put([]byte("/registry/a"), []byte{byte(value)}, lease.NoLease)
	}
	store.DeleteRange([]byte("/registry/a"), nil)
	store.Commit()
	var content bytes.Buffer
	hash := sha256.New()
	given := database.Snapshot()
	_, err := given.WriteTo(io.MultiWriter(&content, hash))
	must(t, err)
	must(t, given.Close())
	must(t, store.Close())
	must(t, database.Close())
	return hash.Sum(content.Bytes())
}

func founding(t *testing.T, bumpBy int64) Founding {
	return Founding{
		DataDir: filepath.Join(t.TempDir(), "data"), Name: "m0", PeerURL: "https://10.0.0.1:2380", Token: "demo-a1", BumpRevision: bumpBy,
	}
}

// found makes a data directory out of these bytes.
func found(t *testing.T, f Founding, content []byte) error {
	must(t, f.Prepare())
	must(t, os.WriteFile(f.Database(), content, 0o600))
	return Found(f)
}

// everything that a data directory says: each key of each bucket, the log, and raft's snapshot.
func everything(t *testing.T, dataDir string) map[string]any {
	all := map[string]any{}
	db, err := bolt.Open(filepath.Join(dataDir, "member/snap/db"), 0o400, &bolt.Options{ReadOnly: true})
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			all[string(name)] = "a bucket"
			return bucket.ForEach(func(key, value []byte) error {
				all[fmt.Sprintf("%s %x", name, key)] = string(value)
				return nil
			})
		})
	}))
	first, err := snap.New(zap.NewNop(), filepath.Join(dataDir, "member/snap")).Load()
	must(t, err)
	all["raft's snapshot"] = *first
	known, err := wal.ValidSnapshotEntries(zap.NewNop(), filepath.Join(dataDir, "member/wal"))
	must(t, err)
	all["the log's snapshots"] = known
	reader, err := wal.OpenForRead(zap.NewNop(), filepath.Join(dataDir, "member/wal"), walpb.Snapshot{})
	must(t, err)
	defer reader.Close()
	metadata, state, entries, err := reader.ReadAll()
	must(t, err)
	all["the log"] = []any{metadata, state, entries}
	return all
}

func TestFoundMakesWhatEtcdutlMakes(t *testing.T) {
	content := oldSnapshot(t)
	path := filepath.Join(t.TempDir(), "snapshot.db")
	must(t, os.WriteFile(path, content, 0o600))
	for _, bumpBy := range []int64{0, 1_000_000_000} {
		f := founding(t, bumpBy)
		must(t, found(t, f, content))
		theirs := filepath.Join(t.TempDir(), "theirs")
		must(t, snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
			SnapshotPath: path, OutputDataDir: theirs, Name: f.Name, PeerURLs: []string{f.PeerURL},
			InitialCluster: f.Name + "=" + f.PeerURL, InitialClusterToken: f.Token,
			RevisionBump: uint64(bumpBy), MarkCompacted: bumpBy > 0,
		}))
		got, want := everything(t, f.DataDir), everything(t, theirs)
		for name := range want {
			if !reflect.DeepEqual(got[name], want[name]) {
				t.Errorf("bump %d: %s: got %v, and etcdutl %v", bumpBy, name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("bump %d: got %d things, and etcdutl %d", bumpBy, len(got), len(want))
		}
		data := Inspect(f.DataDir)
		if data.Broken != "" || data.Database == nil || data.Database.Revision != snapshotRevision+bumpBy {
			t.Errorf("bump %d: got %+v", bumpBy, data)
		}
	}
}

func TestTheOldMembersAndTheOldIdsAreGone(t *testing.T) {
	ids := map[string]bool{}
	for _, token := range []string{"demo-a1", "demo-a2"} {
		f := founding(t, 0)
		f.Token = token
		must(t, found(t, f, oldSnapshot(t)))
		ids[Inspect(f.DataDir).ClusterID] = true
		for name, value := range everything(t, f.DataDir) {
			if text, is := value.(string); is && strings.Contains(text, "old") {
				t.Errorf("%s is still there", name)
			}
		}
	}
	if len(ids) != 2 {
		t.Errorf("two restores have the ids %v", ids)
	}
}

func TestWhatIsNoSnapshotIsAnError(t *testing.T) {
	whole := oldSnapshot(t)
	for name, content := range map[string][]byte{
		"nothing": {}, "a few bytes": []byte("no snapshot"), "zeros": make([]byte, 64<<10), "its beginning": whole[:8<<10],
		"other text": bytes.Repeat([]byte("x"), 64<<10),
	} {
		if err := found(t, founding(t, 1), content); err == nil {
			t.Errorf("%s was restored", name)
		}
	}
}

// Safety 57.
func TestWhatANewerEtcdWroteIsRefused(t *testing.T) {
	for _, etcd := range []string{"3.7.0", "4.0.0"} {
		err := found(t, founding(t, 1), snapshotOf(t, etcd))
		if err == nil || !strings.Contains(err.Error(), "install a newer one") {
			t.Errorf("%s: got %v", etcd, err)
		}
	}
}

func TestNothingIsWrittenOverAndNothingIsMissing(t *testing.T) {
	f := founding(t, 0)
	must(t, f.Prepare())
	if err := f.Prepare(); err == nil {
		t.Error("a folder with something in it was taken")
	}
	for _, f := range []Founding{{}, {DataDir: t.TempDir(), Name: "m", PeerURL: "http://x:1", Token: "t", BumpRevision: -1}} {
		if err := f.Prepare(); err == nil {
			t.Errorf("%+v was taken", f)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
