// Package helper is the life of a helper process: length-prefixed frames on standard input and output, one request at a
// time, each bounded in time and memory, and an end as soon as the input ends.
package helper

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
)

// defaultMemory is far above what a build of a few thousand objects needs.
const defaultMemory = 768 << 20

// File is one file of a request.
type File struct {
	Path    string
	Content []byte
}

// Answer is what an operation gives: a JSON result, raw bytes after it, and whether the process must be replaced.
type Answer struct {
	Result  any
	Body    []byte
	Recycle bool
}

// Operation does the work of one request. It keeps nothing of what it is given.
type Operation func(ctx context.Context, args json.RawMessage, files []File) (Answer, error)

// Program is what a helper can do.
type Program struct {
	Name       string
	Operations map[string]Operation
	// Versions names the modules whose behaviour shows in results: module path to the name in the greeting.
	Versions map[string]string
	// Secret makes the bytes of a request and of its answer be overwritten as soon as it is answered.
	Secret bool
}

// Run answers requests until the input ends, then ends the process.
func Run(program Program) {
	memory := flag.Uint64("memory", defaultMemory, "bytes of memory after which the process ends itself")
	flag.Parse()
	// Well before that the collector works harder.
	debug.SetMemoryLimit(int64(*memory / 3 * 2))
	// Frames own the real standard output; a library that prints must not break them.
	out := os.Stdout
	os.Stdout = os.Stderr
	err := newServer(program, os.Stdin, out, *memory).serve()
	if err != nil && !errors.Is(err, errInputEnded) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", program.Name, err)
		os.Exit(1)
	}
}
