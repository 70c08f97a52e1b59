package main

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
)

func TestAKubeletsClientIsContent(t *testing.T) {
	root := t.TempDir()
	t.Setenv("WDRIP_ROOT", root)
	t.Chdir(root)
	runtime, err := serve(root + "/run/containerd/containerd.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.Stop()
	ctx := context.Background()
	endpoint := "unix:///proc/self/cwd/run/containerd/containerd.sock"
	service, err := remote.NewRemoteRuntimeService(ctx, endpoint, 10*time.Second, noop.NewTracerProvider(), false)
	if err != nil {
		t.Fatal(err)
	}
	status, err := service.Status(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range status.Status.Conditions {
		if !condition.Status {
			t.Errorf("%s is false", condition.Type)
		}
	}
	images, err := remote.NewRemoteImageService(ctx, endpoint, 10*time.Second, noop.NewTracerProvider(), false)
	if err != nil {
		t.Fatal(err)
	}
	image := &cri.ImageSpec{Image: "registry.invalid/web:1"}
	if status, err := images.ImageStatus(ctx, image, false); err != nil || status.Image != nil {
		t.Errorf("before the pull: %v %v", status, err)
	}
	if _, err := images.PullImage(ctx, image, nil, nil); err != nil {
		t.Fatal(err)
	}
	// What a node's second pod of an image asks.
	if status, err := images.ImageStatus(ctx, image, false); err != nil || status.Image == nil {
		t.Errorf("after the pull: %v %v", status, err)
	}
	trim(runtime)
	if calls := len(runtime.RuntimeService.Called) + len(runtime.ImageService.Called); calls != 0 {
		t.Errorf("%d calls are still remembered", calls)
	}
}
