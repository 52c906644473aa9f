package main

import (
	"errors"
	"fmt"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// maxNeeds bounds what one pass may ask for.
const maxNeeds = 1000

// lookup names what a template asks the cluster for: one object, or those of a kind where the name is empty.
type lookup struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// lookupAnswer is one answer: the file at File holds the object, or there is none, or asking failed.
type lookupAnswer struct {
	lookup
	File  *int    `json:"file"`
	Error *string `json:"error"`
}

// lookups answers templates from what is known, and notes what is not.
type lookups struct {
	known map[lookup]func() (map[string]any, error)
	needs []lookup
	// tooMany says that a template asked for more.
	tooMany bool
}

func newLookups(answers []lookupAnswer, contents [][]byte) (*lookups, error) {
	l := &lookups{known: make(map[lookup]func() (map[string]any, error), len(answers))}
	for _, each := range answers {
		switch {
		case each.Error != nil:
			failure := errors.New(*each.Error)
			l.known[each.lookup] = func() (map[string]any, error) { return map[string]any{}, failure }
		case each.File == nil:
			l.known[each.lookup] = nothing
		case *each.File < 0 || *each.File >= len(contents):
			return nil, errors.New("the arguments are not what helm.template takes")
		default:
			content := contents[*each.File]
			l.known[each.lookup] = func() (map[string]any, error) { return parseObject(content) }
		}
	}
	return l, nil
}

func nothing() (map[string]any, error) { return map[string]any{}, nil }

func emptyList() (map[string]any, error) { return map[string]any{"items": []any{}}, nil }

// parseObject reads numbers as client-go does. A template may change what it is given: each call has its own.
func parseObject(content []byte) (map[string]any, error) {
	object := map[string]any{}
	if err := utiljson.Unmarshal(content, &object); err != nil {
		return nil, errors.New("the object looked up is not JSON")
	}
	return object, nil
}

// find is the templates' `lookup`. What is not known is nothing, or an empty list, for now.
func (l *lookups) find(apiVersion, kind, namespace, name string) (map[string]any, error) {
	key := lookup{apiVersion, kind, namespace, name}
	if answer, ok := l.known[key]; ok {
		return answer()
	}
	if len(l.needs) == maxNeeds {
		l.tooMany = true
		return nil, fmt.Errorf("the chart looks up more than %d objects", maxNeeds)
	}
	l.needs = append(l.needs, key)
	l.known[key] = nothing
	if name == "" {
		l.known[key] = emptyList
	}
	return l.known[key]()
}
