// instance-agent is Cloud Assistant's agent on a sandbox instance. It listens on the socket that WDRIP_AGENT names.
package main

import (
	"fmt"
	"net"
	"os"

	"wdrip/sandbox/programs/internal/agent"
)

func main() {
	path := os.Getenv("WDRIP_AGENT")
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "instance-agent:", err)
		os.Exit(1)
	}
	fmt.Println("listening on", path)
	agent.Serve(listener)
}
