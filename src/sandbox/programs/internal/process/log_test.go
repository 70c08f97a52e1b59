package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALogIsMovedAsideWhenItIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log/x.log")
	log, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1<<20)
	for range 3 * LogLimit >> 20 {
		if _, err := log.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	log.Close()
	// Opened again it goes on where it was.
	if log, err = OpenLog(path); err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, _ = log.Write(line)
	var total int64
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() > LogLimit {
			t.Errorf("%s: %v %v", name, info, err)
			continue
		}
		total += info.Size()
	}
	if total <= LogLimit {
		t.Errorf("only %d bytes are kept", total)
	}
}
