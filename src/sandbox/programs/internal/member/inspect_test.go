package member

import (
	"os"
	"path/filepath"
	"testing"
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
