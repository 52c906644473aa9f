// Command fluxvars is what the tests hold the engine's substitution against: the road that Flux itself takes, step by step,
// through kustomize's Resource (fluxcd/pkg kustomize, SubstituteVariables). It speaks as the engine does.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"plumb.dev/go/helper"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/yaml"
)

type arguments struct {
	Variables map[string]string `json:"variables"`
	Strict    bool              `json:"strict"`
}

type outcome struct {
	Size  int    `json:"size,omitempty"`
	Error string `json:"error,omitempty"`
}

type result struct {
	Objects []outcome `json:"objects"`
}

func main() {
	helper.Run(helper.Program{
		Name:       "fluxvars",
		Operations: map[string]helper.Operation{"substitute": substitute},
	})
}

func substitute(_ context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args arguments
	if err := json.Unmarshal(raw, &args); err != nil {
		return helper.Answer{}, err
	}
	given := result{Objects: []outcome{}}
	var body bytes.Buffer
	for _, f := range files {
		text, err := object(f.Content, args)
		if err != nil {
			given.Objects = append(given.Objects, outcome{Error: err.Error()})
			continue
		}
		body.Write(text)
		given.Objects = append(given.Objects, outcome{Size: len(text)})
	}
	return helper.Answer{Result: given, Body: body.Bytes()}, nil
}

// object is Flux's road from what kustomize built to what is applied. The resource is printed once more at its end, as Flux
// prints it before it reads the objects to apply.
func object(text []byte, args arguments) ([]byte, error) {
	res, err := provider.NewDefaultDepProvider().GetResourceFactory().FromBytes(text)
	if err != nil {
		return nil, err
	}
	if err := replace(res, args); err != nil {
		return nil, err
	}
	printed, err := res.AsYAML()
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(printed)
}

func replace(res *resource.Resource, args arguments) error {
	printed, err := res.AsYAML()
	if err != nil {
		return err
	}
	replaced, err := envsubst.Eval(string(printed), func(name string) (string, bool) {
		value, known := args.Variables[name]
		return strings.ReplaceAll(value, "\n", ""), known || !args.Strict
	})
	if err != nil {
		return fmt.Errorf("envsubst error: variable substitution failed: %w", err)
	}
	text, err := yaml.YAMLToJSON([]byte(replaced))
	if err != nil {
		return fmt.Errorf("envsubst error: YAMLToJSON: %w", err)
	}
	if err := res.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("UnmarshalJSON: %w", err)
	}
	return nil
}
