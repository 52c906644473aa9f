package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"plumb.dev/go/helper"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

type kustomizeArgs struct {
	// Path is the folder to build, relative to the tree; "." is its root.
	Path string `json:"path"`
}

type kustomizeObject struct {
	Size   int    `json:"size"`
	Origin string `json:"origin"`
}

type kustomizeResult struct {
	Objects []kustomizeObject `json:"objects"`
}

// kustomizeBuild builds the folder at args.path. The body of its answer is the objects' JSON, one after another.
func kustomizeBuild(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args kustomizeArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return helper.Answer{}, err
	}
	ownSchema := anyOpenAPI(files)
	if ownSchema {
		// A build with its own schema starts from the built-in one, and the process ends after it: the schema is
		// process-wide and would silently change what later builds merge (kustomize issue 5805).
		openapi.ResetOpenAPI()
		openapi.Schema()
	}
	tree, err := newTreeFS(files)
	if err != nil {
		return helper.Answer{Recycle: ownSchema}, err
	}
	keepOrigin := prepareRoot(tree, files, path.Clean(args.Path))
	a, err := build(ctx, tree, args.Path, keepOrigin)
	a.Recycle = ownSchema
	if err != nil {
		return a, errors.New(readable(err.Error()))
	}
	return a, nil
}

// readable takes the place where the tree stands out of a message.
func readable(message string) string {
	return strings.NewReplacer(treeRoot+"/", "", "'"+treeRoot+"'", "'.'").Replace(message)
}

func build(ctx context.Context, tree *treeFS, dir string, keepOrigin bool) (helper.Answer, error) {
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	// The tree is the jail: nothing else exists, so a file above the folder is allowed as in Flux.
	options.LoadRestrictions = types.LoadRestrictionsNone
	resources, err := krusty.MakeKustomizer(options).Run(tree, path.Join(treeRoot, dir))
	if err != nil {
		return helper.Answer{}, err
	}
	result := kustomizeResult{Objects: make([]kustomizeObject, 0, resources.Size())}
	var body bytes.Buffer
	for _, r := range resources.Resources() {
		if err := ctx.Err(); err != nil {
			return helper.Answer{}, err
		}
		origin, err := takeOrigin(r, dir, keepOrigin)
		if err != nil {
			return helper.Answer{}, err
		}
		start := body.Len()
		if err := writeJSON(&body, r); err != nil {
			return helper.Answer{}, fmt.Errorf("%s: %w", r.CurId(), err)
		}
		result.Objects = append(result.Objects, kustomizeObject{Size: body.Len() - start, Origin: origin})
	}
	return helper.Answer{Result: result, Body: body.Bytes()}, nil
}

// takeOrigin reads where an object came from, relative to the tree, and removes the mark unless the user asked for it.
func takeOrigin(r *resource.Resource, dir string, keep bool) (string, error) {
	origin, err := r.GetOrigin()
	if err != nil || origin == nil {
		return "", err
	}
	if !keep {
		if err := r.SetOrigin(nil); err != nil {
			return "", err
		}
	}
	from := origin.Path
	if from == "" {
		from = origin.ConfiguredIn
	}
	if from == "" {
		return "", nil
	}
	return path.Join(dir, from), nil
}

func isKustomizationFile(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

func anyOpenAPI(files []helper.File) bool {
	return slices.ContainsFunc(files, func(f helper.File) bool {
		return isKustomizationFile(path.Base(f.Path)) && holdsOpenAPI(f.Content)
	})
}

// holdsOpenAPI parses only where the key may be: a backslash could spell it in escapes.
func holdsOpenAPI(content []byte) bool {
	if !bytes.Contains(bytes.ToLower(content), []byte("openapi")) && bytes.IndexByte(content, '\\') < 0 {
		return false
	}
	fields, err := topLevel(content)
	if err != nil {
		return true // the build will say what is wrong
	}
	return fields.find("openapi") != ""
}

// prepareRoot makes the kustomization that is built as Flux reads it, turns on origin marks in it, and tells whether it asks for them itself.
// A file that upstream will refuse is left as it is, so that its message stays.
func prepareRoot(tree *treeFS, files []helper.File, dir string) bool {
	keep := false
	for _, f := range files {
		if !isKustomizationFile(path.Base(f.Path)) || path.Dir(f.Path) != dir {
			continue
		}
		read := asFluxReads(f)
		marked, asked := withOrigins(read)
		keep = keep || asked
		if marked == nil && !bytes.Equal(read, f.Content) {
			marked = read
		}
		if marked != nil {
			tree.firstRead(f.Path, marked)
		}
	}
	return keep
}

// asFluxReads gives a kustomization without the fields that kustomize does not know and with numbers made text where text belongs, and
// warns of it: kustomize-controller reads the file at spec.path so, kustomize itself refuses it.
func asFluxReads(f helper.File) []byte {
	var k types.Kustomization
	refused := k.Unmarshal(f.Content)
	// With nothing left of it, what was refused is the reason.
	if refused == nil || yaml.Unmarshal(f.Content, &k) != nil || k.CheckEmpty() != nil {
		return f.Content
	}
	text, err := json.Marshal(k)
	if err != nil {
		return f.Content
	}
	fmt.Fprintf(os.Stderr, "# Warning: %s: %s: read as Flux reads it, without what does not belong there\n", f.Path, cause(refused))
	return text
}

func cause(err error) string {
	return strings.NewReplacer("invalid Kustomization: ", "", "json: ", "").Replace(err.Error())
}

// withOrigins gives a kustomization with origin marks on, or nil where it is not to be changed, and whether it asks for them itself.
func withOrigins(content []byte) (marked []byte, asked bool) {
	fields, err := topLevel(content)
	if err != nil || fields.empty() {
		return nil, false
	}
	key := fields.find("buildMetadata")
	if key == "" {
		key = "buildMetadata"
	}
	var options []string
	if value, ok := fields[key]; ok && json.Unmarshal(value, &options) != nil {
		return nil, false
	}
	if slices.Contains(options, types.OriginAnnotations) {
		return nil, true
	}
	if fields[key], err = json.Marshal(append(options, types.OriginAnnotations)); err != nil {
		return nil, false
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, false
	}
	return text, false
}

// fieldSet is the top level of a kustomization file. Upstream reads its keys without regard to case.
type fieldSet map[string]json.RawMessage

func topLevel(content []byte) (fieldSet, error) {
	text, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, err
	}
	fields := fieldSet{}
	return fields, json.Unmarshal(text, &fields)
}

func (f fieldSet) find(name string) string {
	for key := range f {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return ""
}

// empty tells whether upstream will call the kustomization empty.
func (f fieldSet) empty() bool {
	for key, value := range f {
		if text := string(value); !strings.EqualFold(key, "apiVersion") && !strings.EqualFold(key, "kind") && text != "null" && text != `""` {
			return false
		}
	}
	return true
}
