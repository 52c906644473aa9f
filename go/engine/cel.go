package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"plumb.dev/go/helper"
	kubejson "sigs.k8s.io/json"
)

const (
	// celCostLimit is what Kubernetes allows one call (PerCallLimit in k8s.io/apiserver/pkg/apis/cel): a tenth of a second or so.
	celCostLimit = 1_000_000
	// celCheckFrequency is how many rounds of a comprehension pass between two looks at the deadline, as in Kubernetes.
	celCheckFrequency = 100
	// maxPrograms and maxProgramText bound the compiled expressions that are kept: how many, and their text in bytes.
	maxPrograms    = 500
	maxProgramText = 256 << 10
	// maxModes and maxModeText bound the environments that are kept: Flux has two, policies one for each set of variables.
	maxModes    = 8
	maxModeText = 16 << 10
)

const (
	// celCompiled compiles an expression as Flux does: variables are structs, and the result must be a boolean. Every other kind
	// but policies is only parsed: the fields of its input are free, and what the result is shows when it runs.
	celCompiled = "compiled"
	// celPolicy is how the API server reads a ValidatingAdmissionPolicy.
	celPolicy = "policy"
)

// celMode is how expressions are read.
type celMode struct {
	Kind      string   `json:"kind"`
	Variables []string `json:"variables"`
}

func (m celMode) key() string {
	return m.Kind + "\x00" + strings.Join(m.Variables, "\x00")
}

// celGives is what an expression must give. Only those of policies may give something other than a boolean.
type celGives int

const (
	givesBool celGives = iota
	givesText
	// givesJSON takes anything that JSON can hold.
	givesJSON
)

type celProgram struct {
	text    string
	gives   celGives
	program cel.Program
	err     error
}

// The only state that the helper keeps between requests. One operation runs at a time, so nothing guards it.
var (
	celEnvironments = newRecent[*cel.Env](maxModes, maxModeText)
	celPrograms     = newRecent[*celProgram](maxPrograms, maxProgramText)
)

func (m celMode) environment() (*cel.Env, error) {
	return celEnvironments.get(m.key(), func() (*cel.Env, error) {
		if m.Kind == celPolicy {
			return policyEnvironment(m.Variables)
		}
		return fluxEnvironment(m.Variables)
	})
}

// fluxEnvironment is that of Flux (fluxcd/pkg runtime/cel).
func fluxEnvironment(variables []string) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	}
	for _, name := range variables {
		options = append(options, cel.Variable(name, cel.ObjectType("google.protobuf.Struct")))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("failed to create CEL environment: %w", err)
	}
	return env, nil
}

// prepare gives what an expression does, or what is wrong with it.
func (m celMode) prepare(text string, gives celGives) *celProgram {
	key := fmt.Sprintf("%s\x01%d\x01%s", m.key(), gives, text)
	prepared, _ := celPrograms.get(key, func() (*celProgram, error) {
		program, err := m.compile(text, gives)
		return &celProgram{text: text, gives: gives, program: program, err: err}, nil
	})
	return prepared
}

func (m celMode) compile(text string, gives celGives) (program cel.Program, err error) {
	// CEL's checker panics over some expressions, [?dyn(1)] for one; what it keeps is of that expression alone.
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("compilation failed: internal error: %v", reason)
		}
	}()
	env, err := m.environment()
	if err != nil {
		return nil, err
	}
	if m.Kind == celPolicy {
		return compilePolicy(env, text, gives)
	}
	read := env.Parse
	if m.Kind == celCompiled {
		read = env.Compile
	}
	tree, issues := read(text)
	if issues.Err() != nil {
		return nil, fmt.Errorf("failed to parse the CEL expression '%s': %s", text, issues)
	}
	if m.Kind == celCompiled && !tree.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("CEL expression output type mismatch: expected %s, got %s", cel.BoolType, tree.OutputType())
	}
	program, err = env.Program(tree,
		cel.EvalOptions(cel.OptOptimize),
		cel.InterruptCheckFrequency(celCheckFrequency),
		cel.CostLimit(celCostLimit),
		cel.CostTracking(sizeCosts{}),
	)
	if err != nil {
		return nil, fmt.Errorf("failed to create CEL program: %w", err)
	}
	return program, nil
}

func (p *celProgram) evaluate(ctx context.Context, input map[string]any) (bool, error) {
	if p.err != nil {
		return false, p.err
	}
	value, _, err := p.program.ContextEval(ctx, input)
	if err != nil {
		return false, fmt.Errorf("failed to evaluate the CEL expression '%s': %w", p.text, err)
	}
	result, ok := value.(types.Bool)
	if !ok {
		return false, fmt.Errorf("failed to evaluate CEL expression as boolean: '%s'", p.text)
	}
	return bool(result), nil
}

type celArgs struct {
	celMode
	Expressions []string `json:"expressions"`
	// Texts are the places of a policy's expressions that give a string, in order.
	Texts []int `json:"texts"`
	// Documents are the places of those that give anything, in order.
	Documents []int `json:"documents"`
	// Runs are of celEval alone.
	Runs []celPair `json:"runs"`
}

// celPair names an expression and the file with its input, both by place.
type celPair struct {
	Expression int `json:"expression"`
	File       int `json:"file"`
	// Budget names whose cost this run counts to: policies share none, and neither do objects.
	Budget int `json:"budget"`
}

func readCelArgs(raw json.RawMessage) (args celArgs, err error) {
	if err := json.Unmarshal(raw, &args); err != nil {
		return args, err
	}
	if len(args.Texts)+len(args.Documents) > 0 && args.Kind != celPolicy {
		return args, errors.New("only an expression of a policy can give something other than a boolean")
	}
	return args, nil
}

func (a celArgs) at(place int) *celProgram {
	gives := givesBool
	if _, found := slices.BinarySearch(a.Texts, place); found {
		gives = givesText
	} else if _, found := slices.BinarySearch(a.Documents, place); found {
		gives = givesJSON
	}
	return a.prepare(a.Expressions[place], gives)
}

type celCheckResult struct {
	// Errors has one entry for each expression: what is wrong with it, or null.
	Errors []*string `json:"errors"`
}

// celCheck says of each expression what is wrong with it.
func celCheck(ctx context.Context, raw json.RawMessage, _ []helper.File) (helper.Answer, error) {
	args, err := readCelArgs(raw)
	if err != nil {
		return helper.Answer{}, err
	}
	result := celCheckResult{Errors: make([]*string, len(args.Expressions))}
	for i := range args.Expressions {
		if err := ctx.Err(); err != nil {
			return helper.Answer{}, err
		}
		if err := args.at(i).err; err != nil {
			message := err.Error()
			result.Errors[i] = &message
		}
	}
	return helper.Answer{Result: result}, nil
}

type celValue struct {
	Value bool    `json:"value"`
	Text  *string `json:"text,omitempty"`
	Error string  `json:"error,omitempty"`
}

type celEvalResult struct {
	Values []celValue `json:"values"`
}

// celEval runs expressions over inputs, each a file with a JSON object. A run that fails fails alone.
func celEval(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	args, err := readCelArgs(raw)
	if err != nil {
		return helper.Answer{}, err
	}
	inputs := celInputs{files: files, read: make([]map[string]any, len(files))}
	budgets := map[int]*policyBudget{}
	result := celEvalResult{Values: make([]celValue, 0, len(args.Runs))}
	for _, run := range args.Runs {
		if run.Expression < 0 || run.Expression >= len(args.Expressions) {
			return helper.Answer{}, fmt.Errorf("there is no expression %d", run.Expression)
		}
		var value celValue
		input, err := inputs.at(run.File)
		switch {
		case err != nil:
		case args.Kind == celPolicy:
			if budgets[run.Budget] == nil {
				budgets[run.Budget] = newPolicyBudget()
			}
			value, err = budgets[run.Budget].evaluate(ctx, args.at(run.Expression), input)
		default:
			value.Value, err = args.at(run.Expression).evaluate(ctx, input)
		}
		if ctx.Err() != nil {
			return helper.Answer{}, ctx.Err()
		}
		if err != nil {
			value.Error = err.Error()
		}
		result.Values = append(result.Values, value)
	}
	return helper.Answer{Result: result}, nil
}

// celInputs reads each input once, and only if it is used.
type celInputs struct {
	files []helper.File
	read  []map[string]any
}

func (c celInputs) at(place int) (map[string]any, error) {
	if place < 0 || place >= len(c.files) {
		return nil, fmt.Errorf("there is no input %d", place)
	}
	if c.read[place] != nil {
		return c.read[place], nil
	}
	content := c.files[place].Content
	if len(content) > maxObjectJSON {
		return nil, fmt.Errorf("the input is larger than %d bytes", maxObjectJSON)
	}
	// Integers stay integers, as in the API's own objects.
	var input map[string]any
	if err := kubejson.UnmarshalCaseSensitivePreserveInts(content, &input); err != nil || input == nil {
		return nil, errors.New("the input is not a JSON object")
	}
	c.read[place] = input
	return input, nil
}
