// hollow-kubelet is the real kubelet's code with nothing below it, as in kubemark: it registers a node, keeps its lease, runs pods in a
// container runtime that only pretends, and touches nothing of this machine but its instance's disk. It takes the real kubelet's flags
// and configuration file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/trace/noop"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	_ "k8s.io/component-base/metrics/prometheus/restclient" // for client metric registration
	_ "k8s.io/component-base/metrics/prometheus/version"    // for version metric registration
	"k8s.io/component-base/version"
	"k8s.io/component-base/version/verflag"
	nodeutil "k8s.io/component-helpers/node/util"
	remote "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/certificate/bootstrap"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubelet/kubeletconfig/configfiles"
	"k8s.io/kubernetes/pkg/kubemark"
	utilfs "k8s.io/kubernetes/pkg/util/filesystem"
)

// runtimeTimeout bounds one call to the container runtime, as in kubemark.
const runtimeTimeout = 15 * time.Second

func main() {
	ctx := context.Background()
	if err := run(ctx, os.Args[1:]); err != nil {
		klog.ErrorS(err, "The kubelet can't run")
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags, config, err := settings(ctx, args)
	if err != nil {
		return err
	}
	klog.InfoS("Hollow kubelet", "version", version.Get().GitVersion)
	d, err := newDisk(os.Getenv("WDRIP_ROOT"))
	if err != nil {
		return err
	}
	d.confine(flags, config)
	hollow(config)
	if config.Address == "" || config.Address == "0.0.0.0" {
		config.Address = os.Getenv("WDRIP_IP")
	}
	name, err := nodeutil.GetHostname(flags.HostnameOverride)
	if err != nil {
		return err
	}

	if flags.BootstrapKubeconfig != "" {
		err := bootstrap.LoadClientCert(ctx, flags.KubeConfig, flags.BootstrapKubeconfig, flags.CertDirectory, types.NodeName(name))
		if err != nil {
			return fmt.Errorf("TLS bootstrap: %w", err)
		}
	}
	clients, err := newClients(flags.KubeConfig, config)
	if err != nil {
		return err
	}
	endpoint, err := d.socket(config.ContainerRuntimeEndpoint)
	if err != nil {
		return err
	}
	runtime, err := remote.NewRemoteRuntimeService(ctx, endpoint, runtimeTimeout, noop.NewTracerProvider(), false)
	if err != nil {
		return fmt.Errorf("container runtime at %s: %w", config.ContainerRuntimeEndpoint, err)
	}
	images, err := remote.NewRemoteImageService(ctx, endpoint, runtimeTimeout, noop.NewTracerProvider(), false)
	if err != nil {
		return fmt.Errorf("image service at %s: %w", config.ContainerRuntimeEndpoint, err)
	}
	// Gives the dependencies that touch nothing: volumes, mounts, probes, the OOM killer, the file system.
	dependencies := kubemark.NewHollowKubelet(
		flags, config, clients.api, clients.heartbeat, newMachine(d), images, runtime, cm.NewStubContainerManager(),
	).KubeletDeps
	dependencies.TLSOptions, err = kubeletapp.InitializeTLS(ctx, flags, config)
	if err != nil {
		return err
	}
	auth, reload, err := kubeletapp.BuildAuth(types.NodeName(name), clients.api, *config)
	if err != nil {
		return err
	}
	dependencies.Auth = auth
	reload(ctx.Done())
	return serve(ctx, flags, config, dependencies, name)
}

// settings reads the flags and the configuration file as the real kubelet does: the flags win.
func settings(ctx context.Context, args []string) (*options.KubeletFlags, *kubeletconfig.KubeletConfiguration, error) {
	flags := options.NewKubeletFlags()
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, nil, err
	}
	parse := func(flags *options.KubeletFlags, config *kubeletconfig.KubeletConfiguration) error {
		set := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
		set.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
		flags.AddFlags(set)
		options.AddKubeletConfigFlags(set, config)
		options.AddGlobalFlags(set)
		if err := set.Parse(args); err != nil {
			return err
		}
		if set.NArg() > 0 {
			return fmt.Errorf("unknown argument %q", set.Arg(0))
		}
		return nil
	}
	if err := parse(flags, config); err != nil {
		return nil, nil, err
	}
	verflag.PrintAndExitIfRequested()
	if flags.KubeletConfigFile == "" {
		return flags, config, nil
	}
	loader, err := configfiles.NewFsLoader(&utilfs.DefaultFs{}, flags.KubeletConfigFile)
	if err != nil {
		return nil, nil, err
	}
	if config, err = loader.Load(ctx); err != nil {
		return nil, nil, err
	}
	return flags, config, parse(options.NewKubeletFlags(), config)
}

type clients struct {
	api, heartbeat *clientset.Clientset
}

// newClients makes the client for everything and the one for heartbeats, which may take no longer than they are apart.
func newClients(path string, config *kubeletconfig.KubeletConfiguration) (clients, error) {
	loaded, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return clients{}, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	rest, err := clientcmd.NewDefaultClientConfig(*loaded, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return clients{}, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	rest.ContentType = config.ContentType
	rest.QPS = float32(config.KubeAPIQPS)
	rest.Burst = int(config.KubeAPIBurst)
	api, err := clientset.NewForConfig(restclient.AddUserAgent(rest, "kubelet"))
	if err != nil {
		return clients{}, err
	}
	beat := restclient.CopyConfig(rest)
	beat.Timeout = min(config.NodeStatusUpdateFrequency.Duration, time.Duration(config.NodeLeaseDurationSeconds)*time.Second)
	beat.QPS = -1
	heartbeat, err := clientset.NewForConfig(beat)
	return clients{api, heartbeat}, err
}

// serve is what kubeletapp.RunKubelet does, but for the node's address: that comes from the host name, which RunKubelet takes to be the
// node's name, and a loopback address is refused as --node-ip. Nor does it change this process's limits.
func serve(
	ctx context.Context, flags *options.KubeletFlags, config *kubeletconfig.KubeletConfiguration, d *kubelet.Dependencies, name string,
) error {
	address := flags.NodeIP
	if address == "" {
		address = config.Address
	}
	labels := map[string]string{"kubernetes.io/hostname": name}
	for key, value := range flags.NodeLabels {
		labels[key] = value
	}
	k, err := kubelet.NewMainKubelet(
		ctx, config, d, &flags.ContainerRuntimeOptions, address, types.NodeName(name), nil, config.ProviderID, "",
		flags.CertDirectory, flags.RootDirectory, config.PodLogsDir, "", "", config.RegisterNode, config.RegisterWithTaints,
		config.AllowedUnsafeSysctls, "", false, true, flags.MinimumGCAge, flags.MaxPerPodContainerCount, flags.MaxContainerCount,
		labels, config.NodeStatusMaxImages, config.SeccompDefault,
	)
	if err != nil {
		return fmt.Errorf("creating the kubelet: %w", err)
	}
	if d.PodConfig == nil {
		return errors.New("the kubelet has no source of pods")
	}
	k.BirthCry()
	k.StartGarbageCollection(ctx)
	go k.Run(ctx, d.PodConfig.Updates())
	k.ListenAndServe(ctx, config, d.TLSConfig, d.Auth, d.TracerProvider)
	return errors.New("the kubelet's server ended")
}
