package unit

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, texts ...string) *Unit {
	t.Helper()
	u, err := Parse("x.service", texts...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAUnitAsWdripWritesThem(t *testing.T) {
	u := must(t, `[Unit]
Description=Kubernetes node agent
Wants=containerd.service
After=containerd.service network-online.target
StartLimitIntervalSec=0

[Service]
# a comment
Environment=A=1 "B=two words"
EnvironmentFile=-/etc/default/kubelet
ExecStartPre=-/bin/mkdir -p /x
ExecStart=kubelet \
  --config=${WDRIP_ROOT}/etc/kubelet.yaml \
# a comment between continued lines
  --node-labels='a=b,c=d e'
Restart=always
RestartSec=1min 30s
TimeoutStopSec=500ms
KillSignal=SIGINT

[Install]
WantedBy=multi-user.target
`)
	if len(u.Warnings) != 0 {
		t.Errorf("warnings %q", u.Warnings)
	}
	if !slices.Equal(u.After, []string{"containerd.service", "network-online.target"}) || !slices.Equal(u.Wants, []string{"containerd.service"}) {
		t.Errorf("after %q, wants %q", u.After, u.Wants)
	}
	words := u.ExecStart[0].Expand(map[string]string{"WDRIP_ROOT": "/disk"})
	if !slices.Equal(words, []string{"kubelet", "--config=/disk/etc/kubelet.yaml", "--node-labels=a=b,c=d e"}) {
		t.Errorf("words %q", words)
	}
	if u.Environment["A"] != "1" || u.Environment["B"] != "two words" {
		t.Errorf("environment %v", u.Environment)
	}
	if !u.ExecStartPre[0].IgnoreFailure || u.ExecStartPre[0].Words[0] != "/bin/mkdir" {
		t.Errorf("pre %v", u.ExecStartPre)
	}
	if u.RestartSec != 90*time.Second || u.TimeoutStop != 500*time.Millisecond || u.StartLimitInterval != 0 || u.KillSignal != syscall.SIGINT {
		t.Errorf("%+v", u)
	}
}

func TestDefaultsAreSystemds(t *testing.T) {
	u := must(t, "[Service]\nExecStart=/bin/true\n")
	if u.Type != "simple" || u.Restart != "no" || u.RestartSec != 100*time.Millisecond || u.StartLimitBurst != 5 ||
		u.StartLimitInterval != 10*time.Second || u.TimeoutStart != 90*time.Second || u.KillMode != "control-group" {
		t.Errorf("%+v", u)
	}
	if u := must(t, "[Service]\nType=oneshot\nExecStart=/bin/true\n"); u.TimeoutStart != Infinity {
		t.Errorf("a oneshot may start for ever, not %v", u.TimeoutStart)
	}
}

func TestWhatIsNotUnderstoodIsWarnedAboutAndLeftOut(t *testing.T) {
	u := must(t, "[Service]\nExecStart=/bin/true\nType=notify\nWatchdogSec=3\nRestartSec=soon\nLimitNOFILE=100\n")
	if len(u.Warnings) != 3 || u.Type != "simple" || u.RestartSec != 100*time.Millisecond {
		t.Errorf("%q %+v", u.Warnings, u)
	}
}

func TestDropInsAddAndReset(t *testing.T) {
	u := must(t, "[Service]\nExecStart=/bin/a\nEnvironment=A=1\n", "[Service]\nExecStart=\nExecStart=/bin/b\nEnvironment=B=2\n")
	if len(u.ExecStart) != 1 || u.ExecStart[0].Words[0] != "/bin/b" || u.Environment["A"] != "1" || u.Environment["B"] != "2" {
		t.Errorf("%+v", u)
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	for _, text := range []string{
		"ExecStart=/bin/true", "[Service\nExecStart=/bin/true", "[Service]\nnonsense", "[Service]\nRestart=always",
		"[Service]\nExecStart=/bin/a\nExecStart=/bin/b",
	} {
		if _, err := Parse("x.service", text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestExpansion(t *testing.T) {
	environment := map[string]string{"A": "one two", "EMPTY": ""}
	for line, want := range map[string]string{
		"/bin/x ${A}":         "/bin/x|one two",
		"/bin/x $A":           "/bin/x|one|two",
		"/bin/x $EMPTY end":   "/bin/x|end",
		"/bin/x ${EMPTY} end": "/bin/x||end",
		"/bin/x $$A a$A":      "/bin/x|$A|a$A",
		`/bin/x "a b" 'c"d'`:  `/bin/x|a b|c"d`,
		`/bin/x a\sb`:         "/bin/x|a b",
		"/bin/x ${A":          "/bin/x|${A",
	} {
		command, err := parseCommand(line)
		if got := strings.Join(command.Expand(environment), "|"); err != nil || got != want {
			t.Errorf("%s: %q %v", line, got, err)
		}
	}
	if _, err := parseCommand(`/bin/x "open`); err == nil {
		t.Error("an open quote was taken")
	}
}

func TestEnvironmentFiles(t *testing.T) {
	environment := map[string]string{}
	ParseEnvironmentFile("# c\nA=1\n\nB=\"two words\"\nnonsense\nexport C='3'\n", environment)
	if len(environment) != 3 || environment["A"] != "1" || environment["B"] != "two words" || environment["C"] != "3" {
		t.Errorf("%v", environment)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0": 0, "1min 30s": 90 * time.Second, "200ms": 200 * time.Millisecond, "1.5h": 90 * time.Minute, "infinity": Infinity,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "5 fortnights"} {
		if _, err := parseDuration(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestRestartPolicy(t *testing.T) {
	// clean, failed, killed by a signal
	for policy, want := range map[string][3]bool{
		"no": {false, false, false}, "always": {true, true, true}, "on-success": {true, false, false},
		"on-failure": {false, true, true}, "on-abnormal": {false, false, true},
	} {
		u := &Unit{Restart: policy}
		got := [3]bool{u.ShouldRestart(true, false), u.ShouldRestart(false, false), u.ShouldRestart(false, true)}
		if got != want {
			t.Errorf("%s: %v", policy, got)
		}
	}
}

func TestOrder(t *testing.T) {
	units := map[string]*Unit{
		"etcd":    {},
		"api":     {After: []string{"etcd", "elsewhere"}},
		"kubelet": {After: []string{"runtime"}},
		"runtime": {Before: []string{"api"}},
	}
	before, dropped := Order(units)
	if len(dropped) != 0 {
		t.Errorf("dropped %q", dropped)
	}
	slices.Sort(before["api"])
	if !slices.Equal(before["api"], []string{"etcd", "runtime"}) || !slices.Equal(before["kubelet"], []string{"runtime"}) || before["etcd"] != nil {
		t.Errorf("%v", before)
	}
}

func TestACycleLosesOneEdge(t *testing.T) {
	before, dropped := Order(map[string]*Unit{
		"a": {After: []string{"b"}}, "b": {After: []string{"c"}}, "c": {After: []string{"a"}}, "self": {After: []string{"self"}},
	})
	if len(dropped) != 2 || len(before["a"])+len(before["b"])+len(before["c"]) != 2 {
		t.Errorf("before %v, dropped %q", before, dropped)
	}
}
