// Command engine is Plumb's helper for the transforms that only upstream Go libraries do exactly: bytes in, bytes out.
// It speaks length-prefixed frames on standard input and output, keeps no state between requests and reads no file.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
)

// noNetwork refuses every request that a library tries to make on its own.
type noNetwork struct{}

func (noNetwork) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("the helper has no network, refused %s %s", request.Method, request.URL.Redacted())
}

func main() {
	http.DefaultTransport = noNetwork{}
	os.Clearenv()
	// Frames own the real standard output; a library that prints must not break them.
	out := os.Stdout
	os.Stdout = os.Stderr
	err := newServer(os.Stdin, out).serve()
	if err != nil && !errors.Is(err, errInputEnded) {
		fmt.Fprintf(os.Stderr, "engine: %v\n", err)
		os.Exit(1)
	}
}
