package main

import "container/list"

// recent keeps the values that were used last: at most so many, and as long as their keys together have at most so many bytes.
type recent[V any] struct {
	most, mostBytes, bytes int
	order                  *list.List // of *recentEntry[V], the last used first
	byKey                  map[string]*list.Element
}

type recentEntry[V any] struct {
	key   string
	value V
}

func newRecent[V any](most, mostBytes int) *recent[V] {
	return &recent[V]{most: most, mostBytes: mostBytes, order: list.New(), byKey: make(map[string]*list.Element, most)}
}

// get gives the value of a key, made now where it is not kept. What could not be made is not kept.
func (r *recent[V]) get(key string, create func() (V, error)) (V, error) {
	if element, ok := r.byKey[key]; ok {
		r.order.MoveToFront(element)
		return element.Value.(*recentEntry[V]).value, nil
	}
	value, err := create()
	if err != nil {
		return value, err
	}
	r.byKey[key] = r.order.PushFront(&recentEntry[V]{key: key, value: value})
	r.bytes += len(key)
	for r.order.Len() > r.most || r.bytes > r.mostBytes {
		last := r.order.Remove(r.order.Back()).(*recentEntry[V])
		delete(r.byKey, last.key)
		r.bytes -= len(last.key)
	}
	return value, nil
}
