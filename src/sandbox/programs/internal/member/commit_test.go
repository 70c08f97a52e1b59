package member

import (
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// writeLog writes a log of three entries, of which one was heard to be agreed.
func writeLog(t *testing.T, dir string) {
	if err := os.MkdirAll(filepath.Join(dir, "member/snap"), 0o700); err != nil {
		t.Fatal(err)
	}
	who := etcdserverpb.Metadata{NodeID: 1, ClusterID: 2}
	metadata, err := who.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	writer, err := wal.Create(zap.NewNop(), filepath.Join(dir, "member/wal"), metadata)
	if err != nil {
		t.Fatal(err)
	}
	entries := []raftpb.Entry{{Term: 2, Index: 1}, {Term: 2, Index: 2}, {Term: 3, Index: 3, Data: []byte("acknowledged")}}
	if err := writer.Save(raftpb.HardState{Term: 3, Vote: 1, Commit: 1}, entries); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCommitAllKeepsWhatWasNotHeardToBeAgreed(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir)
	for range 2 {
		if err := CommitAll(dir); err != nil {
			t.Fatal(err)
		}
		data := Inspect(dir)
		if data.Commit != 3 || data.Term != 3 || data.LastIndex != 3 || data.LastTerm != 3 {
			t.Fatalf("got %+v", data)
		}
	}
}
