package process

import (
	"io"
	"os"
	"path/filepath"
	"sync"
)

// LogLimit bounds one log file; with its predecessor `.1` a log takes twice this. 8 MiB is about a day of a chatty API server.
const LogLimit = 8 << 20

// Log is a file that is moved aside to `.1` when it is full.
type Log struct {
	mu   sync.Mutex
	path string
	file *os.File
	size int64
}

// OpenLog opens a log for appending, and makes its folder.
func OpenLog(path string) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	log := &Log{path: path}
	return log, log.open()
}

func (l *Log) open() error {
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	l.file, l.size = file, info.Size()
	return nil
}

func (l *Log) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(data)) > LogLimit {
		l.file.Close()
		if err := os.Rename(l.path, l.path+".1"); err != nil {
			return 0, err
		}
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(data)
	l.size += int64(n)
	return n, err
}

// Close closes the file.
func (l *Log) Close() { l.file.Close() }

// Pipe returns the write end of a pipe whose other end is copied into the log until the last writer has gone. A full disk loses
// lines, and never blocks the process that writes.
func (l *Log) Pipe() (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		defer read.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := read.Read(buffer)
			if n > 0 {
				_, _ = l.Write(buffer[:n])
			}
			if err == io.EOF || err != nil {
				return
			}
		}
	}()
	return write, nil
}
