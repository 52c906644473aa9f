// Command engine is Plumb's helper for the transforms that only upstream Go libraries do exactly: bytes in, bytes out.
// It speaks length-prefixed frames on standard input and output, reads no file, and keeps nothing between requests but
// compiled CEL expressions.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

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
	// Times are the same on every machine. Helm logs values.
	time.Local = time.UTC
	log.SetOutput(io.Discard)
	helper.Run(helper.Program{
		Name: "engine",
		Operations: map[string]helper.Operation{
			"cel.check":       celCheck,
			"cel.eval":        celEval,
			"helm.chart":      helmChart,
			"helm.digest":     helmDigest,
			"helm.template":   helmTemplate,
			"helm.values":     helmValues,
			"kustomize.build": kustomizeBuild,
			"openpgp.verify":  openpgpVerify,
			"substitute":      substitute,
		},
		Versions: map[string]string{
			"github.com/fluxcd/pkg/envsubst": "envsubst",
			"github.com/google/cel-go":       "cel",
			"helm.sh/helm/v4":                "helm",
			"sigs.k8s.io/kustomize/api":      "kustomize",
		},
	})
}
