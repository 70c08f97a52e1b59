// systemctl asks the instance's init, over the socket that WDRIP_CONTROL names.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"

	"wdrip/sandbox/programs/internal/service"
)

func main() {
	connection, err := net.Dial("unix", os.Getenv("WDRIP_CONTROL"))
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(connection).Encode(service.Request{Args: os.Args[1:]}); err != nil {
		fail(err)
	}
	var answer service.Response
	if err := json.NewDecoder(connection).Decode(&answer); err != nil {
		fail(err)
	}
	fmt.Print(answer.Stdout)
	fmt.Fprint(os.Stderr, answer.Stderr)
	os.Exit(answer.Code)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "Failed to connect to the instance's init (WDRIP_CONTROL):", err)
	os.Exit(1)
}
