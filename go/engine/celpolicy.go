package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"google.golang.org/protobuf/types/known/structpb"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// policyEnvironment is the one in which the API server checks a new ValidatingAdmissionPolicy, with other variables: what
// compiles here can be written there.
func policyEnvironment(variables []string) (*cel.Env, error) {
	options := make([]cel.EnvOption, 0, len(variables))
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	env, err := base.NewExpressionsEnv().Extend(options...)
	if err != nil {
		return nil, fmt.Errorf("failed to create CEL environment: %w", err)
	}
	return env, nil
}

// compilePolicy refuses what the API server refuses, in its words (k8s.io/apiserver/pkg/admission/plugin/cel).
func compilePolicy(env *cel.Env, text string, gives celGives) (cel.Program, error) {
	tree, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("compilation failed: %s", issues)
	}
	wanted := cel.BoolType
	if gives == givesText {
		wanted = cel.StringType
	}
	if gives != givesJSON && !tree.OutputType().IsExactType(wanted) {
		return nil, fmt.Errorf("must evaluate to %s but got %s", wanted, tree.OutputType())
	}
	program, err := env.Program(tree, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return nil, fmt.Errorf("program instantiation failed: %w", err)
	}
	return program, nil
}

var errOutOfBudget = errors.New("validation failed due to running out of cost budget, no further validation rules will be run")

// policyBudget is what all runs of one call may cost together: as much as those of one policy for one request at the API server.
type policyBudget struct {
	left uint64
	// spent is set by the first run that did not fit; there is none after it.
	spent bool
}

func newPolicyBudget() *policyBudget {
	return &policyBudget{left: celconfig.RuntimeCELCostBudget}
}

func (b *policyBudget) evaluate(ctx context.Context, p *celProgram, input map[string]any) (celValue, error) {
	if p.err != nil {
		return celValue{}, p.err
	}
	if b.spent {
		return celValue{}, errOutOfBudget
	}
	value, details, err := p.program.ContextEval(ctx, policyInput(input))
	cost := details.ActualCost()
	// One that panicked inside may have no cost.
	if cost == nil || *cost > b.left {
		b.spent = true
		return celValue{}, errOutOfBudget
	}
	b.left -= *cost
	if err != nil {
		return celValue{}, fmt.Errorf("expression '%s' resulted in error: %w", p.text, err)
	}
	switch p.gives {
	case givesText:
		text := messageText(value)
		return celValue{Text: &text}, nil
	case givesJSON:
		text, err := documentText(value)
		return celValue{Text: &text}, err
	}
	// What is no boolean after all denies, as there.
	return celValue{Value: value == types.True}, nil
}

// policyInput makes of each variable what the API server makes of an object.
func policyInput(input map[string]any) map[string]any {
	variables := make(map[string]any, len(input))
	for name, value := range input {
		variables[name] = types.DefaultTypeAdapter.NativeToValue(value)
	}
	return variables
}

// maxDocument bounds the JSON that an expression gives, in bytes.
const maxDocument = 1 << 20

// documentText is a value as JSON, its keys in order: the same value is always the same text.
func documentText(value ref.Val) (string, error) {
	native, err := value.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return "", fmt.Errorf("what it gives is nothing that JSON can hold: %w", err)
	}
	document, ok := native.(*structpb.Value)
	if !ok {
		return "", errors.New("what it gives is nothing that JSON can hold")
	}
	text, err := json.Marshal(document.AsInterface())
	if err != nil {
		return "", fmt.Errorf("what it gives is nothing that JSON can hold: %w", err)
	}
	if len(text) > maxDocument {
		return "", fmt.Errorf("what it gives is longer than %d bytes", maxDocument)
	}
	return string(text), nil
}

// messageText is empty where the API server falls back to the message, and then to the text of the expression.
func messageText(value ref.Val) string {
	text, _ := value.Value().(string)
	text = strings.TrimSpace(text)
	if len(text) > celconfig.MaxEvaluatedMessageExpressionSizeBytes || strings.Contains(text, "\n") {
		return ""
	}
	return text
}
