// instance-init is the init of one sandbox instance: it boots the disk, runs its units, and ends everything when its stdin does, so
// that nothing outlives the sandbox's daemon.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"wdrip/sandbox/programs/internal/process"
	"wdrip/sandbox/programs/internal/service"
)

const (
	// defaultGrace is what SIGTERM and `systemctl poweroff` give the units to stop: systemd's own default for one unit.
	defaultGrace = 90 * time.Second
	// killLimit bounds the wait for processes to vanish after SIGKILL.
	killLimit = 10 * time.Second
)

type options struct {
	root, id, ip, metadata, tools, control, agent, userData string
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "", "the system disk: a folder")
	flag.StringVar(&o.id, "id", "", "instance id")
	flag.StringVar(&o.ip, "ip", "", "private address")
	flag.StringVar(&o.metadata, "metadata", "", "base URL of the instance's metadata service")
	flag.StringVar(&o.tools, "tools", "", "folder of programs that the disk does not have")
	flag.StringVar(&o.control, "control", "", "socket on which systemctl is answered")
	flag.StringVar(&o.agent, "agent", "", "socket for the instance's agent (default ROOT/run/agent.sock)")
	flag.StringVar(&o.userData, "user-data", "", "file with the script for the disk's first boot")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "instance-init:", err)
		os.Exit(1)
	}
}

// machine is the booted instance.
type machine struct {
	init    *process.Init
	manager *service.Manager
	// ending makes sure that only one way of ending is taken at a time; killing overtakes a graceful end.
	ending sync.Once
	// down is set before anything is stopped or killed: whatever ends from then on was cut off.
	down atomic.Bool
}

func run(o options) error {
	for name, value := range map[string]string{"root": o.root, "id": o.id, "tools": o.tools, "control": o.control} {
		if value == "" {
			return fmt.Errorf("--%s is missing", name)
		}
	}
	if !filepath.IsAbs(o.root) {
		return fmt.Errorf("--root %s is not absolute", o.root)
	}
	o.root = filepath.Clean(o.root)
	if o.agent == "" {
		o.agent = filepath.Join(o.root, "run/agent.sock")
	}
	bootID, err := prepareDisk(o)
	if err != nil {
		return err
	}
	init, err := process.NewInit()
	if err != nil {
		return err
	}
	environment := environmentOf(o)
	disk := service.Disk{Root: o.root, Tools: o.tools}
	manager, err := service.NewManager(disk, init, environment)
	if err != nil {
		return err
	}
	m := &machine{init: init, manager: manager}
	manager.PowerOff = func() { m.powerOff(defaultGrace) }

	_ = os.Remove(o.control)
	listener, err := net.Listen("unix", o.control)
	if err != nil {
		return err
	}
	go manager.Serve(listener)
	go m.obey(os.Stdin)
	go m.obeySignals()

	manager.Logf("booting %s, boot id %s", o.id, bootID)
	fmt.Printf("ready %s\n", bootID)
	// On a first boot the agent runs beside the user data, as on a real machine, so that a bootstrap that hangs can be looked at.
	start := func() {
		if enabled := disk.Enabled(); len(enabled) > 0 {
			if err := manager.Start(enabled); err != nil {
				manager.Logf("boot: %v", err)
			}
		}
	}
	first := firstBoot(o)
	if first {
		start()
		if err := m.runUserData(o, environment); err != nil {
			manager.Logf("user data: %v", err)
		}
	}
	start()
	manager.Logf("reached multi-user.target")
	select {}
}

// environmentOf is what every process of the instance gets. The markers WDRIP_INSTANCE and WDRIP_SANDBOX are how a crashed sandbox's
// processes are found.
func environmentOf(o options) map[string]string {
	path := []string{
		filepath.Join(o.root, "usr/local/bin"), o.tools,
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
	}
	return map[string]string{
		"PATH": strings.Join(path, ":"), "HOME": filepath.Join(o.root, "root"), "LANG": "C.UTF-8", "TMPDIR": filepath.Join(o.root, "tmp"),
		"WDRIP_ROOT": o.root, "WDRIP_IP": o.ip, "WDRIP_INSTANCE": o.id, "WDRIP_METADATA": o.metadata, "WDRIP_CONTROL": o.control,
		"WDRIP_AGENT": o.agent, "WDRIP_SANDBOX": os.Getenv("WDRIP_SANDBOX"),
	}
}

// obey does what the sandbox's daemon writes: `poweroff MS` or `kill`. When the pipe ends, the daemon has, and so does all of this.
func (m *machine) obey(input *os.File) {
	lines := bufio.NewScanner(input)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 2 && words[0] == "poweroff":
			ms, err := strconv.Atoi(words[1])
			if err != nil {
				ms = 0
			}
			go m.powerOff(time.Duration(ms) * time.Millisecond)
		case len(words) == 1 && words[0] == "kill":
			m.kill()
		}
	}
	m.kill()
}

func (m *machine) obeySignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	for range signals {
		go m.powerOff(defaultGrace)
	}
}

// powerOff stops the units in order, and kills what is left.
func (m *machine) powerOff(grace time.Duration) {
	m.ending.Do(func() {
		m.down.Store(true)
		stopped := make(chan struct{})
		go func() {
			m.manager.Close()
			close(stopped)
		}()
		select {
		case <-stopped:
		case <-time.After(grace):
			m.manager.Logf("units did not stop within %v", grace)
		}
		m.kill()
	})
}

// kill ends every process of the instance, and this one.
func (m *machine) kill() {
	m.down.Store(true)
	if !m.init.KillAll(killLimit) {
		fmt.Fprintln(os.Stderr, "instance-init: some processes can't be killed")
		os.Exit(1)
	}
	os.Exit(0)
}

func firstBoot(o options) bool {
	_, err := os.Stat(filepath.Join(o.root, doneMarker))
	return errors.Is(err, os.ErrNotExist)
}
