// Package agent runs scripts on an instance for Cloud Assistant, over a unix socket: a line of JSON in, two out.
package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// requestLimit bounds a request: Cloud Assistant takes scripts of 24 KB, as JSON at most six times that.
	requestLimit = 256 << 10
	// outputLimit bounds what is kept of a script's output; Cloud Assistant itself keeps 24 KB.
	outputLimit = 64 << 10
	// requestPatience bounds the wait for a request after the connection.
	requestPatience = 10 * time.Second
	// drainPatience bounds the wait for output that a surviving background process keeps open after the script's end.
	drainPatience = 200 * time.Millisecond
	// Concurrent is how many scripts may run at once; further callers wait. Cloud Assistant has no figure; this keeps a loop from flooding.
	Concurrent = 16
	// A busy script file is tried again this often: fork to exec takes well under a millisecond.
	busyTries = 50
	busyPause = 2 * time.Millisecond
	// cannotExecute is the shell's exit status for what can't be run at all.
	cannotExecute = 126
)

// Request is a script to run with `sh`, or by its own `#!`.
type Request struct {
	Script    string `json:"script"`
	TimeoutMs int64  `json:"timeoutMs"`
}

// Ack is the first line of an answer: the agent lives and has understood.
type Ack struct {
	Accepted bool `json:"accepted"`
}

// Result is the second line.
type Result struct {
	// Outcome is exited or timedOut.
	Outcome  string `json:"outcome"`
	ExitCode int    `json:"exitCode"`
	Output   string `json:"output"`
}

// Serve answers on the listener until it is closed.
func Serve(listener net.Listener) {
	slots := make(chan struct{}, Concurrent)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			defer connection.Close()
			answer(connection)
		}()
	}
}

func answer(connection net.Conn) {
	_ = connection.SetReadDeadline(time.Now().Add(requestPatience))
	line, err := bufio.NewReader(io.LimitReader(connection, requestLimit)).ReadBytes('\n')
	var request Request
	if err != nil || json.Unmarshal(line, &request) != nil {
		return
	}
	out := json.NewEncoder(connection)
	if out.Encode(Ack{true}) == nil {
		_ = out.Encode(Run(request))
	}
}

// Run runs the script, and kills its whole process group at the time-out (TerminationMode=ProcessTree).
func Run(request Request) Result {
	path, err := writeScript(request.Script)
	if err != nil {
		return Result{Outcome: "exited", ExitCode: cannotExecute, Output: err.Error()}
	}
	defer os.Remove(path)
	output := &bounded{}
	command, err := start(path, request.Script, output)
	if err != nil {
		return Result{Outcome: "exited", ExitCode: cannotExecute, Output: err.Error()}
	}
	timedOut := make(chan struct{})
	timer := time.AfterFunc(time.Duration(request.TimeoutMs)*time.Millisecond, func() {
		close(timedOut)
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	})
	err = command.Wait()
	if !timer.Stop() {
		<-timedOut
		return Result{Outcome: "timedOut", Output: output.String()}
	}
	code := command.ProcessState.ExitCode()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) && code == 0 {
		code = cannotExecute
	}
	return Result{Outcome: "exited", ExitCode: code, Output: output.String()}
}

func start(path, script string, output io.Writer) (*exec.Cmd, error) {
	for try := 0; ; try++ {
		command := exec.Command("/bin/sh", path)
		if strings.HasPrefix(script, "#!") {
			command = exec.Command(path)
		}
		command.Stdout, command.Stderr = output, output
		command.Dir = os.Getenv("WDRIP_ROOT")
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		// A background process that keeps the pipe open must not keep the answer.
		command.WaitDelay = drainPatience
		err := command.Start()
		// The file is busy while a child forked for another script, before its exec, still holds it open.
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries {
			return command, err
		}
		time.Sleep(busyPause)
	}
}

func writeScript(text string) (string, error) {
	file, err := os.CreateTemp(filepath.Join(os.Getenv("WDRIP_ROOT"), "tmp"), "script-*")
	if err != nil {
		return "", err
	}
	defer file.Close()
	if err := file.Chmod(0o700); err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return file.Name(), err
}

// bounded keeps the first outputLimit bytes and counts on quietly.
type bounded struct {
	kept bytes.Buffer
}

func (b *bounded) Write(data []byte) (int, error) {
	if room := outputLimit - b.kept.Len(); room > 0 {
		b.kept.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}

func (b *bounded) String() string { return b.kept.String() }
