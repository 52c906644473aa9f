package helper

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// protocolVersion changes with every incompatible change of frames or operations.
const protocolVersion = 2

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

type server struct {
	program Program
	in      io.Reader
	out     io.Writer
	writing sync.Mutex
	// running lets one operation run at a time: libraries keep process-wide state.
	running sync.Mutex
	cancels sync.Map // request id -> context.CancelFunc
	memory  uint64
}

func newServer(program Program, in io.Reader, out io.Writer, memory uint64) *server {
	return &server{program: program, in: bufio.NewReaderSize(in, 64<<10), out: out, memory: memory}
}

// serve answers requests until the input ends, which is how the parent, alive or dead, stops this process.
func (s *server) serve() error {
	greeting := hello{
		Protocol:   protocolVersion,
		Operations: slices.Sorted(maps.Keys(s.program.Operations)),
		Versions:   moduleVersions(s.program.Versions),
		Usage:      readUsage(),
	}
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
	done := guardMemory(s.program.Name, s.memory)
	a, warnings, failed := s.perform(ctx, r, body)
	close(done)
	s.running.Unlock()
	if cancel, ok := s.cancels.LoadAndDelete(r.ID); ok {
		cancel.(context.CancelFunc)()
	}
	if s.program.Secret {
		defer clear(r.Args)
		defer clear(body)
		defer clear(a.Body)
	}
	out := response{ID: r.ID, Result: a.Result, Warnings: warnings, Recycle: a.Recycle, Error: failed, Usage: readUsage()}
	err := s.write(out, a.Body)
	if err == nil {
		return
	}
	out.Result, out.Error = nil, &failure{Code: "failed", Message: err.Error()}
	if err := s.write(out, nil); err != nil {
		os.Exit(1) // nobody is listening
	}
}

// perform runs one operation; a panic becomes an error and the end of this process, whose locks may still be held.
func (s *server) perform(ctx context.Context, r request, body []byte) (a Answer, warnings []string, failed *failure) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "%s: panic in %s: %v\n%s", s.program.Name, r.Op, p, debug.Stack())
			a, failed = Answer{Recycle: true}, &failure{Code: "crashed", Message: fmt.Sprintf("%s panicked: %v", r.Op, p)}
		}
	}()
	run, ok := s.program.Operations[r.Op]
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
		return Answer{Recycle: a.Recycle}, nil, contextFailure(ctx)
	case err != nil:
		return Answer{Recycle: a.Recycle}, nil, &failure{Code: "failed", Message: strings.TrimSpace(err.Error())}
	}
	return a, nil, nil
}

func contextFailure(ctx context.Context) *failure {
	if ctx.Err() == context.DeadlineExceeded {
		return &failure{Code: "timeout", Message: "deadline exceeded"}
	}
	return &failure{Code: "cancelled", Message: "cancelled"}
}

func splitFiles(headers []fileHeader, body []byte) ([]File, error) {
	files := make([]File, 0, len(headers))
	at := 0
	for _, h := range headers {
		if h.Size < 0 || h.Size > len(body)-at {
			return nil, fmt.Errorf("file %q of %d bytes does not fit in the frame", h.Path, h.Size)
		}
		end := at + h.Size
		files = append(files, File{Path: h.Path, Content: body[at:end:end]})
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
