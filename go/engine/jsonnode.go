package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const (
	// maxObjectJSON bounds one object's JSON: aliases can make a small file large.
	maxObjectJSON = 16 << 20
	// maxObjectDepth bounds nesting: an alias can point at what holds it.
	maxObjectDepth = 500
)

var plainInteger = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// errMerge marks a merge key that upstream left in place; its own, slower printing knows how to expand it.
var errMerge = errors.New("merge key")

// writeJSON prints an object as upstream's MarshalJSON does, but keeps every digit of an integer and walks the nodes
// once instead of printing YAML and parsing it again.
func writeJSON(out *bytes.Buffer, r *resource.Resource) error {
	start := out.Len()
	err := (&nodePrinter{out: out, limit: start + maxObjectJSON}).print(r.YNode())
	if !errors.Is(err, errMerge) {
		return err
	}
	out.Truncate(start)
	text, err := r.MarshalJSON()
	out.Write(text)
	return err
}

type nodePrinter struct {
	out   *bytes.Buffer
	limit int
	depth int
}

func (p *nodePrinter) print(node *yaml.Node) error {
	if p.out.Len() > p.limit {
		return fmt.Errorf("the object is larger than %d bytes as JSON", maxObjectJSON)
	}
	if p.depth++; p.depth > maxObjectDepth {
		return fmt.Errorf("the object is nested deeper than %d levels", maxObjectDepth)
	}
	defer func() { p.depth-- }()
	switch node.Kind {
	case yaml.DocumentNode:
		return p.print(node.Content[0])
	case yaml.AliasNode:
		return p.print(node.Alias)
	case yaml.MappingNode:
		return p.mapping(node)
	case yaml.SequenceNode:
		return p.sequence(node)
	default:
		return p.scalar(node)
	}
}

func (p *nodePrinter) mapping(node *yaml.Node) error {
	p.out.WriteByte('{')
	seen := make(map[string]struct{}, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		if i > 0 {
			p.out.WriteByte(',')
		}
		key, err := mapKey(node.Content[i])
		if err != nil {
			return err
		}
		if _, twice := seen[key]; twice {
			return fmt.Errorf("line %d: duplicate key %q", node.Content[i].Line, key)
		}
		seen[key] = struct{}{}
		if err := p.value(key); err != nil {
			return err
		}
		p.out.WriteByte(':')
		if err := p.print(node.Content[i+1]); err != nil {
			return err
		}
	}
	p.out.WriteByte('}')
	return nil
}

// mapKey gives a key's text. Keys are strings; an integer or a boolean stands for its text, anything else is a mistake.
func mapKey(node *yaml.Node) (string, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.ShortTag() {
	case "!!merge":
		return "", errMerge
	case "!!str":
		if node.Kind == yaml.ScalarNode {
			return node.Value, nil
		}
	case "!!int", "!!bool", "!!float":
		var text bytes.Buffer
		if err := (&nodePrinter{out: &text, limit: maxObjectJSON}).scalar(node); err != nil {
			return "", err
		}
		if key := text.String(); key == "true" || key == "false" || plainInteger.MatchString(key) {
			return key, nil
		}
	}
	return "", fmt.Errorf("line %d: a map key must be a string: quote it", node.Line)
}

func (p *nodePrinter) sequence(node *yaml.Node) error {
	p.out.WriteByte('[')
	for i, item := range node.Content {
		if i > 0 {
			p.out.WriteByte(',')
		}
		if err := p.print(item); err != nil {
			return err
		}
	}
	p.out.WriteByte(']')
	return nil
}

func (p *nodePrinter) scalar(node *yaml.Node) error {
	switch tag := node.ShortTag(); {
	case tag == "!!str":
		return p.value(node.Value)
	case (tag == "!!int" || tag == "!!float") && plainInteger.MatchString(node.Value):
		p.out.WriteString(node.Value)
		return nil
	}
	var v any
	if err := node.Decode(&v); err != nil {
		return err
	}
	return p.value(v)
}

func (p *nodePrinter) value(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	p.out.Write(text)
	return nil
}
