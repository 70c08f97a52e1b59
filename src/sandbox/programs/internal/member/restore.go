package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/cindex"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

const (
	// sectorBytes divide a database; the hash that etcd appends to a snapshot is what is over.
	sectorBytes = 512
	hashBytes   = 32
	// A new cluster's first entry makes its only member one.
	firstIndex, firstTerm = 1, 1
)

// Founding says what becomes of a snapshot: the only member of a new cluster.
type Founding struct {
	DataDir, Name, PeerURL string
	// Token is fresh for each: the ids come from it, so that no member of the old cluster can talk to what comes of it.
	Token string
	// BumpRevision is added to the newest revision, and everything before is compacted: no client sees a revision twice, and watches that
	// were open are begun anew. 0: revisions stay as they are.
	BumpRevision int64
}

// Database is where the snapshot must be, and stays: it becomes the member's own database.
func (f Founding) Database() string { return filepath.Join(f.DataDir, "member/snap/db") }

// Prepare makes the folders. An error if anything is there.
func (f Founding) Prepare() error {
	if f.Name == "" || f.PeerURL == "" || f.Token == "" || f.BumpRevision < 0 {
		return errors.New("a name, a peer URL, a token and a bump of at least 0 are needed")
	}
	if entries, err := os.ReadDir(f.DataDir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", f.DataDir)
	}
	return os.MkdirAll(filepath.Dir(f.Database()), 0o700)
}

// Found does what `etcdutl snapshot restore` does, but writes into the snapshot's file itself and opens it once, where that copies it and
// opens it four times, reading all of it each time. The same etcd libraries do the work. Whole only once it has returned nil.
func Found(f Founding) (err error) {
	// They panic on what can't be.
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%v", caught)
		}
	}()
	log := zap.NewNop()
	members, err := types.NewURLsMap(f.Name + "=" + f.PeerURL)
	if err != nil {
		return err
	}
	cluster, err := membership.NewClusterFromURLsMap(log, f.Token, members)
	if err != nil {
		return err
	}
	if err := withoutHash(f.Database()); err != nil {
		return err
	}
	newest, err := readDatabase(f.Database())
	if err != nil {
		return err
	}
	database := backend.NewDefaultBackend(log, f.Database())
	defer func() { err = errors.Join(err, database.Close()) }()
	if err := readable(database); err != nil {
		return err
	}
	saved := schema.NewMembershipBackend(log, database)
	if err := saved.TrimMembershipFromBackend(); err != nil {
		return err
	}
	cluster.SetBackend(saved)
	member := cluster.MemberByName(f.Name)
	cluster.AddMember(member, membership.ApplyBoth)
	if f.BumpRevision > 0 {
		bump(database.BatchTx(), newest.Revision+f.BumpRevision)
	}
	cindex.UpdateConsistentIndexForce(database.BatchTx(), firstIndex, firstTerm)
	return beginLog(log, f.DataDir, cluster, member)
}

// withoutHash cuts off what etcd has appended: whoever fetched the snapshot has checked all of it.
func withoutHash(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size()%sectorBytes != hashBytes {
		return nil
	}
	return os.Truncate(path, info.Size()-hashBytes)
}

// readable refuses what a newer etcd wrote. Before 3.6 none said which it was.
func readable(database backend.Backend) error {
	of, own := schema.ReadStorageVersion(database.ReadTx()), semver.New(version.Version)
	if of == nil || of.Major < own.Major || of.Major == own.Major && of.Minor <= own.Minor {
		return nil
	}
	return fmt.Errorf("it is of etcd %d.%d, and this program reads what %d.%d wrote: install a newer one", of.Major, of.Minor, own.Major, own.Minor)
}

// bump writes an empty value at that revision, and has everything before compacted at etcd's start.
func bump(tx backend.BatchTx, revision int64) {
	tx.LockOutsideApply()
	defer tx.Unlock()
	key := mvcc.RevToBytes(mvcc.Revision{Main: revision}, mvcc.NewRevBytes())
	tx.UnsafePut(schema.Key, key, []byte{})
	mvcc.UnsafeSetScheduledCompact(tx, revision)
}

// beginLog writes a log of one entry, in which the member joins, and the snapshot of raft that has it.
func beginLog(log *zap.Logger, dataDir string, cluster *membership.RaftCluster, member *membership.Member) (err error) {
	id := uint64(member.ID)
	who := etcdserverpb.Metadata{NodeID: id, ClusterID: uint64(cluster.ID())}
	metadata, err := who.Marshal()
	if err != nil {
		return err
	}
	context, err := json.Marshal(member)
	if err != nil {
		return err
	}
	joins := raftpb.ConfChange{Type: raftpb.ConfChangeAddNode, NodeID: id, Context: context}
	data, err := joins.Marshal()
	if err != nil {
		return err
	}
	writer, err := wal.Create(log, filepath.Join(dataDir, "member/wal"), metadata)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	entry := raftpb.Entry{Type: raftpb.EntryConfChange, Term: firstTerm, Index: firstIndex, Data: data}
	state := raftpb.HardState{Term: firstTerm, Vote: id, Commit: firstIndex}
	if err := writer.Save(state, []raftpb.Entry{entry}); err != nil {
		return err
	}
	voters := raftpb.ConfState{Voters: []uint64{id}}
	first := raftpb.Snapshot{
		Data:     etcdserver.GetMembershipInfoInV2Format(log, cluster),
		Metadata: raftpb.SnapshotMetadata{Index: firstIndex, Term: firstTerm, ConfState: voters},
	}
	if err := snap.New(log, filepath.Join(dataDir, "member/snap")).SaveSnap(first); err != nil {
		return err
	}
	return writer.SaveSnapshot(walpb.Snapshot{Index: firstIndex, Term: firstTerm, ConfState: &voters})
}
