// wdrip-node is what a node needs of wdrip, beside etcd's and Kubernetes' own programs: it fetches the node's bundle, issues its serving
// certificates, decides how its etcd begins, looks into etcd's data, restores it, and shows a load balancer whether the API server is ready.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"wdrip/sandbox/programs/internal/member"
	"wdrip/sandbox/programs/internal/oss"
	"wdrip/sandbox/programs/internal/pki"
	"wdrip/sandbox/programs/internal/ready"
	"wdrip/sandbox/programs/internal/sealed"
)

const (
	metadataURL = "http://100.100.100.200"
	// defaultLimit is how long `fetch` tries; whoever calls it may call it again.
	defaultLimit = time.Minute
	exitFailed   = 1
	exitUsage    = 2
	// exitDamaged: what is stored is not what was written, or gone (sysexits.h, EX_DATAERR; src/bootstrap/etcd-commands.ts knows it).
	exitDamaged = 65
)

const usage = `usage:
  wdrip-node fetch --region R --bucket B --key K --sha256 HASH --out FILE [--endpoint URL] [--limit 1m]
  wdrip-node issue --ca PATH --out PATH --common-name NAME [--names A,B] [--addresses A,B] [--client]
  wdrip-node etcd --data-dir DIR --name N --peer-url URL --cert F --key F --ca F --seeds F --found F --force F -- ETCD-ARGUMENTS
  wdrip-node etcd-inspect --data-dir DIR
  wdrip-node etcd-restore --region R --bucket B --key TICKET --sha256 HASH --data-dir DIR --name N --peer-url URL --token T
    [--bump-revision N] [--endpoint URL] [--limit 1m]
  wdrip-node ready --listen ADDRESS --url URL --needs ADDRESS --ca FILE`

var sha256Hex = regexp.MustCompile("^[0-9a-f]{64}$")

func main() {
	if len(os.Args) < 2 {
		fail(exitUsage, usage)
	}
	commands := map[string]func([]string) error{
		"fetch": fetch, "issue": issue, "etcd": startEtcd, "etcd-inspect": inspect, "etcd-restore": restore, "ready": gate,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fail(exitUsage, usage)
	}
	if err := command(os.Args[2:]); err != nil {
		status := exitFailed
		if sealed.IsDamaged(err) {
			status = exitDamaged
		}
		fail(status, "wdrip-node "+os.Args[1]+": "+err.Error())
	}
}

func fetch(args []string) error {
	flags := flag.NewFlagSet("fetch", flag.ExitOnError)
	source := sourceOf(flags, "what its content must hash to")
	out := flags.String("out", "", "file to write")
	_ = flags.Parse(args)
	if *out == "" {
		fail(exitUsage, "wdrip-node fetch: --out is needed")
	}
	return source.read(oss.Fetch, *out)
}

// restore makes a data directory out of a sealed snapshot, which lies in it from the beginning: nothing is copied.
func restore(args []string) error {
	var f member.Founding
	flags := flag.NewFlagSet("etcd-restore", flag.ExitOnError)
	source := sourceOf(flags, "what the sealed snapshot must hash to that the ticket is for")
	flags.StringVar(&f.DataDir, "data-dir", "", "etcd's data, which must not be there")
	flags.StringVar(&f.Name, "name", "", "the member's name")
	flags.StringVar(&f.PeerURL, "peer-url", "", "where its peers find it")
	flags.StringVar(&f.Token, "token", "", "fresh for each restore")
	flags.Int64Var(&f.BumpRevision, "bump-revision", 0, "added to the newest revision; what was before is compacted then")
	_ = flags.Parse(args)
	if err := f.Prepare(); err != nil {
		return err
	}
	if err := source.read(oss.FetchSealed, f.Database()); err != nil {
		return err
	}
	return member.Found(f)
}

// source is an object, and how long it is tried to get it.
type source struct {
	object oss.Object
	limit  time.Duration
}

func sourceOf(flags *flag.FlagSet, hash string) *source {
	var s source
	flags.StringVar(&s.object.Endpoint, "endpoint", "", "URL of the object storage (default: the region's own)")
	flags.StringVar(&s.object.Region, "region", "", "region, such as cn-hangzhou")
	flags.StringVar(&s.object.Bucket, "bucket", "", "bucket")
	flags.StringVar(&s.object.Key, "key", "", "key of the object")
	flags.StringVar(&s.object.SHA256, "sha256", "", hash)
	flags.DurationVar(&s.limit, "limit", defaultLimit, "how long to try")
	return &s
}

func (s *source) read(fetch oss.Fetcher, out string) error {
	s.object.Region = strings.TrimPrefix(s.object.Region, "oss-")
	if s.object.Region == "" || s.object.Bucket == "" || s.object.Key == "" || !sha256Hex.MatchString(s.object.SHA256) {
		fail(exitUsage, "wdrip-node: --region, --bucket, --key and --sha256 (64 hex digits) are needed")
	}
	metadata := os.Getenv("WDRIP_METADATA")
	if metadata == "" {
		metadata = metadataURL
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	return fetch(ctx, oss.NewClient(), metadata, s.object, out, say)
}

func issue(args []string) error {
	flags := flag.NewFlagSet("issue", flag.ExitOnError)
	authority := flags.String("ca", "", "the authority's files without .crt and .key")
	out := flags.String("out", "", "the files to write, likewise")
	name := flags.String("common-name", "", "common name")
	names := flags.String("names", "", "DNS names")
	addresses := flags.String("addresses", "", "IP addresses")
	client := flags.Bool("client", false, "clients log in with it as well")
	_ = flags.Parse(args)
	request := pki.Request{CommonName: *name, Names: words(*names), Client: *client}
	for _, text := range words(*addresses) {
		address := net.ParseIP(text)
		if address == nil {
			return fmt.Errorf("%q is no IP address", text)
		}
		request.Addresses = append(request.Addresses, address)
	}
	if *authority == "" || *out == "" || *name == "" {
		fail(exitUsage, "wdrip-node issue: --ca, --out and --common-name are needed")
	}
	return pki.Issue(*authority, *out, request)
}

func startEtcd(args []string) error {
	var s member.Settings
	flags := flag.NewFlagSet("etcd", flag.ExitOnError)
	for name, into := range map[string]*string{
		"data-dir": &s.DataDir, "name": &s.Name, "peer-url": &s.PeerURL, "seeds": &s.SeedsFile, "found": &s.FoundFile,
		"force": &s.ForceFile, "cert": &s.CertFile, "key": &s.KeyFile, "ca": &s.CAFile,
	} {
		flags.StringVar(into, name, "", "see internal/member")
	}
	_ = flags.Parse(args)
	program, err := exec.LookPath("etcd")
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	begin, err := member.Begin(ctx, s, func(text string) { fmt.Fprintln(os.Stderr, "wdrip-node etcd:", text) })
	cancel()
	if err != nil {
		return err
	}
	all := append([]string{"etcd", "--name=" + s.Name, "--data-dir=" + s.DataDir, "--initial-advertise-peer-urls=" + s.PeerURL}, begin...)
	return syscall.Exec(program, append(all, flags.Args()...), os.Environ())
}

func inspect(args []string) error {
	flags := flag.NewFlagSet("etcd-inspect", flag.ExitOnError)
	dataDir := flags.String("data-dir", "", "etcd's data")
	_ = flags.Parse(args)
	return json.NewEncoder(os.Stdout).Encode(member.Inspect(*dataDir))
}

func gate(args []string) error {
	flags := flag.NewFlagSet("ready", flag.ExitOnError)
	listen := flags.String("listen", "", "address to open while it is ready")
	url := flags.String("url", "", "what answers 200 when it is")
	needs := flags.String("needs", "", "what must listen for that")
	ca := flags.String("ca", "", "whom the URL's certificate must be signed by")
	_ = flags.Parse(args)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	return ready.Gate(ctx, *listen, *url, *needs, *ca, func(text string) { fmt.Println(text) })
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func say(err error) {
	fmt.Fprintln(os.Stderr, "wdrip-node:", err)
}

func fail(status int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(status)
}
