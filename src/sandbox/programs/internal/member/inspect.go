package member

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"
)

// lockLimit is how long a database that is in use is waited for: an etcd that runs never lets go of it.
const lockLimit = 500 * time.Millisecond

// Database is what the key-value store's own file says.
type Database struct {
	Bytes int64 `json:"bytes"`
	// Revision is the newest that a key was written at.
	Revision int64 `json:"revision"`
	// ConsistentIndex is the raft index that it holds everything up to.
	ConsistentIndex uint64 `json:"consistentIndex"`
	// corrupt are the members that etcd has raised that alarm for.
	corrupt []uint64
}

// Data is what is known of a member's data directory. Ids are hexadecimal without leading zeros, as etcdctl prints them.
type Data struct {
	Exists   bool   `json:"exists"`
	MemberID string `json:"memberId"`
	// ClusterID: another one than the others have means another cluster, after a restore.
	ClusterID string `json:"clusterId"`
	// Term and Commit are raft's hard state; LastTerm and LastIndex are of the last entry, committed or not.
	Term      uint64 `json:"term"`
	Commit    uint64 `json:"commit"`
	LastTerm  uint64 `json:"lastTerm"`
	LastIndex uint64 `json:"lastIndex"`
	// Database is null if it is missing, broken, or in use.
	Database *Database `json:"database"`
	InUse    bool      `json:"inUse"`
	// Corrupt: etcd has found that its keys are not what the other members had. Known only if the database can be read.
	Corrupt bool `json:"corrupt"`
	// Broken says what can't be read. Empty: all of it can.
	Broken string `json:"broken"`
}

// Inspect reads a data directory without changing it. Only the log is read if an etcd is at work on it.
func Inspect(dataDir string) Data {
	data := Data{Exists: HasData(dataDir)}
	if !data.Exists {
		return data
	}
	if err := readLog(dataDir, &data); err != nil {
		data.Broken = "write-ahead log: " + err.Error()
	}
	database, err := readDatabase(filepath.Join(dataDir, "member/snap/db"))
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		data.InUse = true
	case err != nil && data.Broken == "":
		data.Broken = "database: " + err.Error()
	case err == nil:
		data.Database = database
		data.Corrupt = slices.ContainsFunc(database.corrupt, func(id uint64) bool { return fmt.Sprintf("%x", id) == data.MemberID })
	}
	return data
}

func readLog(dataDir string, data *Data) (err error) {
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
	case !errors.Is(err, snap.ErrNoSnapshot):
		return err
	}
	reader, err := wal.OpenForRead(log, folder, from)
	if err != nil {
		return err
	}
	defer reader.Close()
	metadata, state, entries, err := reader.ReadAll()
	if err != nil {
		return err
	}
	var who etcdserverpb.Metadata
	if err := who.Unmarshal(metadata); err != nil {
		return err
	}
	data.MemberID, data.ClusterID = fmt.Sprintf("%x", who.NodeID), fmt.Sprintf("%x", who.ClusterID)
	data.Term, data.Commit = state.Term, state.Commit
	data.LastTerm, data.LastIndex = from.Term, from.Index
	if len(entries) > 0 {
		last := entries[len(entries)-1]
		data.LastTerm, data.LastIndex = last.Term, last.Index
	}
	return nil
}

func readDatabase(path string) (database *Database, err error) {
	// A page that is none may name another that is beyond the file's end.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%v", caught)
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true, Timeout: lockLimit})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	database = &Database{Bytes: info.Size()}
	return database, db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("it was cut off: it has %d bytes of %d", info.Size(), tx.Size())
		}
		keys, meta := tx.Bucket([]byte("key")), tx.Bucket([]byte("meta"))
		if keys == nil || meta == nil {
			return errors.New("it lacks a bucket: it is no etcd database")
		}
		if last, _ := keys.Cursor().Last(); len(last) >= 8 {
			database.Revision = int64(binary.BigEndian.Uint64(last[:8]))
		}
		if index := meta.Get([]byte("consistent_index")); len(index) == 8 {
			database.ConsistentIndex = binary.BigEndian.Uint64(index)
		}
		alarms := tx.Bucket([]byte("alarm"))
		if alarms == nil {
			return nil
		}
		return alarms.ForEach(func(key, _ []byte) error {
			var raised etcdserverpb.AlarmMember
			if err := raised.Unmarshal(key); err != nil {
				return fmt.Errorf("an alarm: %w", err)
			}
			if raised.Alarm == etcdserverpb.AlarmType_CORRUPT {
				database.corrupt = append(database.corrupt, raised.MemberID)
			}
			return nil
		})
	})
}
