package service

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// Request is one call of systemctl.
type Request struct {
	Args []string `json:"args"`
}

// Response is what systemctl prints and how it exits.
type Response struct {
	Code   int    `json:"code"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// requestLimit bounds one request's line: names of units, nothing more.
const requestLimit = 64 << 10

// requestPatience bounds the wait for a request after the connection.
const requestPatience = 10 * time.Second

// Exit statuses of systemctl(1).
const (
	exitFailed       = 1
	exitNotActive    = 3
	exitNoSuchUnit   = 4
	exitNotInstalled = 5
)

// Serve answers systemctl on a listening socket until it is closed.
func (m *Manager) Serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			_ = connection.SetReadDeadline(time.Now().Add(requestPatience))
			line, err := bufio.NewReader(io.LimitReader(connection, requestLimit)).ReadBytes('\n')
			var request Request
			if err != nil || json.Unmarshal(line, &request) != nil {
				return
			}
			_ = json.NewEncoder(connection).Encode(m.Systemctl(request.Args))
		}()
	}
}

// call is one systemctl call as parsed.
type call struct {
	verb    string
	units   []string
	now     bool
	quiet   bool
	noBlock bool
}

func parseCall(args []string) (call, error) {
	var c call
	for _, arg := range args {
		switch {
		case arg == "--now":
			c.now = true
		case arg == "-q" || arg == "--quiet":
			c.quiet = true
		case arg == "--no-block":
			c.noBlock = true
		case slices.Contains([]string{"--no-pager", "--system", "-l", "--full", "--force", "-f", "--all", "-a", "--plain", "--no-legend"}, arg):
		case strings.HasPrefix(arg, "-"):
			return c, fmt.Errorf("unrecognized option '%s'", arg)
		case c.verb == "":
			c.verb = arg
		default:
			if !strings.Contains(arg, ".") {
				arg += ".service"
			}
			c.units = append(c.units, arg)
		}
	}
	if c.verb == "" {
		c.verb = "list-units"
	}
	return c, nil
}

// Systemctl does what `systemctl ARGS…` asks for.
func (m *Manager) Systemctl(args []string) Response {
	c, err := parseCall(args)
	if err != nil {
		return Response{Code: exitFailed, Stderr: "systemctl: " + err.Error() + "\n"}
	}
	switch c.verb {
	case "daemon-reload":
		m.Reload()
		return Response{}
	case "list-units":
		return m.listUnits()
	case "poweroff", "halt":
		m.logf("poweroff asked for by systemctl")
		go m.PowerOff()
		return Response{}
	}
	if len(c.units) == 0 {
		return Response{Code: exitFailed, Stderr: "Too few arguments.\n"}
	}
	switch c.verb {
	case "start", "stop", "restart", "try-restart", "reload":
		return m.change(c)
	case "enable", "disable", "mask", "unmask":
		return m.install(c)
	case "is-active", "is-failed":
		return m.isState(c)
	case "is-enabled":
		return m.isEnabled(c)
	case "status":
		return m.status(c)
	case "reset-failed":
		for _, name := range c.units {
			m.Service(name).resetFailed()
		}
		return Response{}
	}
	return Response{Code: exitFailed, Stderr: fmt.Sprintf("Unknown command verb '%s'.\n", c.verb)}
}

func (s *Service) resetFailed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts = nil
	if s.state == Failed {
		s.state, s.detail, s.since = Inactive, "dead", time.Now()
	}
}

func (m *Manager) change(c call) Response {
	var answer Response
	var known []string
	for _, name := range c.units {
		_, err := m.Def(name)
		switch {
		case err == nil, m.Service(name).Snapshot().Def != nil && c.verb == "stop":
			known = append(known, name)
		case errors.Is(err, ErrNotFound):
			answer.Code = exitNotInstalled
			answer.Stderr += fmt.Sprintf("Failed to %s %s: Unit %s not found.\n", c.verb, name, name)
		default:
			answer.Code = exitFailed
			answer.Stderr += fmt.Sprintf("Failed to %s %s: %v.\n", c.verb, name, err)
		}
	}
	if answer.Code != 0 {
		return answer
	}
	work := func() error {
		switch c.verb {
		case "start":
			return m.Start(known)
		case "restart":
			return m.Restart(known)
		case "try-restart":
			return m.Restart(slices.DeleteFunc(known, func(name string) bool { return m.Service(name).Snapshot().State != Active }))
		case "reload":
			return m.reload(known)
		}
		m.Stop(known)
		return nil
	}
	if c.noBlock {
		go func() { _ = work() }()
		return answer
	}
	if err := work(); err != nil {
		answer.Code = exitFailed
		for line := range strings.Lines(err.Error()) {
			answer.Stderr += "Job failed: " + strings.TrimSuffix(line, "\n") + "\n"
		}
		answer.Stderr += "See /var/log/init.log and the unit's log.\n"
	}
	return answer
}

func (m *Manager) reload(names []string) error {
	var failures []error
	for _, name := range names {
		s := m.Service(name)
		snapshot := s.Snapshot()
		if snapshot.State != Active || len(snapshot.Def.ExecReload) == 0 {
			failures = append(failures, fmt.Errorf("%s: not active, or has no ExecReload=", name))
			continue
		}
		for _, command := range snapshot.Def.ExecReload {
			failures = append(failures, s.runToEnd(snapshot.Def, command, "ExecReload", after(snapshot.Def.TimeoutStart), nil))
		}
	}
	return errors.Join(failures...)
}

func (m *Manager) install(c call) Response {
	var answer Response
	for _, name := range c.units {
		var err error
		switch c.verb {
		case "enable":
			// The file on the disk counts, not what was loaded before.
			def, loadErr := m.disk.Load(name)
			if loadErr != nil {
				err = loadErr
				break
			}
			var created bool
			created, err = m.disk.Enable(def)
			if created && !c.quiet {
				answer.Stderr += fmt.Sprintf("Created symlink /%s/%s -> /%s/%s.\n", wantsFolder, name, unitFolders[0], name)
			}
		case "disable":
			err = m.disk.Disable(name)
		case "mask":
			err = m.disk.Mask(name)
		case "unmask":
			err = m.disk.Unmask(name)
		}
		if err != nil {
			answer.Code = exitFailed
			if errors.Is(err, os.ErrExist) {
				err = fmt.Errorf("file /%s/%s already exists", unitFolders[0], name)
			}
			answer.Stderr += fmt.Sprintf("Failed to %s unit: %v.\n", c.verb, err)
		}
	}
	m.Reload()
	if answer.Code != 0 || !c.now {
		return answer
	}
	if c.verb != "enable" {
		m.Stop(c.units)
		return answer
	}
	started := m.change(call{verb: "start", units: c.units, noBlock: c.noBlock})
	started.Stderr = answer.Stderr + started.Stderr
	return started
}

func (m *Manager) isState(c call) Response {
	answer := Response{Code: exitNotActive}
	if c.verb == "is-failed" {
		answer.Code = exitFailed
	}
	unknown := true
	for _, name := range c.units {
		state := m.Service(name).Snapshot().State
		if _, err := m.Def(name); err == nil || state != Inactive {
			unknown = false
		}
		answer.Stdout += string(state) + "\n"
		if state == Active && c.verb == "is-active" || state == Failed && c.verb == "is-failed" {
			answer.Code = 0
		}
	}
	if unknown && c.verb == "is-active" {
		answer.Code = exitNoSuchUnit
	}
	if c.quiet {
		answer.Stdout = ""
	}
	return answer
}

func (m *Manager) isEnabled(c call) Response {
	var answer Response
	for _, name := range c.units {
		def, err := m.disk.Load(name)
		word := "disabled"
		switch {
		case errors.Is(err, ErrMasked):
			word = "masked"
		case err != nil:
			answer.Code = exitFailed
			answer.Stderr += fmt.Sprintf("Failed to get unit file state for %s: %v\n", name, err)
			continue
		case m.disk.IsEnabled(name):
			word = "enabled"
		case len(def.WantedBy) == 0:
			word = "static"
		}
		if word == "masked" || word == "disabled" {
			answer.Code = exitFailed
		}
		if !c.quiet {
			answer.Stdout += word + "\n"
		}
	}
	return answer
}

func (m *Manager) status(c call) Response {
	var answer Response
	for _, name := range c.units {
		snapshot := m.Service(name).Snapshot()
		def, err := m.Def(name)
		if err != nil && snapshot.Def == nil {
			answer.Code = exitNoSuchUnit
			answer.Stderr += fmt.Sprintf("Unit %s could not be found.\n", name)
			continue
		}
		if def == nil {
			def = snapshot.Def
		}
		enabled := strings.TrimSpace(m.isEnabled(call{units: []string{name}}).Stdout)
		answer.Stdout += fmt.Sprintf("* %s - %s\n     Loaded: loaded (%s)\n     Active: %s (%s) since %s\n   Main PID: %d\n   Restarts: %d\n",
			name, def.Description, enabled, snapshot.State, snapshot.Detail, snapshot.Since.UTC().Format(time.RFC3339), snapshot.MainPid, snapshot.Restarts)
		if snapshot.State != Active && answer.Code == 0 {
			answer.Code = exitNotActive
		}
	}
	return answer
}

func (m *Manager) listUnits() Response {
	var out strings.Builder
	for _, name := range m.disk.Names() {
		snapshot := m.Service(name).Snapshot()
		fmt.Fprintf(&out, "%-32s loaded %-12s %s\n", name, snapshot.State, snapshot.Detail)
	}
	return Response{Stdout: out.String()}
}
