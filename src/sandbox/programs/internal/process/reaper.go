// Package process starts, reaps and kills processes as the init of one instance: whatever is started here, and whatever that starts,
// stays below this process until it is dead.
package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const prSetChildSubreaper = 36

// A busy program file is tried again this often: fork to exec takes well under a millisecond.
const (
	busyTries = 50
	busyPause = 2 * time.Millisecond
)

// Child is a process that was started here.
type Child struct {
	Pid int
	// Done is closed when it has been reaped; Status is valid from then on.
	Done   chan struct{}
	Status syscall.WaitStatus
}

// Init starts children and reaps them, and every orphan among their descendants.
type Init struct {
	mu       sync.Mutex
	children map[int]*Child
	requests chan request
	// arrived wakes the reaper when there is a child to wait for.
	arrived *sync.Cond
	// empty is true when this process has no child at all: nothing that was ever started below it lives.
	empty bool
}

type request struct {
	path   string
	argv   []string
	attr   *syscall.ProcAttr
	answer chan started
}

type started struct {
	child *Child
	err   error
}

// NewInit makes this process the subreaper of its descendants. Call it once, before anything is started.
func NewInit() (*Init, error) {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return nil, fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", errno)
	}
	i := &Init{children: map[int]*Child{}, requests: make(chan request), empty: true}
	i.arrived = sync.NewCond(&i.mu)
	go i.spawnLoop()
	go i.reapLoop()
	return i, nil
}

// Start runs a program in a session of its own, killed by the kernel if this process dies. `files` are its stdin, stdout and stderr.
func (i *Init) Start(path string, argv, environment []string, directory string, files [3]*os.File) (*Child, error) {
	attr := &syscall.ProcAttr{
		Dir:   directory,
		Env:   environment,
		Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	answer := make(chan started)
	i.requests <- request{path, argv, attr, answer}
	result := <-answer
	runtime.KeepAlive(files)
	return result.child, result.err
}

// spawnLoop forks from one thread that never ends: Pdeathsig is about the parent's thread, not its process.
func (i *Init) spawnLoop() {
	runtime.LockOSThread()
	for r := range i.requests {
		i.mu.Lock()
		pid, err := syscall.ForkExec(r.path, r.argv, r.attr)
		// A script that was just written is busy while another child, between its fork and its exec, holds the file open.
		for try := 0; errors.Is(err, syscall.ETXTBSY) && try < busyTries; try++ {
			time.Sleep(busyPause)
			pid, err = syscall.ForkExec(r.path, r.argv, r.attr)
		}
		var child *Child
		if err == nil {
			child = &Child{Pid: pid, Done: make(chan struct{})}
			i.children[pid] = child
			i.empty = false
			i.arrived.Signal()
		} else {
			err = fmt.Errorf("exec %s: %w", r.path, err)
		}
		i.mu.Unlock()
		r.answer <- started{child, err}
	}
}

func (i *Init) reapLoop() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		i.mu.Lock()
		switch {
		case err == nil:
			if child := i.children[pid]; child != nil {
				delete(i.children, pid)
				child.Status = status
				close(child.Done)
			}
		case errors.Is(err, syscall.ECHILD):
			// A child may have been started between the answer and the lock: it is in the map then.
			for len(i.children) == 0 {
				i.empty = true
				i.arrived.Wait()
			}
		}
		i.mu.Unlock()
	}
}

// Alone says whether no descendant is left, zombies included.
func (i *Init) Alone() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.empty
}

// Describe says how a process ended, in systemd's words.
func Describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("code=killed, signal=%d", status.Signal())
	}
	return fmt.Sprintf("code=exited, status=%d", status.ExitStatus())
}
