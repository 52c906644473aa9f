package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"github.com/fluxcd/pkg/envsubst/parse"
	"plumb.dev/go/helper"
)

const (
	// maxSubstituted bounds what one request gives back, well below a frame.
	maxSubstituted = 96 << 20
	// maxExpressions bounds the expressions of one object: upstream's parser goes one call deeper with each.
	maxExpressions = 100_000
)

// variableName is what Flux takes for a variable's name.
var variableName = regexp.MustCompile(`^[_[:alpha:]][_[:alpha:][:digit:]]*$`)

type substituteArgs struct {
	Variables map[string]string `json:"variables"`
	Strict    bool              `json:"strict"`
}

// substitutedObject is the length of one object's JSON in the body, or why there is none.
type substitutedObject struct {
	Size  int    `json:"size,omitempty"`
	Error string `json:"error,omitempty"`
}

type substituteResult struct {
	Objects []substitutedObject `json:"objects"`
}

// substitute replaces the variables in each object, given as one JSON file each. The body of its answer is the objects'
// JSON, one after another; an object that fails fails alone.
func substitute(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args substituteArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return helper.Answer{}, errors.New("the arguments are not what substitute takes")
	}
	s := newSubstitution(args)
	result := substituteResult{Objects: make([]substitutedObject, 0, len(files))}
	var body bytes.Buffer
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return helper.Answer{}, err
		}
		text, err := s.object(f.Content)
		if err == nil && body.Len()+len(text) > maxSubstituted {
			err = fmt.Errorf("the objects are together larger than %d bytes", maxSubstituted)
		}
		if err != nil {
			result.Objects = append(result.Objects, substitutedObject{Error: err.Error()})
			continue
		}
		body.Write(text)
		result.Objects = append(result.Objects, substitutedObject{Size: len(text)})
	}
	return helper.Answer{Result: result, Body: body.Bytes()}, nil
}

// substitution is the variables of one request. Its errors quote what an object says, never a variable's value.
type substitution struct {
	variables map[string]string
	strict    bool
}

func newSubstitution(args substituteArgs) *substitution {
	s := &substitution{variables: make(map[string]string, len(args.Variables)), strict: args.Strict}
	for name, value := range args.Variables {
		// Flux takes the line breaks out of every value.
		s.variables[name] = strings.ReplaceAll(value, "\n", "")
	}
	return s
}

// object gives an object's JSON after the substitution of its YAML, which is what Flux's kustomize package does.
func (s *substitution) object(text []byte) (result []byte, err error) {
	defer func() {
		if recover() != nil { // upstream slices past a value's end where a substring's length overflows
			result, err = nil, errors.New("envsubst error: variable substitution failed: an expression is out of range")
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(s.variables)) {
		if !variableName.MatchString(name) {
			return nil, fmt.Errorf("envsubst error: '%s' var name is invalid, must match '%s'", name, variableName)
		}
	}
	integers := &longIntegers{mark: s.unusedMark(text)}
	document, err := toYAML(text, integers)
	if err != nil {
		return nil, err
	}
	replaced, err := s.replace(document)
	if err != nil {
		return nil, fmt.Errorf("envsubst error: variable substitution failed: %w", err)
	}
	return toJSON(replaced, integers)
}

func (s *substitution) replace(text string) (string, error) {
	if strings.Count(text, "${") > maxExpressions {
		return "", fmt.Errorf("more than %d expressions in one object", maxExpressions)
	}
	tree, err := parse.Parse(text)
	if err != nil {
		return "", err
	}
	if s.size(tree.Root) > maxObjectJSON {
		return "", fmt.Errorf("the object becomes larger than %d bytes", maxObjectJSON)
	}
	return envsubst.Eval(text, func(name string) (string, bool) {
		value, known := s.variables[name]
		return value, known || !s.strict
	})
}

// size bounds what evaluating a node can write, what is written and thrown away included. It stops counting where the
// answer is clear.
func (s *substitution) size(node parse.Node) int {
	switch node := node.(type) {
	case *parse.TextNode:
		return len(node.Value)
	case *parse.ListNode:
		return s.sizes(node.Nodes)
	case *parse.FuncNode:
		value := s.variables[node.Param]
		total := s.sizes(node.Args)
		if node.Name == "//" && len(node.Args) == 2 {
			return min(total+len(value)+mostMatches(value, node.Args[0])*s.size(node.Args[1]), 2*maxObjectJSON)
		}
		return min(total+3*len(value), 2*maxObjectJSON) // a letter's other case may need more bytes
	}
	return 0
}

func (s *substitution) sizes(nodes []parse.Node) int {
	total := 0
	for _, node := range nodes {
		if total += s.size(node); total > maxObjectJSON {
			break
		}
	}
	return total
}

// mostMatches is how often a pattern can be found in a value: exactly where the pattern is plain text.
func mostMatches(value string, pattern parse.Node) int {
	if text, ok := pattern.(*parse.TextNode); ok {
		return strings.Count(value, text.Value)
	}
	return len(value) + 1
}
