package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"wdrip/sandbox/programs/internal/process"
	"wdrip/sandbox/programs/internal/unit"
)

// ErrClosing is for whatever is asked for while the instance shuts down.
var ErrClosing = errors.New("the instance is shutting down")

// Manager knows the units of one disk and runs them.
type Manager struct {
	disk        Disk
	init        *process.Init
	environment map[string]string
	null        *os.File
	journal     *process.Log
	// PowerOff is called by `systemctl poweroff`.
	PowerOff func()

	mu       sync.Mutex
	services map[string]*Service
	// defs are the units as they were when first used: a changed file counts after `daemon-reload`.
	defs    map[string]*unit.Unit
	logs    map[string]*process.Log
	closing bool
}

// NewManager makes a manager whose units get `environment`. Its own log is /var/log/init.log on the disk.
func NewManager(disk Disk, init *process.Init, environment map[string]string) (*Manager, error) {
	journal, err := process.OpenLog(filepath.Join(disk.Root, "var/log/init.log"))
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &Manager{
		disk: disk, init: init, environment: environment, null: null, journal: journal,
		services: map[string]*Service{}, defs: map[string]*unit.Unit{}, logs: map[string]*process.Log{},
	}, nil
}

func (m *Manager) logf(format string, values ...any) {
	fmt.Fprintf(m.journal, "%s %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), fmt.Sprintf(format, values...))
}

// Logf writes a line into the init's log.
func (m *Manager) Logf(format string, values ...any) { m.logf(format, values...) }

// log is the unit's own log, /var/log/<unit>.log without the `.service`.
func (m *Manager) log(name string) (*process.Log, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if log := m.logs[name]; log != nil {
		return log, nil
	}
	log, err := process.OpenLog(filepath.Join(m.disk.Root, "var/log", strings.TrimSuffix(name, ".service")+".log"))
	if err == nil {
		m.logs[name] = log
	}
	return log, err
}

// Service is the run-time side of a unit; it exists for every name.
func (m *Manager) Service(name string) *Service {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.services[name]
	if s == nil {
		s = &Service{manager: m, name: name, state: Inactive, detail: "dead"}
		m.services[name] = s
	}
	return s
}

// Def is the unit's definition, read once.
func (m *Manager) Def(name string) (*unit.Unit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if def := m.defs[name]; def != nil {
		return def, nil
	}
	def, err := m.disk.Load(name)
	if err != nil {
		return nil, err
	}
	for _, warning := range def.Warnings {
		m.logf("%s", warning)
	}
	m.defs[name] = def
	return def, nil
}

// Reload forgets all definitions, so that they're read anew.
func (m *Manager) Reload() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.defs = map[string]*unit.Unit{}
}

func (m *Manager) isClosing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closing
}

// Start starts units, and what they want and require, in order. The error is about the units named; one for each that failed.
func (m *Manager) Start(names []string) error { return m.start(names, false) }

func (m *Manager) start(names []string, automatic bool) error {
	if m.isClosing() {
		return ErrClosing
	}
	units := map[string]*unit.Unit{}
	missing := map[string]error{}
	pending := slices.Clone(names)
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if units[name] != nil || missing[name] != nil || !strings.HasSuffix(name, ".service") {
			continue // Targets other than multi-user.target order things that don't exist here.
		}
		def, err := m.Def(name)
		if err != nil {
			missing[name] = err
			continue
		}
		units[name] = def
		pending = append(append(pending, def.Wants...), def.Requires...)
	}
	before, dropped := unit.Order(units)
	for _, edge := range dropped {
		m.logf("ordering cycle: dropped %s", edge)
	}
	jobs := newJobs(units)
	for name, def := range units {
		go func() {
			jobs.finish(name, func() error {
				for _, required := range def.Requires {
					if err := missing[required]; err != nil {
						return fmt.Errorf("dependency failed: %w", err)
					}
				}
				for _, first := range before[name] {
					if err := jobs.wait(first); err != nil && slices.Contains(def.Requires, first) {
						return fmt.Errorf("dependency failed: %s", first)
					}
				}
				if m.isClosing() {
					return ErrClosing
				}
				return m.Service(name).start(def, automatic && slices.Contains(names, name))
			}())
		}()
	}
	for name := range units {
		_ = jobs.wait(name)
	}
	var failures []error
	for _, name := range names {
		err := missing[name]
		if err == nil && units[name] != nil {
			err = jobs.wait(name)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failures...)
}

// autoRestart starts a service again whose time has come, unless somebody started or stopped it meanwhile.
func (m *Manager) autoRestart(s *Service, generation int) {
	s.mu.Lock()
	current := s.generation == generation
	if current {
		s.restarts++
	}
	s.mu.Unlock()
	if current {
		_ = m.start([]string{s.name}, true)
	}
}

// dependents are the running units that require one of these, directly or not, and these.
func (m *Manager) dependents(names []string) []string {
	all := slices.Clone(names)
	for added := true; added; {
		added = false
		for _, snapshot := range m.List() {
			if snapshot.Def == nil || slices.Contains(all, snapshot.Name) || snapshot.State == Inactive || snapshot.State == Failed {
				continue
			}
			if slices.ContainsFunc(snapshot.Def.Requires, func(required string) bool { return slices.Contains(all, required) }) {
				all = append(all, snapshot.Name)
				added = true
			}
		}
	}
	return all
}

// Stop stops units and those that require them, in the reverse order of their start. It returns what was stopped besides `names`.
func (m *Manager) Stop(names []string) []string {
	all := m.dependents(names)
	units := map[string]*unit.Unit{}
	for _, name := range all {
		if def := m.Service(name).Snapshot().Def; def != nil {
			units[name] = def
		}
	}
	before, _ := unit.Order(units)
	jobs := newJobs(units)
	for name := range units {
		go func() {
			for other := range units {
				if slices.Contains(before[other], name) {
					_ = jobs.wait(other)
				}
			}
			m.Service(name).stop()
			jobs.finish(name, nil)
		}()
	}
	for name := range units {
		_ = jobs.wait(name)
	}
	return all[len(names):]
}

// Restart stops and starts; what was stopped along because it requires one of these is started again too.
func (m *Manager) Restart(names []string) error {
	also := m.Stop(names)
	err := m.Start(names)
	if len(also) > 0 {
		_ = m.Start(also)
	}
	return err
}

// Close stops every unit in order. Nothing starts any more.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closing = true
	var names []string
	for name := range m.services {
		names = append(names, name)
	}
	m.mu.Unlock()
	m.Stop(names)
}

// List shows every unit that was ever touched since boot, by name.
func (m *Manager) List() []Snapshot {
	m.mu.Lock()
	services := make([]*Service, 0, len(m.services))
	for _, s := range m.services {
		services = append(services, s)
	}
	m.mu.Unlock()
	list := make([]Snapshot, 0, len(services))
	for _, s := range services {
		list = append(list, s.Snapshot())
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// jobs are the units of one transaction, each waiting for others.
type jobs map[string]*job

type job struct {
	done chan struct{}
	err  error
}

func newJobs(units map[string]*unit.Unit) jobs {
	all := jobs{}
	for name := range units {
		all[name] = &job{done: make(chan struct{})}
	}
	return all
}

func (j jobs) finish(name string, err error) {
	j[name].err = err
	close(j[name].done)
}

func (j jobs) wait(name string) error {
	<-j[name].done
	return j[name].err
}
