package unit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Unit is one service as its file, and the drop-ins after it, say. Defaults are systemd's.
type Unit struct {
	Name, Description                        string
	After, Before, Wants, Requires, WantedBy []string
	ConditionPathExists                      []string
	Type                                     string
	RemainAfterExit                          bool
	ExecStartPre, ExecStart, ExecStartPost   []Command
	ExecReload, ExecStop, ExecStopPost       []Command
	Environment                              map[string]string
	// EnvironmentFiles: a leading `-` means that it may be missing.
	EnvironmentFiles []string
	WorkingDirectory string
	// Restart is no, on-success, on-failure, on-abnormal or always.
	Restart            string
	RestartSec         time.Duration
	StartLimitBurst    int
	StartLimitInterval time.Duration
	TimeoutStart       time.Duration
	TimeoutStop        time.Duration
	KillMode           string
	KillSignal         syscall.Signal
	SuccessExitStatus  []int
	// Warnings name what was not understood; the unit runs without it.
	Warnings []string
}

// Known keys that mean nothing here, since everything runs as one user and without control groups.
var ignored = []string{
	"Documentation", "DefaultDependencies", "User", "Group", "LimitNOFILE", "LimitNPROC", "LimitCORE", "LimitMEMLOCK", "TasksMax",
	"Delegate", "OOMScoreAdjust", "OOMPolicy", "Slice", "CPUAccounting", "MemoryAccounting", "StandardOutput", "StandardError",
	"SyslogIdentifier", "Nice", "NotifyAccess", "Alias",
}

var signals = map[string]syscall.Signal{
	"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGQUIT": syscall.SIGQUIT, "SIGKILL": syscall.SIGKILL, "SIGHUP": syscall.SIGHUP,
}

// Parse reads a unit from its file's text and the texts of its drop-ins, in order.
func Parse(name string, texts ...string) (*Unit, error) {
	u := &Unit{
		Name: name, Type: "simple", Restart: "no", KillMode: "control-group", KillSignal: syscall.SIGTERM,
		Environment: map[string]string{},
		RestartSec:  100 * time.Millisecond, StartLimitBurst: 5, StartLimitInterval: 10 * time.Second,
		TimeoutStart: 90 * time.Second, TimeoutStop: 90 * time.Second,
	}
	startTimeoutGiven := false
	for _, text := range texts {
		entries, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, entry := range entries {
			entry.Value = strings.NewReplacer("%%", "%", "%n", name, "%N", strings.TrimSuffix(name, ".service")).Replace(entry.Value)
			if err := u.apply(entry); err != nil {
				u.Warnings = append(u.Warnings, fmt.Sprintf("%s: %s=%s: %v", name, entry.Key, entry.Value, err))
			}
			startTimeoutGiven = startTimeoutGiven || entry.Key == "TimeoutStartSec" || entry.Key == "TimeoutSec"
		}
	}
	if u.Type == "oneshot" && !startTimeoutGiven {
		u.TimeoutStart = Infinity
	}
	if len(u.ExecStart) == 0 && u.Type != "oneshot" {
		return nil, fmt.Errorf("%s: service has no ExecStart= setting", name)
	}
	if len(u.ExecStart) > 1 && u.Type != "oneshot" {
		return nil, fmt.Errorf("%s: more than one ExecStart= setting, which is only allowed for Type=oneshot", name)
	}
	return u, nil
}

func (u *Unit) apply(entry Entry) (err error) {
	value := entry.Value
	list := func(into *[]string) error {
		if value == "" {
			*into = nil
		}
		*into = append(*into, strings.Fields(value)...)
		return nil
	}
	commands := func(into *[]Command) error {
		if value == "" {
			*into = nil
			return nil
		}
		command, err := parseCommand(value)
		if err == nil {
			*into = append(*into, command)
		}
		return err
	}
	duration := func(into *time.Duration) error {
		parsed, err := parseDuration(value)
		if err == nil {
			*into = parsed
		}
		return err
	}
	choice := func(into *string, allowed ...string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("not one of %s; taken as %s", strings.Join(allowed, ", "), *into)
		}
		*into = value
		return nil
	}
	switch entry.Key {
	case "Description":
		u.Description = value
	case "After":
		return list(&u.After)
	case "Before":
		return list(&u.Before)
	case "Wants":
		return list(&u.Wants)
	case "Requires", "BindsTo":
		return list(&u.Requires)
	case "WantedBy":
		return list(&u.WantedBy)
	case "ConditionPathExists":
		return list(&u.ConditionPathExists)
	case "Type":
		return choice(&u.Type, "simple", "exec", "oneshot")
	case "RemainAfterExit":
		u.RemainAfterExit = value == "yes" || value == "true"
	case "ExecStartPre":
		return commands(&u.ExecStartPre)
	case "ExecStart":
		return commands(&u.ExecStart)
	case "ExecStartPost":
		return commands(&u.ExecStartPost)
	case "ExecReload":
		return commands(&u.ExecReload)
	case "ExecStop":
		return commands(&u.ExecStop)
	case "ExecStopPost":
		return commands(&u.ExecStopPost)
	case "Environment":
		if value == "" {
			u.Environment = map[string]string{}
		}
		return parseEnvironment(value, u.Environment)
	case "EnvironmentFile":
		if value == "" {
			u.EnvironmentFiles = nil
			return nil
		}
		u.EnvironmentFiles = append(u.EnvironmentFiles, value)
	case "WorkingDirectory":
		u.WorkingDirectory = value
	case "Restart":
		return choice(&u.Restart, "no", "on-success", "on-failure", "on-abnormal", "always")
	case "RestartSec":
		return duration(&u.RestartSec)
	case "StartLimitBurst":
		u.StartLimitBurst, err = strconv.Atoi(value)
		return err
	case "StartLimitIntervalSec", "StartLimitInterval":
		return duration(&u.StartLimitInterval)
	case "TimeoutStartSec":
		return duration(&u.TimeoutStart)
	case "TimeoutStopSec":
		return duration(&u.TimeoutStop)
	case "TimeoutSec":
		if err := duration(&u.TimeoutStart); err != nil {
			return err
		}
		return duration(&u.TimeoutStop)
	case "KillMode":
		return choice(&u.KillMode, "control-group", "process", "mixed", "none")
	case "KillSignal":
		signal, known := signals[value]
		if !known {
			return fmt.Errorf("unknown signal")
		}
		u.KillSignal = signal
	case "SuccessExitStatus":
		for _, word := range strings.Fields(value) {
			code, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			u.SuccessExitStatus = append(u.SuccessExitStatus, code)
		}
	default:
		if !slices.Contains(ignored, entry.Key) {
			return fmt.Errorf("unknown key in section [%s], ignored", entry.Section)
		}
	}
	return nil
}

// ShouldRestart says whether the Restart= policy brings the service back after it ended by itself, cleanly or by a signal or not.
func (u *Unit) ShouldRestart(clean, bySignal bool) bool {
	switch u.Restart {
	case "always":
		return true
	case "on-success":
		return clean
	case "on-failure":
		return !clean
	case "on-abnormal":
		return !clean && bySignal
	}
	return false
}
