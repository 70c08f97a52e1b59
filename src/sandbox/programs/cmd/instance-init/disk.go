package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"wdrip/sandbox/programs/internal/process"
	"wdrip/sandbox/programs/internal/service"
)

// doneMarker says that the disk's user data has run.
const doneMarker = "var/lib/cloud/instance/done"

// agentUnit is Cloud Assistant's agent, which Alibaba Cloud's images bring along.
const agentUnit = `[Unit]
Description=Cloud Assistant agent

[Service]
Type=simple
ExecStart=/usr/local/share/aliyun-assist/instance-agent
Restart=always
RestartSec=1
StartLimitIntervalSec=0
TimeoutStopSec=5

[Install]
WantedBy=multi-user.target
`

// prepareDisk makes the folders, empties /run and /tmp (they live in memory on a real machine), and writes who booted and when.
func prepareDisk(o options) (bootID string, err error) {
	for _, folder := range []string{"run", "tmp"} {
		if err := os.RemoveAll(filepath.Join(o.root, folder)); err != nil {
			return "", fmt.Errorf("emptying /%s: %w", folder, err)
		}
	}
	for _, folder := range []string{
		"run", "tmp", "root", "etc/systemd/system", "usr/lib/systemd/system", "usr/local/bin", "var/log", "var/lib/cloud/instance/scripts",
	} {
		if err := os.MkdirAll(filepath.Join(o.root, folder), 0o755); err != nil {
			return "", err
		}
	}
	if err := installAgent(o.root); err != nil {
		return "", fmt.Errorf("installing the agent: %w", err)
	}
	bootID = uuid()
	if err := os.WriteFile(filepath.Join(o.root, "run/boot-id"), []byte(bootID+"\n"), 0o644); err != nil {
		return "", err
	}
	return bootID, os.WriteFile(filepath.Join(o.root, "run/boot-time"), []byte(strconv.FormatInt(time.Now().UnixMilli(), 10)+"\n"), 0o644)
}

// installAgent puts the vendor's unit on a disk that has none, enabled. One that was disabled later stays so.
func installAgent(root string) error {
	path := filepath.Join(root, "usr/lib/systemd/system/aliyun.service")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(agentUnit), 0o644); err != nil {
		return err
	}
	disk := service.Disk{Root: root}
	agent, err := disk.Load("aliyun.service")
	if err == nil {
		_, err = disk.Enable(agent)
	}
	return err
}

// uuid is a random (version 4) one.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// runUserData runs the script as cloud-init does. The marker is written when it has ended, whatever its exit status (cloud-init does not
// repeat a failed script); one that was cut off by a power failure runs again.
func (m *machine) runUserData(o options, environment map[string]string) error {
	var script []byte
	if o.userData != "" {
		text, err := os.ReadFile(o.userData)
		if err != nil {
			return err
		}
		script = text
	}
	var failure error
	switch {
	case len(script) == 0:
	case len(script) < 2 || string(script[:2]) != "#!":
		failure = errors.New("only scripts that begin with #! are understood; skipped")
	default:
		failure = runScript(o, script, m.init, environment)
	}
	if m.down.Load() {
		return errors.New("cut off; it runs again at the next boot")
	}
	if failure == nil {
		m.manager.Logf("user data: done")
	}
	text := time.Now().UTC().Format(time.RFC3339) + "\n"
	return errors.Join(failure, os.WriteFile(filepath.Join(o.root, doneMarker), []byte(text), 0o644))
}

func runScript(o options, script []byte, init *process.Init, environment map[string]string) error {
	path := filepath.Join(o.root, "var/lib/cloud/instance/scripts/part-001")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		return err
	}
	log, err := process.OpenLog(filepath.Join(o.root, "var/log/cloud-init-output.log"))
	if err != nil {
		return err
	}
	output, err := log.Pipe()
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	child, err := init.Start(path, []string{path}, service.Environ(environment), o.root, [3]*os.File{null, output, output})
	output.Close()
	if err != nil {
		return err
	}
	<-child.Done
	if child.Status.ExitStatus() != 0 {
		return fmt.Errorf("the script failed: %s; see /var/log/cloud-init-output.log", process.Describe(child.Status))
	}
	return nil
}
