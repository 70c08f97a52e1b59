// Package service runs an instance's units: what systemd is to a real machine, as far as wdrip needs it.
package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wdrip/sandbox/programs/internal/unit"
)

// Disk is an instance's root file system: every absolute path in a unit is looked up below it first.
type Disk struct {
	Root string
	// Tools is the folder in which programs are found that the disk does not have, by their base name.
	Tools string
}

// Where units are looked for, first match wins (systemd.unit(5)).
var unitFolders = []string{"etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// ErrNotFound is for units without a file.
var ErrNotFound = errors.New("not found")

// ErrMasked is for units whose file is a link to /dev/null.
var ErrMasked = errors.New("masked")

const wantsFolder = "etc/systemd/system/multi-user.target.wants"

// Load reads a unit's file and its drop-ins.
func (d Disk) Load(name string) (*unit.Unit, error) {
	var texts []string
	for _, folder := range unitFolders {
		path := filepath.Join(d.Root, folder, name)
		if target, err := os.Readlink(path); err == nil && target == "/dev/null" {
			return nil, fmt.Errorf("unit %s is %w", name, ErrMasked)
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
		break
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("unit %s %w", name, ErrNotFound)
	}
	for _, path := range d.dropIns(name) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return unit.Parse(name, texts...)
}

// dropIns are ordered by file name; of two with one name the first folder's counts.
func (d Disk) dropIns(name string) []string {
	byName := map[string]string{}
	for _, folder := range unitFolders {
		paths, _ := filepath.Glob(filepath.Join(d.Root, folder, name+".d", "*.conf"))
		for _, path := range paths {
			if _, taken := byName[filepath.Base(path)]; !taken {
				byName[filepath.Base(path)] = path
			}
		}
	}
	var paths []string
	for _, path := range byName {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return paths
}

// Names lists every unit that has a file.
func (d Disk) Names() []string {
	var names []string
	for _, folder := range unitFolders {
		paths, _ := filepath.Glob(filepath.Join(d.Root, folder, "*.service"))
		for _, path := range paths {
			if name := filepath.Base(path); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Enabled lists the units that multi-user.target wants. None if another target is the default one (rescue.target, say).
func (d Disk) Enabled() []string {
	if target, err := os.Readlink(filepath.Join(d.Root, "etc/systemd/system/default.target")); err == nil &&
		filepath.Base(target) != "multi-user.target" && filepath.Base(target) != "graphical.target" {
		return nil
	}
	links, _ := os.ReadDir(filepath.Join(d.Root, wantsFolder))
	var names []string
	for _, link := range links {
		if strings.HasSuffix(link.Name(), ".service") {
			names = append(names, link.Name())
		}
	}
	return names
}

// IsEnabled says whether the unit starts at boot.
func (d Disk) IsEnabled(name string) bool {
	_, err := os.Lstat(filepath.Join(d.Root, wantsFolder, name))
	return err == nil
}

// Enable makes the unit start at boot. Nothing happens if its file has no WantedBy=.
func (d Disk) Enable(u *unit.Unit) (bool, error) {
	if len(u.WantedBy) == 0 || d.IsEnabled(u.Name) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Join(d.Root, wantsFolder), 0o755); err != nil {
		return false, err
	}
	return true, os.Symlink(filepath.Join("..", u.Name), filepath.Join(d.Root, wantsFolder, u.Name))
}

// Disable undoes Enable.
func (d Disk) Disable(name string) error {
	err := os.Remove(filepath.Join(d.Root, wantsFolder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Mask links the unit to /dev/null, so that it can't be started. Refused, as by systemd, if its file stands in /etc.
func (d Disk) Mask(name string) error {
	path := filepath.Join(d.Root, unitFolders[0], name)
	if target, err := os.Readlink(path); err == nil && target == "/dev/null" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Symlink("/dev/null", path)
}

// Unmask undoes Mask.
func (d Disk) Unmask(name string) error {
	path := filepath.Join(d.Root, unitFolders[0], name)
	if target, err := os.Readlink(path); err == nil && target == "/dev/null" {
		return os.Remove(path)
	}
	return nil
}

// Resolve finds an absolute path of the instance on this machine: on the disk, then as one of the tools, then as it is (/bin/sh).
func (d Disk) Resolve(path string) (string, error) {
	candidates := []string{filepath.Join(d.Root, path), filepath.Join(d.Tools, filepath.Base(path)), path}
	if strings.HasPrefix(path, d.Root+"/") {
		candidates = []string{path, candidates[1]}
	}
	if !strings.Contains(path, "/") {
		candidates = []string{
			filepath.Join(d.Root, "usr/local/bin", path), candidates[1],
			filepath.Join("/usr/bin", path), filepath.Join("/bin", path),
		}
	}
	for _, candidate := range candidates {
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("%s: no such program on the disk, among the tools, or on this machine", path)
}

// Path finds a file or folder of the instance that is no program.
func (d Disk) Path(path string) string {
	if path == d.Root || strings.HasPrefix(path, d.Root+"/") {
		return path
	}
	return filepath.Join(d.Root, path)
}
