package main

import (
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// stringCost is Kubernetes' price of ten bytes that a function reads or writes.
const bytesPerCost = 10

// sizeCosts prices the functions of the string, set and encoder libraries by the size of what they read and write. CEL itself
// takes each for 1, however long its strings are.
type sizeCosts struct{}

var _ interpreter.ActualCostEstimator = sizeCosts{}

func (sizeCosts) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	var cost uint64
	switch function {
	case "charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "replace", "split", "join", "substring", "trim",
		"format", "strings.quote", "reverse", "base64.encode", "base64.decode":
		cost = 1 + size(result)/bytesPerCost
		for _, arg := range args {
			cost += size(arg) / bytesPerCost
		}
	case "sets.contains", "sets.equivalent", "sets.intersects":
		cost = 1
		for _, arg := range args {
			cost *= 1 + size(arg)
		}
	default:
		return nil
	}
	return &cost
}

func size(value ref.Val) uint64 {
	if sized, ok := value.(traits.Sizer); ok {
		if length, ok := sized.Size().Value().(int64); ok && length > 0 {
			return uint64(length)
		}
	}
	return 0
}
