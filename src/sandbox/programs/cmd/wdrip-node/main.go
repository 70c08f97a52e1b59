// wdrip-node is what a node needs of wdrip: it fetches the node's bundle from object storage with the credentials of the node's role.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"wdrip/sandbox/programs/internal/oss"
)

const (
	metadataURL = "http://100.100.100.200"
	// defaultLimit is how long `fetch` tries; whoever calls it may call it again.
	defaultLimit = time.Minute
	exitFailed   = 1
	exitUsage    = 2
)

var sha256Hex = regexp.MustCompile("^[0-9a-f]{64}$")

func main() {
	if len(os.Args) < 2 || os.Args[1] != "fetch" {
		fail(exitUsage, "usage: wdrip-node fetch --region R --bucket B --key K --sha256 HASH --out FILE [--endpoint URL] [--limit 1m]")
	}
	var object oss.Object
	flags := flag.NewFlagSet("fetch", flag.ExitOnError)
	flags.StringVar(&object.Endpoint, "endpoint", "", "URL of the object storage (default: the region's own)")
	flags.StringVar(&object.Region, "region", "", "region, such as cn-hangzhou")
	flags.StringVar(&object.Bucket, "bucket", "", "bucket")
	flags.StringVar(&object.Key, "key", "", "key of the object")
	flags.StringVar(&object.SHA256, "sha256", "", "what its content must hash to")
	out := flags.String("out", "", "file to write")
	limit := flags.Duration("limit", defaultLimit, "how long to try")
	_ = flags.Parse(os.Args[2:])
	object.Region = strings.TrimPrefix(object.Region, "oss-")
	if object.Region == "" || object.Bucket == "" || object.Key == "" || *out == "" || !sha256Hex.MatchString(object.SHA256) {
		fail(exitUsage, "wdrip-node fetch: --region, --bucket, --key, --out and --sha256 (64 hex digits) are needed")
	}
	metadata := os.Getenv("WDRIP_METADATA")
	if metadata == "" {
		metadata = metadataURL
	}
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	err := oss.Fetch(ctx, oss.NewClient(), metadata, object, *out, func(err error) { fmt.Fprintln(os.Stderr, "wdrip-node:", err) })
	if err != nil {
		fail(exitFailed, "wdrip-node: "+err.Error())
	}
}

func fail(status int, message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(status)
}
