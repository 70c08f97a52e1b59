package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cadvisorapi "github.com/google/cadvisor/info/v1"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	cadvisortest "k8s.io/kubernetes/pkg/kubelet/cadvisor/testing"
)

// The size of the pretended machine: an ecs.c7.xlarge.
const (
	cores       = 4
	memoryBytes = 8 << 30
)

// disk is the instance's root; every path of the kubelet is below it. Empty means that paths are taken as they are.
type disk struct {
	root string
}

func newDisk(root string) (disk, error) {
	if root == "" {
		return disk{}, fmt.Errorf("WDRIP_ROOT is not set: the hollow kubelet runs only on a sandbox instance's disk")
	}
	// Sockets are reached through /proc/self/cwd: the disk's own path may be too long for them.
	return disk{filepath.Clean(root)}, os.Chdir(root)
}

func (d disk) path(path string) string {
	if path == "" || !filepath.IsAbs(path) || path == d.root || strings.HasPrefix(path, d.root+"/") {
		return path
	}
	return filepath.Join(d.root, path)
}

// socket turns unix:///run/x.sock, with the disk's path in front or without, into an endpoint of at most 107 bytes.
func (d disk) socket(endpoint string) (string, error) {
	path, isUnix := strings.CutPrefix(endpoint, "unix://")
	if !isUnix {
		return "", fmt.Errorf("container runtime endpoint %q is not of the form unix:///PATH", endpoint)
	}
	relative, err := filepath.Rel(d.root, d.path(path))
	return "unix:///proc/self/cwd/" + relative, err
}

// confine puts every path below the disk.
func (d disk) confine(flags *options.KubeletFlags, config *kubeletconfig.KubeletConfiguration) {
	for _, path := range []*string{
		&flags.KubeConfig, &flags.BootstrapKubeconfig, &flags.CertDirectory, &flags.RootDirectory,
		&config.PodLogsDir, &config.StaticPodPath, &config.TLSCertFile, &config.TLSPrivateKeyFile,
		&config.Authentication.X509.ClientCAFile, &config.VolumePluginDir,
	} {
		*path = d.path(*path)
	}
}

// hollow switches off whatever would touch this machine or measure it.
func hollow(config *kubeletconfig.KubeletConfiguration) {
	config.CgroupsPerQOS = false
	config.CgroupRoot = ""
	config.EnforceNodeAllocatable = nil
	config.KubeletCgroups, config.SystemCgroups = "", ""
	config.ProtectKernelDefaults = false
	config.MakeIPTablesUtilChains = false
	config.FailSwapOn = false
	config.EnableControllerAttachDetach = false
	config.ReadOnlyPort = 0
	config.ServerTLSBootstrap = false
	config.ShutdownGracePeriod.Duration = 0
	config.ShutdownGracePeriodCriticalPods.Duration = 0
	// The pretended file systems have no size: nothing may be evicted or collected for want of it.
	config.EvictionHard = map[string]string{}
	config.ImageGCHighThresholdPercent = 100
	config.LocalStorageCapacityIsolation = false
	// Pretended containers write no logs: there is nothing to rotate.
	config.ContainerLogMaxSize = "-1"
}

// machine is what cAdvisor would say of the instance.
type machine struct {
	*cadvisortest.Fake
	info cadvisorapi.MachineInfo
}

func newMachine(d disk) *machine {
	id := os.Getenv("WDRIP_INSTANCE")
	bootID, _ := os.ReadFile(filepath.Join(d.root, "run/boot-id"))
	return &machine{&cadvisortest.Fake{NodeName: id}, cadvisorapi.MachineInfo{
		NumCores: cores, MemoryCapacity: memoryBytes, InstanceID: cadvisorapi.InstanceID(id),
		MachineID: id, SystemUUID: id, BootID: strings.TrimSpace(string(bootID)),
	}}
}

func (m *machine) MachineInfo() (*cadvisorapi.MachineInfo, error) {
	info := m.info
	return &info, nil
}

func (m *machine) VersionInfo() (*cadvisorapi.VersionInfo, error) {
	return &cadvisorapi.VersionInfo{KernelVersion: "0.0.0-hollow", ContainerOsVersion: "wdrip sandbox"}, nil
}
