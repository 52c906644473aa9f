package helper

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"
)

// maxWarnings bounds what one request may print.
const maxWarnings = 16 << 10

// usage is what this process has cost so far.
type usage struct {
	CPUSeconds   float64 `json:"cpuSeconds"`
	PeakRSSBytes int64   `json:"peakRssBytes"`
}

func readUsage() usage {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return usage{}
	}
	cpu := time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return usage{CPUSeconds: cpu.Seconds(), PeakRSSBytes: peakRSS(int64(r.Maxrss))}
}

// peakRSS is the most memory this program held, in bytes. Linux counts in maxrss, in kibibytes, also what the process
// that forked this one held at that moment: a small helper of a large agent would look as large as the agent.
func peakRSS(maxrss int64) int64 {
	if runtime.GOOS != "linux" {
		return maxrss
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return maxrss * 1024
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	return maxrss * 1024
}

// guardMemory ends the process when a request takes more than limit bytes, before it harms its neighbours. Close the
// channel when the request is done.
func guardMemory(name string, limit uint64) chan struct{} {
	done := make(chan struct{})
	report := os.Stderr
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			metrics.Read(sample)
			if used := sample[0].Value.Uint64() - sample[1].Value.Uint64(); used > limit {
				// The same words each time, however much it took: what is told again is told once.
				fmt.Fprintf(report, "%s: out of memory: more than %d MiB used\n", name, limit>>20)
				os.Exit(3)
			}
		}
	}()
	return done
}

// captureStderr collects the lines that libraries print as warnings until the returned function is called.
func captureStderr() func() []string {
	r, w, err := os.Pipe()
	if err != nil {
		return func() []string { return nil }
	}
	real := os.Stderr
	os.Stderr = w
	text := make(chan string, 1)
	go func() {
		var kept bytes.Buffer
		_, _ = io.Copy(&kept, io.LimitReader(r, maxWarnings))
		_, _ = io.Copy(io.Discard, r)
		text <- kept.String()
	}()
	return func() []string {
		os.Stderr = real
		w.Close()
		lines := strings.FieldsFunc(<-text, func(c rune) bool { return c == '\n' })
		r.Close()
		return lines
	}
}

// moduleVersions gives the version of each named module, and Go's.
func moduleVersions(names map[string]string) map[string]string {
	versions := map[string]string{"go": runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	for _, module := range info.Deps {
		if name, ok := names[module.Path]; ok {
			versions[name] = module.Version
		}
	}
	return versions
}
