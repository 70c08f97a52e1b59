package service

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"wdrip/sandbox/programs/internal/process"
	"wdrip/sandbox/programs/internal/unit"
)

// State is what `systemctl is-active` prints.
type State string

// The states of a unit.
const (
	Inactive     State = "inactive"
	Activating   State = "activating"
	Active       State = "active"
	Deactivating State = "deactivating"
	Failed       State = "failed"
)

// killPatience bounds the wait for processes to vanish after SIGKILL; the kernel needs milliseconds.
const killPatience = 10 * time.Second

// Service is one unit at run time.
type Service struct {
	manager *Manager
	name    string

	// job is held by whoever starts or stops the unit: one at a time.
	job sync.Mutex

	mu     sync.Mutex
	def    *unit.Unit
	state  State
	detail string
	main   *process.Child
	since  time.Time
	// generation changes with every start and stop, so that an old process's end or an old timer is told from the present one's.
	generation int
	// cancel ends the start under way, if there is one.
	cancel   chan struct{}
	starts   []time.Time
	sessions map[int]bool
	restarts int
}

// Snapshot is a service's state at one moment.
type Snapshot struct {
	Name     string
	Def      *unit.Unit
	State    State
	Detail   string
	MainPid  int
	Since    time.Time
	Restarts int
}

// Snapshot reads the state.
func (s *Service) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot := Snapshot{Name: s.name, Def: s.def, State: s.state, Detail: s.detail, Since: s.since, Restarts: s.restarts}
	if s.main != nil {
		snapshot.MainPid = s.main.Pid
	}
	return snapshot
}

func (s *Service) set(state State, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.detail, s.since = state, detail, time.Now()
}

// start brings the unit up. `automatic` is a start by the Restart= policy, which does not reset the count of restarts.
func (s *Service) start(def *unit.Unit, automatic bool) error {
	s.job.Lock()
	defer s.job.Unlock()
	s.mu.Lock()
	if s.state == Active {
		s.mu.Unlock()
		return nil
	}
	s.def = def
	s.generation++
	generation := s.generation
	cancel := make(chan struct{})
	s.cancel = cancel
	if !automatic {
		s.restarts = 0
	}
	if def.KillMode == "control-group" || def.KillMode == "mixed" {
		s.sessions = nil
	}
	limited := s.limitReached(def)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
	}()
	if limited {
		s.manager.logf("%s: start request repeated too quickly", s.name)
		s.set(Failed, "start-limit-hit")
		return fmt.Errorf("start of the service was attempted too often")
	}
	for _, condition := range def.ConditionPathExists {
		path, negated := strings.CutPrefix(condition, "!")
		if _, err := os.Stat(s.manager.disk.Path(path)); (err == nil) == negated {
			s.manager.logf("%s: skipped, ConditionPathExists=%s was not met", s.name, condition)
			s.set(Inactive, "condition")
			return nil
		}
	}
	s.set(Activating, "start")
	err := s.launch(def, generation, cancel)
	if err != nil {
		s.manager.logf("%s: failed to start: %v", s.name, err)
		s.killRest(syscall.SIGKILL, 0)
		s.afterEnd(def, generation, false, false, err.Error())
	}
	return err
}

// limitReached counts a start and says whether StartLimitBurst is exceeded. Called with mu held.
func (s *Service) limitReached(def *unit.Unit) bool {
	if def.StartLimitInterval <= 0 || def.StartLimitBurst <= 0 {
		return false
	}
	now := time.Now()
	s.starts = slices.DeleteFunc(s.starts, func(at time.Time) bool { return now.Sub(at) > def.StartLimitInterval })
	if len(s.starts) >= def.StartLimitBurst {
		return true
	}
	s.starts = append(s.starts, now)
	return false
}

func (s *Service) launch(def *unit.Unit, generation int, cancel chan struct{}) error {
	deadline := after(def.TimeoutStart)
	for _, command := range def.ExecStartPre {
		if err := s.runToEnd(def, command, "ExecStartPre", deadline, cancel); err != nil {
			return err
		}
	}
	if def.Type == "oneshot" {
		for _, command := range def.ExecStart {
			if err := s.runToEnd(def, command, "ExecStart", deadline, cancel); err != nil {
				return err
			}
		}
		if def.RemainAfterExit {
			s.set(Active, "exited")
		} else {
			s.set(Inactive, "dead")
		}
		return nil
	}
	child, err := s.spawn(def, def.ExecStart[0])
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.main = child
	s.mu.Unlock()
	for _, command := range def.ExecStartPost {
		if err := s.runToEnd(def, command, "ExecStartPost", deadline, cancel); err != nil {
			return err
		}
	}
	s.set(Active, "running")
	s.manager.logf("%s: started, pid %d", s.name, child.Pid)
	go func() {
		<-child.Done
		s.mainEnded(def, child, generation)
	}()
	return nil
}

// mainEnded is what happens when the main process ends by itself.
func (s *Service) mainEnded(def *unit.Unit, child *process.Child, generation int) {
	s.job.Lock()
	defer s.job.Unlock()
	s.mu.Lock()
	current := s.generation == generation
	s.mu.Unlock()
	if !current {
		return
	}
	s.manager.logf("%s: main process exited, %s", s.name, process.Describe(child.Status))
	s.set(Deactivating, "stop-sigterm")
	if def.KillMode != "process" && def.KillMode != "none" {
		s.killRest(def.KillSignal, def.TimeoutStop)
	}
	for _, command := range def.ExecStopPost {
		_ = s.runToEnd(def, command, "ExecStopPost", after(def.TimeoutStop), nil)
	}
	status := child.Status
	clean := status.Exited() && (status.ExitStatus() == 0 || slices.Contains(def.SuccessExitStatus, status.ExitStatus())) ||
		status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, status.Signal())
	s.afterEnd(def, generation, clean, status.Signaled(), process.Describe(status))
}

// afterEnd settles the state after an end that nobody asked for, and arms the restart. Called with job held.
func (s *Service) afterEnd(def *unit.Unit, generation int, clean, bySignal bool, why string) {
	s.mu.Lock()
	s.main = nil
	canceled := s.generation != generation
	s.mu.Unlock()
	if canceled {
		return
	}
	if def.ShouldRestart(clean, bySignal) {
		s.set(Activating, "auto-restart")
		time.AfterFunc(def.RestartSec, func() { s.manager.autoRestart(s, generation) })
		return
	}
	if clean {
		s.set(Inactive, "dead")
		return
	}
	s.set(Failed, why)
}

// stop brings the unit down. It interrupts a start under way, and a restart that waits for its time.
func (s *Service) stop() {
	s.mu.Lock()
	s.generation++
	if s.cancel != nil {
		close(s.cancel)
		s.cancel = nil
	}
	s.mu.Unlock()

	s.job.Lock()
	defer s.job.Unlock()
	s.mu.Lock()
	def, main, state := s.def, s.main, s.state
	s.generation++
	s.mu.Unlock()
	if def == nil || state == Inactive || state == Failed {
		return
	}
	s.set(Deactivating, "stop")
	if main != nil {
		for _, command := range def.ExecStop {
			_ = s.runToEnd(def, command, "ExecStop", after(def.TimeoutStop), nil)
		}
	}
	switch {
	case def.KillMode == "none":
	case def.KillMode == "process":
		s.killMain(main, def)
	default:
		s.killRest(def.KillSignal, def.TimeoutStop)
	}
	for _, command := range def.ExecStopPost {
		_ = s.runToEnd(def, command, "ExecStopPost", after(def.TimeoutStop), nil)
	}
	s.mu.Lock()
	s.main = nil
	s.sessions = nil
	s.mu.Unlock()
	s.set(Inactive, "dead")
	s.manager.logf("%s: stopped", s.name)
}

func (s *Service) killMain(main *process.Child, def *unit.Unit) {
	if main == nil {
		return
	}
	_ = syscall.Kill(main.Pid, def.KillSignal)
	select {
	case <-main.Done:
	case <-after(def.TimeoutStop):
		_ = syscall.Kill(main.Pid, syscall.SIGKILL)
	}
}

// members are the processes of the unit's whole tree.
func (s *Service) members() []int {
	s.mu.Lock()
	sessions := maps.Clone(s.sessions)
	s.mu.Unlock()
	return process.Marked(os.Getpid(), sessions, marker(s.name))
}

// killRest signals the unit's whole tree, waits, and kills what is left after `patience`.
func (s *Service) killRest(signal syscall.Signal, patience time.Duration) {
	members := s.members()
	for _, pid := range members {
		_ = syscall.Kill(pid, signal)
	}
	started := time.Now()
	killing := signal == syscall.SIGKILL
	for pause := time.Millisecond; len(members) > 0; members = s.members() {
		if !killing && time.Since(started) >= patience {
			s.manager.logf("%s: %d processes did not end within %v, killing", s.name, len(members), patience)
			killing, started = true, time.Now()
		}
		if killing {
			if time.Since(started) > killPatience {
				s.manager.logf("%s: processes %v can't be killed", s.name, members)
				return
			}
			for _, pid := range members {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// runToEnd runs one command of the unit and waits for it. A command with `-` never fails.
func (s *Service) runToEnd(def *unit.Unit, command unit.Command, what string, deadline <-chan time.Time, cancel chan struct{}) error {
	child, err := s.spawn(def, command)
	if err == nil {
		select {
		case <-child.Done:
			if status := child.Status; !status.Exited() || status.ExitStatus() != 0 {
				err = fmt.Errorf("%s=%s: %s", what, command.Words[0], process.Describe(status))
			}
		case <-deadline:
			_ = syscall.Kill(-child.Pid, syscall.SIGKILL)
			return fmt.Errorf("%s=%s: timed out", what, command.Words[0])
		case <-cancel:
			_ = syscall.Kill(-child.Pid, syscall.SIGKILL)
			return fmt.Errorf("%s=%s: canceled", what, command.Words[0])
		}
	}
	if command.IgnoreFailure {
		return nil
	}
	return err
}

func (s *Service) spawn(def *unit.Unit, command unit.Command) (*process.Child, error) {
	environment := maps.Clone(s.manager.environment)
	maps.Copy(environment, def.Environment)
	for _, file := range def.EnvironmentFiles {
		path, optional := strings.CutPrefix(file, "-")
		text, err := os.ReadFile(s.manager.disk.Path(expandRoot(path, s.manager.environment)))
		if err != nil && !optional {
			return nil, fmt.Errorf("EnvironmentFile=%s: %w", file, err)
		}
		unit.ParseEnvironmentFile(string(text), environment)
	}
	s.mu.Lock()
	if s.main != nil {
		environment["MAINPID"] = fmt.Sprint(s.main.Pid)
	}
	s.mu.Unlock()
	name, value, _ := strings.Cut(marker(s.name), "=")
	environment[name] = value
	words := command.Expand(environment)
	path, err := s.manager.disk.Resolve(words[0])
	if err != nil {
		return nil, err
	}
	directory := s.manager.disk.Root
	if def.WorkingDirectory != "" {
		wanted, optional := strings.CutPrefix(expandRoot(def.WorkingDirectory, environment), "-")
		directory = s.manager.disk.Path(wanted)
		if info, err := os.Stat(directory); err != nil || !info.IsDir() {
			if !optional {
				return nil, fmt.Errorf("WorkingDirectory=%s: no such folder", wanted)
			}
			directory = s.manager.disk.Root
		}
	}
	log, err := s.manager.log(s.name)
	if err != nil {
		return nil, err
	}
	output, err := log.Pipe()
	if err != nil {
		return nil, err
	}
	defer output.Close()
	child, err := s.manager.init.Start(path, words, Environ(environment), directory, [3]*os.File{s.manager.null, output, output})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.sessions == nil {
		s.sessions = map[int]bool{}
	}
	s.sessions[child.Pid] = true
	s.mu.Unlock()
	return child, nil
}

// Environ is the environment as execve takes it.
func Environ(environment map[string]string) []string {
	list := make([]string, 0, len(environment))
	for name, value := range environment {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// expandRoot: real systemd expands no variables in paths, so that units write them from the root; our own may begin with the disk.
func expandRoot(path string, environment map[string]string) string {
	return filepath.Clean(strings.ReplaceAll(path, "${WDRIP_ROOT}", environment["WDRIP_ROOT"]))
}

func marker(name string) string { return "WDRIP_UNIT=" + name }

// after is a channel that fires then, or never.
func after(d time.Duration) <-chan time.Time {
	if d == unit.Infinity {
		return nil
	}
	return time.After(d)
}
