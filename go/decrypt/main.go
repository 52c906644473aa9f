// Command decrypt is Plumb's helper for SOPS: encrypted bytes and the keys for them in, plain bytes out. It is a process
// of its own because it holds keys and has the network, for the key management services. It keeps nothing between
// requests, reads no key from disk and starts no program.
package main

import (
	"io"
	"os"
	"syscall"

	"github.com/getsops/sops/v3/logging"
	"github.com/sirupsen/logrus"
	"plumb.dev/go/helper"
)

// prSetDumpable is Linux's PR_SET_DUMPABLE: at 0 no core is written and no other process may look into this one.
const prSetDumpable = 4

func main() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	// The AWS library would look for both in a home directory, whose files may name programs to start.
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		_ = os.Setenv(name, os.DevNull)
	}
	// What sops logs it also returns as errors; the rest may quote files.
	logrus.SetOutput(io.Discard)
	logging.SetLevel(logrus.PanicLevel)
	helper.Run(helper.Program{
		Name: "decrypt",
		Operations: map[string]helper.Operation{
			"sops.decrypt": decryptFiles,
			"sops.needs":   needsOfFiles,
		},
		Versions: map[string]string{"github.com/getsops/sops/v3": "sops", "filippo.io/age": "age"},
		Secret:   true,
	})
}
