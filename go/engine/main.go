// Command engine is Plumb's helper for the transforms that only upstream Go libraries do exactly: bytes in, bytes out.
// It speaks length-prefixed frames on standard input and output, reads no file, and keeps nothing between requests but
// compiled CEL expressions.
package main

import (
	"fmt"
	"net/http"
	"os"

	"plumb.dev/go/helper"
)

// noNetwork refuses every request that a library tries to make on its own.
type noNetwork struct{}

func (noNetwork) RoundTrip(request *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("the helper has no network, refused %s %s", request.Method, request.URL.Redacted())
}

func main() {
	http.DefaultTransport = noNetwork{}
	os.Clearenv()
	helper.Run(helper.Program{
		Name: "engine",
		Operations: map[string]helper.Operation{
			"cel.check":       celCheck,
			"cel.eval":        celEval,
			"kustomize.build": kustomizeBuild,
			"openpgp.verify":  openpgpVerify,
			"substitute":      substitute,
		},
		Versions: map[string]string{
			"github.com/fluxcd/pkg/envsubst": "envsubst",
			"github.com/google/cel-go":       "cel",
			"sigs.k8s.io/kustomize/api":      "kustomize",
		},
	})
}
