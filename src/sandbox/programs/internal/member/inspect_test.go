package member

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
)

func TestADamagedDatabaseIsToldAndDoesNotEndTheProgram(t *testing.T) {
	whole := oldSnapshot(t)
	whole = whole[:len(whole)-hashBytes]
	page := os.Getpagesize()
	path := filepath.Join(t.TempDir(), "db")
	for at := page; at < len(whole); at += page {
		must(t, os.WriteFile(path, whole[:at], 0o600))
		if _, err := readDatabase(path); err == nil {
			t.Errorf("what was cut off after %d of %d bytes was read", at, len(whole))
		}
		scribbled := append([]byte{}, whole...)
		for spoilt := at; spoilt < at+page; spoilt++ {
			scribbled[spoilt] ^= 0x55
		}
		must(t, os.WriteFile(path, scribbled, 0o600))
		// Read or not: a page that nothing needs may be spoilt.
		_, _ = readDatabase(path)
	}
}

func TestDataThatEtcdFoundCorruptIsTold(t *testing.T) {
	f := founding(t, 0)
	must(t, found(t, f, oldSnapshot(t)))
	own, err := strconv.ParseUint(Inspect(f.DataDir).MemberID, 16, 64)
	must(t, err)
	raise := func(id uint64, kind etcdserverpb.AlarmType) {
		database := backend.NewDefaultBackend(zap.NewNop(), f.Database())
		alarms := schema.NewAlarmBackend(zap.NewNop(), database)
		alarms.CreateAlarmBucket()
		alarms.MustPutAlarm(&etcdserverpb.AlarmMember{MemberID: id, Alarm: kind})
		must(t, database.Close())
	}
	raise(own, etcdserverpb.AlarmType_NOSPACE)
	raise(own+1, etcdserverpb.AlarmType_CORRUPT)
	if data := Inspect(f.DataDir); data.Broken != "" || data.Corrupt {
		t.Errorf("another's alarm, and another alarm: got %+v", data)
	}
	raise(own, etcdserverpb.AlarmType_CORRUPT)
	if data := Inspect(f.DataDir); !data.Corrupt {
		t.Errorf("its own: got %+v", data)
	}
}
