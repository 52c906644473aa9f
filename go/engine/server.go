package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"
)

// protocolVersion changes with every incompatible change of frames or operations.
const protocolVersion = 1

// request is the header of an incoming frame. The bytes of Files follow the header, one after another.
type request struct {
	ID       uint32          `json:"id"`
	Op       string          `json:"op"`
	Deadline int64           `json:"deadline,omitempty"` // milliseconds
	Args     json.RawMessage `json:"args,omitempty"`
	Files    []fileHeader    `json:"files,omitempty"`
}

type fileHeader struct {
	Path string `json:"path"`
	Size int    `json:"size"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// response is the header of an answer. Recycle asks the parent to end this process: its state cannot be trusted any more.
type response struct {
	ID       uint32   `json:"id"`
	Error    *failure `json:"error,omitempty"`
	Result   any      `json:"result,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Recycle  bool     `json:"recycle,omitempty"`
	Usage    usage    `json:"usage"`
}

// hello is the first frame: what this process speaks and can do.
type hello struct {
	Protocol   int               `json:"protocol"`
	Operations []string          `json:"operations"`
	Versions   map[string]string `json:"versions"`
	Usage      usage             `json:"usage"`
}

// file is one file of a request.
type file struct {
	path    string
	content []byte
}

// answer is what an operation gives: a JSON result, raw bytes after it, and whether the process must be replaced.
type answer struct {
	result  any
	body    []byte
	recycle bool
}

type operation func(ctx context.Context, args json.RawMessage, files []file) (answer, error)

// operations is the whole of what the helper does.
var operations = map[string]operation{
	"cel.check":       celCheck,
	"cel.eval":        celEval,
	"kustomize.build": kustomizeBuild,
	"openpgp.verify":  openpgpVerify,
	"substitute":      substitute,
}

type server struct {
	in      io.Reader
	out     io.Writer
	writing sync.Mutex
	// running lets one operation run at a time: kustomize keeps process-wide state.
	running sync.Mutex
	cancels sync.Map // request id -> context.CancelFunc
	memory  uint64
}

func newServer(in io.Reader, out io.Writer, memory uint64) *server {
	return &server{in: bufio.NewReaderSize(in, 64<<10), out: out, memory: memory}
}

// serve answers requests until the input ends, which is how the parent, alive or dead, stops this process.
func (s *server) serve() error {
	names := make([]string, 0, len(operations))
	for name := range operations {
		names = append(names, name)
	}
	sort.Strings(names)
	greeting := hello{Protocol: protocolVersion, Operations: names, Versions: moduleVersions(), Usage: readUsage()}
	if err := s.write(greeting, nil); err != nil {
		return err
	}
	for {
		var r request
		body, err := readFrame(s.in, &r)
		if err != nil {
			return err
		}
		if r.Op == "cancel" {
			if cancel, ok := s.cancels.Load(r.ID); ok {
				cancel.(context.CancelFunc)()
			}
			continue
		}
		ctx, cancel := deadlineContext(r.Deadline)
		s.cancels.Store(r.ID, cancel)
		go s.answer(ctx, r, body)
	}
}

func deadlineContext(milliseconds int64) (context.Context, context.CancelFunc) {
	if milliseconds <= 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(milliseconds)*time.Millisecond)
}

func (s *server) answer(ctx context.Context, r request, body []byte) {
	s.running.Lock()
	done := guardMemory(s.memory)
	a, warnings, failed := perform(ctx, r, body)
	close(done)
	s.running.Unlock()
	if cancel, ok := s.cancels.LoadAndDelete(r.ID); ok {
		cancel.(context.CancelFunc)()
	}
	out := response{ID: r.ID, Result: a.result, Warnings: warnings, Recycle: a.recycle, Error: failed, Usage: readUsage()}
	err := s.write(out, a.body)
	if err == nil {
		return
	}
	out.Result, out.Error = nil, &failure{Code: "failed", Message: err.Error()}
	if err := s.write(out, nil); err != nil {
		os.Exit(1) // nobody is listening
	}
}

// perform runs one operation; a panic becomes an error and the end of this process, whose locks may still be held.
func perform(ctx context.Context, r request, body []byte) (a answer, warnings []string, failed *failure) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "engine: panic in %s: %v\n%s", r.Op, p, debug.Stack())
			a, failed = answer{recycle: true}, &failure{Code: "crashed", Message: fmt.Sprintf("%s panicked: %v", r.Op, p)}
		}
	}()
	run, ok := operations[r.Op]
	if !ok {
		return a, nil, &failure{Code: "protocol", Message: fmt.Sprintf("unknown operation %q", r.Op)}
	}
	files, err := splitFiles(r.Files, body)
	if err != nil {
		return a, nil, &failure{Code: "protocol", Message: err.Error()}
	}
	if ctx.Err() != nil {
		return a, nil, contextFailure(ctx)
	}
	printed := captureStderr()
	defer func() { warnings = printed() }()
	a, err = run(ctx, r.Args, files)
	switch {
	case ctx.Err() != nil:
		return answer{recycle: a.recycle}, nil, contextFailure(ctx)
	case err != nil:
		return answer{recycle: a.recycle}, nil, &failure{Code: "failed", Message: strings.TrimSpace(err.Error())}
	}
	return a, nil, nil
}

func contextFailure(ctx context.Context) *failure {
	if ctx.Err() == context.DeadlineExceeded {
		return &failure{Code: "timeout", Message: "deadline exceeded"}
	}
	return &failure{Code: "cancelled", Message: "cancelled"}
}

func splitFiles(headers []fileHeader, body []byte) ([]file, error) {
	files := make([]file, 0, len(headers))
	at := 0
	for _, h := range headers {
		if h.Size < 0 || h.Size > len(body)-at {
			return nil, fmt.Errorf("file %q of %d bytes does not fit in the frame", h.Path, h.Size)
		}
		end := at + h.Size
		files = append(files, file{path: h.Path, content: body[at:end:end]})
		at = end
	}
	if at != len(body) {
		return nil, fmt.Errorf("%d bytes after the last file", len(body)-at)
	}
	return files, nil
}

func (s *server) write(header any, body []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return writeFrame(s.out, header, body)
}
