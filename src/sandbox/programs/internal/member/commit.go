package member

import (
	"fmt"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
)

// CommitAll counts everything in the log as agreed. A member that goes on alone would discard what it has not heard to be agreed
// (etcd's --force-new-cluster): but a write is acknowledged as soon as a quorum has it in its logs, up to a heartbeat before the
// followers hear of that, and the members that did may be the lost ones. What was never acknowledged may come with it, as after any
// request without an answer. etcd must not run. Doing it again changes nothing.
func CommitAll(dataDir string) (err error) {
	// The log's own checks panic on what can't be.
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%v", caught)
		}
	}()
	log := zap.NewNop()
	folder := filepath.Join(dataDir, "member/wal")
	known, err := wal.ValidSnapshotEntries(log, folder)
	if err != nil {
		return err
	}
	var from walpb.Snapshot
	newest, err := snap.New(log, filepath.Join(dataDir, "member/snap")).LoadNewestAvailable(known)
	switch {
	case err == nil:
		from = walpb.Snapshot{Index: newest.Metadata.Index, Term: newest.Metadata.Term, ConfState: &newest.Metadata.ConfState}
	case err != snap.ErrNoSnapshot:
		return err
	}
	writer, err := wal.Open(log, folder, from)
	if err != nil {
		return err
	}
	defer writer.Close()
	_, state, entries, err := writer.ReadAll()
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	last := entries[len(entries)-1]
	if state.Commit >= last.Index {
		return nil
	}
	state.Commit = last.Index
	// Saved with the entry itself, which the log then has twice: a state alone would not be written through to the disk.
	return writer.Save(state, entries[len(entries)-1:])
}
