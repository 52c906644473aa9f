package main

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the values of a YAML file once its aliases are written out, which sops does for each.
const maxNodes = 1_000_000

// checkAliases refuses a file that a few aliases make large, or endless. What is no YAML is left for sops to name.
func checkAliases(content []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	w := weigher{known: map[*yaml.Node]int{}}
	total := 0
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			return nil
		}
		weight, err := w.weigh(&document)
		if err != nil {
			return err
		}
		if total += weight; total > maxNodes {
			return fmt.Errorf("it has more than %d values once its aliases are written out", maxNodes)
		}
	}
}

// weigher counts the values below a node.
type weigher struct {
	// known holds what was counted; nodes that are being counted are -1.
	known map[*yaml.Node]int
}

func (w weigher) weigh(node *yaml.Node) (int, error) {
	if node.Kind == yaml.AliasNode {
		return w.weigh(node.Alias)
	}
	if weight, ok := w.known[node]; ok {
		if weight < 0 {
			return 0, errors.New("an anchor contains itself")
		}
		return weight, nil
	}
	w.known[node] = -1
	total := 1
	for _, child := range node.Content {
		weight, err := w.weigh(child)
		if err != nil {
			return 0, err
		}
		// Enough is enough: the product of a few levels does not fit any number.
		total = min(total+weight, maxNodes+1)
	}
	w.known[node] = total
	return total, nil
}
