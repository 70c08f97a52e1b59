package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Info is one process as /proc shows it. Zombies are left out: they are as good as gone.
type Info struct {
	Pid, Parent, Session int
}

// List reads /proc.
func List() []Info {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer directory.Close()
	names, _ := directory.Readdirnames(-1)
	var all []Info
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", name, "stat"))
		if err != nil {
			continue
		}
		// pid (comm) state ppid pgrp session …; comm may hold anything, so count from its last bracket.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		session, _ := strconv.Atoi(fields[3])
		all = append(all, Info{pid, parent, session})
	}
	return all
}

// Descendants of a process, without itself.
func Descendants(all []Info, root int) []int {
	return grow(all, map[int]bool{root: true}, root)
}

// grow adds the children of what is in the set until nothing is new.
func grow(all []Info, set map[int]bool, except int) []int {
	for added := true; added; {
		added = false
		for _, p := range all {
			if !set[p.Pid] && set[p.Parent] {
				set[p.Pid] = true
				added = true
			}
		}
	}
	var pids []int
	for _, p := range all {
		if set[p.Pid] && p.Pid != except {
			pids = append(pids, p.Pid)
		}
	}
	return pids
}

// Marked finds the processes that belong to a unit, which is what a control group would say: those of its sessions, those that carry
// its marker in their environment (as `NAME=value`), and what descends from either. Only descendants of `root` are looked at.
func Marked(root int, sessions map[int]bool, marker string) []int {
	all := List()
	below := map[int]bool{}
	for _, pid := range Descendants(all, root) {
		below[pid] = true
	}
	set := map[int]bool{}
	for _, p := range all {
		if below[p.Pid] && (sessions[p.Session] || HasMarker(p.Pid, marker)) {
			set[p.Pid] = true
		}
	}
	return grow(all, set, root)
}

// HasMarker says whether the process was started with `NAME=value` in its environment.
func HasMarker(pid int, marker string) bool {
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	return bytes.HasPrefix(environ, []byte(marker+"\x00")) || bytes.Contains(environ, []byte("\x00"+marker+"\x00"))
}

// KillAll kills every descendant, again and again until none is left: a process may fork while it is being killed.
// False if some are left after `limit`, such as those that the kernel can't end.
func (i *Init) KillAll(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); ; {
		if i.Alone() {
			return true
		}
		for _, pid := range Descendants(List(), os.Getpid()) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
}
