package service

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, mode os.FileMode, text string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

const plain = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"

func TestUnitsOfTheDisk(t *testing.T) {
	d := Disk{Root: t.TempDir()}
	if _, err := d.Load("x.service"); !errors.Is(err, ErrNotFound) {
		t.Errorf("err %v", err)
	}
	write(t, 0o644, plain, d.Root, "usr/lib/systemd/system/x.service")
	write(t, 0o644, "[Service]\nRestartSec=7\n", d.Root, "run/systemd/system/x.service.d/10.conf")
	write(t, 0o644, "[Service]\nRestartSec=9\n", d.Root, "etc/systemd/system/x.service.d/10.conf")
	u, err := d.Load("x.service")
	if err != nil || u.RestartSec.Seconds() != 9 {
		t.Fatalf("of two drop-ins with one name /etc's counts: %v %v", u, err)
	}
	if created, err := d.Enable(u); !created || err != nil || !d.IsEnabled("x.service") || !slices.Equal(d.Enabled(), []string{"x.service"}) {
		t.Errorf("enable: %v %v %v", created, err, d.Enabled())
	}
	if created, err := d.Enable(u); created || err != nil {
		t.Errorf("enabled twice: %v %v", created, err)
	}
	if err := os.Symlink("/usr/lib/systemd/system/rescue.target", filepath.Join(d.Root, "etc/systemd/system/default.target")); err != nil {
		t.Fatal(err)
	}
	if enabled := d.Enabled(); len(enabled) != 0 {
		t.Errorf("rescue.target starts %v", enabled)
	}
	if err := errors.Join(d.Disable("x.service"), d.Disable("x.service")); err != nil || d.IsEnabled("x.service") {
		t.Errorf("disable: %v", err)
	}
}

func TestMasks(t *testing.T) {
	d := Disk{Root: t.TempDir()}
	write(t, 0o644, plain, d.Root, "usr/lib/systemd/system/vendor.service")
	write(t, 0o644, plain, d.Root, "etc/systemd/system/own.service")
	if err := errors.Join(d.Mask("vendor.service"), d.Mask("vendor.service")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load("vendor.service"); !errors.Is(err, ErrMasked) {
		t.Errorf("err %v", err)
	}
	if err := d.Unmask("vendor.service"); err != nil {
		t.Error(err)
	}
	if _, err := d.Load("vendor.service"); err != nil {
		t.Error(err)
	}
	if err := d.Mask("own.service"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file in /etc was masked away: %v", err)
	}
	if err := d.Unmask("own.service"); err != nil {
		t.Error(err)
	}
	if _, err := d.Load("own.service"); err != nil {
		t.Errorf("unmask took a real unit away: %v", err)
	}
}

func TestProgramsAreLookedForOnTheDiskFirst(t *testing.T) {
	d := Disk{Root: t.TempDir(), Tools: t.TempDir()}
	write(t, 0o755, "", d.Root, "usr/bin/kubelet")
	write(t, 0o755, "", d.Root, "usr/local/bin/own")
	write(t, 0o644, "", d.Root, "usr/bin/etcd") // Not executable.
	write(t, 0o755, "", d.Tools, "etcd")
	write(t, 0o755, "", d.Tools, "kubelet")
	for path, want := range map[string]string{
		"/usr/bin/kubelet":                       filepath.Join(d.Root, "usr/bin/kubelet"),
		filepath.Join(d.Root, "usr/bin/kubelet"): filepath.Join(d.Root, "usr/bin/kubelet"),
		"/usr/bin/etcd":                          filepath.Join(d.Tools, "etcd"),
		"kubelet":                                filepath.Join(d.Tools, "kubelet"),
		"own":                                    filepath.Join(d.Root, "usr/local/bin/own"),
		"/bin/sh":                                "/bin/sh",
		"sh":                                     "/usr/bin/sh",
	} {
		if got, err := d.Resolve(path); err != nil || got != want {
			t.Errorf("%s: %s %v", path, got, err)
		}
	}
	if _, err := d.Resolve("/usr/bin/no-such-program"); err == nil {
		t.Error("found what is not there")
	}
}
