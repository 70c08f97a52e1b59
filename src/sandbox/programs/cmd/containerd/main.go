// containerd here is a container runtime that only pretends: it serves CRI on a unix socket and remembers what it was asked for.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	testing "k8s.io/cri-api/pkg/apis/testing"
	"k8s.io/cri-client/pkg/fake"
)

// trimEvery is how often the fakes' record of calls is emptied: it grows by some dozen entries a second.
const trimEvery = 30 * time.Second

// imageBytes is how big every image says it is.
const imageBytes = 10 << 20

func main() {
	address := flag.String("address", "/run/containerd/containerd.sock", "socket to serve CRI on")
	flag.String("config", "", "accepted, and not read")
	flag.Parse()
	if err := run(*address); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	runtime, err := serve(address)
	if err != nil {
		return err
	}
	fmt.Println("serving CRI on", address)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	ticker := time.NewTicker(trimEvery)
	for {
		select {
		case <-ticker.C:
			trim(runtime)
		case <-signals:
			runtime.Stop()
			return nil
		}
	}
}

// serve starts the runtime on the instance's disk.
func serve(address string) (*fake.RemoteRuntime, error) {
	root := filepath.Clean(os.Getenv("WDRIP_ROOT"))
	if os.Getenv("WDRIP_ROOT") == "" {
		return nil, fmt.Errorf("WDRIP_ROOT is not set: this runs only on a sandbox instance's disk")
	}
	if err := os.Chdir(root); err != nil {
		return nil, err
	}
	relative := strings.TrimPrefix(strings.TrimPrefix(address, root), "/")
	// What `kubectl get nodes -o wide` shows. The version stays: the kubelet takes it for the API's and wants 0.1.0.
	testing.FakeRuntimeName = "containerd-hollow"
	runtime := fake.NewFakeRemoteRuntime()
	// The kubelet takes an image of no size for a broken one: a node's second pod of an image would never start.
	runtime.ImageService.SetFakeImageSize(imageBytes)
	// Through the working directory: the disk's own path may be too long for a socket.
	if err := runtime.Start("unix:///proc/self/cwd/" + relative); err != nil {
		return nil, err
	}
	return runtime, nil
}

func trim(runtime *fake.RemoteRuntime) {
	runtime.RuntimeService.Lock()
	runtime.RuntimeService.Called = nil
	runtime.RuntimeService.Unlock()
	runtime.ImageService.Lock()
	runtime.ImageService.Called = nil
	runtime.ImageService.Unlock()
}
