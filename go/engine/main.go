// Command engine is Plumb's helper for the transforms that only upstream Go libraries do exactly: bytes in, bytes out.
// It speaks length-prefixed frames on standard input and output, reads no file, and keeps nothing between requests but
// compiled CEL expressions.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
)

// defaultMemory is far above what a build of a few thousand objects needs.
const defaultMemory = 768 << 20

// noNetwork refuses every request that a library tries to make on its own.
type noNetwork struct{}

func (noNetwork) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("the helper has no network, refused %s %s", request.Method, request.URL.Redacted())
}

func main() {
	memory := flag.Uint64("memory", defaultMemory, "bytes of memory after which the process ends itself")
	flag.Parse()
	// Well before that the collector works harder.
	debug.SetMemoryLimit(int64(*memory / 3 * 2))
	http.DefaultTransport = noNetwork{}
	os.Clearenv()
	// Frames own the real standard output; a library that prints must not break them.
	out := os.Stdout
	os.Stdout = os.Stderr
	err := newServer(os.Stdin, out, *memory).serve()
	if err != nil && !errors.Is(err, errInputEnded) {
		fmt.Fprintf(os.Stderr, "engine: %v\n", err)
		os.Exit(1)
	}
}
