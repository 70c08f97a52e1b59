package member

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const own = "https://10.0.0.3:2380"

func TestJoiningOnlyAsALearnerThatNeverRan(t *testing.T) {
	voter := listed{PeerURLs: []string{"https://10.0.0.1:2380"}, Name: "i-1"}
	for _, each := range []struct {
		name           string
		list           []listed
		members, wants string
	}{
		{"added", []listed{voter, {PeerURLs: []string{own}, IsLearner: true}}, "i-1=https://10.0.0.1:2380,i-3=" + own, ""},
		{"not added", []listed{voter}, "", "not added"},
		{"safety: a voter whose data is lost", []listed{voter, {PeerURLs: []string{own}, Name: "i-3"}}, "", "a voter of this address"},
		{"safety: a voter that never started", []listed{voter, {PeerURLs: []string{own}}}, "", "a voter of this address"},
		{"a learner that ran before", []listed{voter, {PeerURLs: []string{own}, IsLearner: true, Name: "i-3"}}, "", "has run before"},
	} {
		members, reason := Joining(each.list, "i-3", own)
		if members != each.members || (each.wants == "") != (reason == "") || !strings.Contains(reason, each.wants) {
			t.Errorf("%s: %q, %q", each.name, members, reason)
		}
	}
}

func settings(t *testing.T) Settings {
	folder := t.TempDir()
	return Settings{
		DataDir: filepath.Join(folder, "data"), Name: "i-3", PeerURL: own,
		FoundFile: filepath.Join(folder, "found"), ForceFile: filepath.Join(folder, "force"),
	}
}

func touch(t *testing.T, path string) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s Settings) []string {
	args, err := Begin(context.Background(), s, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return args
}

func TestANewClusterIsFoundedOnce(t *testing.T) {
	s := settings(t)
	touch(t, s.FoundFile)
	if args := begin(t, s); !slices.Contains(args, "--initial-cluster-state=new") {
		t.Errorf("args %q", args)
	}
	// The data is lost, or etcd never wrote any: it may not found another one. Without certificates it can't even ask.
	if args, err := Begin(context.Background(), s, func(string) {}); err == nil {
		t.Errorf("founded again: %q", args)
	}
}

func TestDataGoesOnAndIsForcedOnce(t *testing.T) {
	s := settings(t)
	writeLog(t, s.DataDir)
	touch(t, s.ForceFile)
	touch(t, s.FoundFile)
	if args := begin(t, s); !slices.Contains(args, "--force-new-cluster") || slices.Contains(args, "--initial-cluster-state=new") {
		t.Errorf("args %q", args)
	}
	if _, err := os.Stat(s.FoundFile); err == nil {
		t.Error("it could found another cluster once its data is lost")
	}
	if args := begin(t, s); slices.Contains(args, "--force-new-cluster") || !slices.Contains(args, "--initial-cluster-state=existing") {
		t.Errorf("args %q", args)
	}
}

func TestInspectOfNothingAndOfRubbish(t *testing.T) {
	s := settings(t)
	if data := Inspect(s.DataDir); data.Exists || data.Broken != "" {
		t.Errorf("nothing: %+v", data)
	}
	touch(t, filepath.Join(s.DataDir, "member/wal/0000000000000000-0000000000000000.wal"))
	if data := Inspect(s.DataDir); !data.Exists || !strings.HasPrefix(data.Broken, "write-ahead log: ") {
		t.Errorf("rubbish: %+v", data)
	}
}
