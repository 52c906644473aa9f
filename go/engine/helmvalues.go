package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v2"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"
	"plumb.dev/go/helper"
	sigsyaml "sigs.k8s.io/yaml"
)

// maxValues bounds all layers of one request together.
const maxValues = 32 << 20

// valuesLayer says what the file at the same place is: a values file, or the value of a path.
type valuesLayer struct {
	Path    *string `json:"path"`
	Literal bool    `json:"literal"`
}

type valuesArgs struct {
	Layers []valuesLayer `json:"layers"`
	// Over says that one more file follows: values that go over those of the layers.
	Over bool `json:"over"`
}

// valuesResult is the digest of the merged values, which are the body of the answer, or which layer failed and why.
type valuesResult struct {
	Digest string `json:"digest,omitempty"`
	Layer  int    `json:"layer"`
	Error  string `json:"error,omitempty"`
}

// helmValues merges values as Flux does, later layers over earlier ones. No error quotes a value.
func helmValues(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args valuesArgs
	if json.Unmarshal(raw, &args) != nil || len(files) != args.files() {
		return helper.Answer{}, errors.New("the arguments are not what helm.values takes")
	}
	size := 0
	for _, file := range files {
		if size += len(file.Content); size > maxValues {
			return helper.Answer{}, fmt.Errorf("the values are together larger than %d MiB", maxValues>>20)
		}
	}
	values, failed, err := args.merge(ctx, files)
	if err != nil && failed >= 0 {
		return helper.Answer{Result: valuesResult{Layer: failed, Error: err.Error()}}, nil
	}
	if err != nil {
		return helper.Answer{}, err
	}
	digest, err := valuesDigest(values)
	if err != nil {
		return helper.Answer{}, errors.New("the values cannot be written as YAML")
	}
	text, err := json.Marshal(markIntegers(values))
	if err != nil {
		return helper.Answer{}, errors.New("the values cannot be written as JSON")
	}
	return helper.Answer{Result: valuesResult{Digest: digest}, Body: text}, nil
}

func (a valuesArgs) files() int {
	if a.Over {
		return len(a.Layers) + 1
	}
	return len(a.Layers)
}

// merge goes the way of Flux step by step (fluxcd/pkg chartutil, ChartValuesFromReferences), with the maps that its results share: the
// values that go over all are put in before each path is set and once more at the end, and what was set inside a map of theirs stays.
// The number is that of the file that failed; -1 where none did.
func (a valuesArgs) merge(ctx context.Context, files []helper.File) (values map[string]any, failed int, err error) {
	over := map[string]any{}
	if last := len(a.Layers); a.Over {
		if over, err = readValues(files[last].Content); err != nil {
			return nil, last, err
		}
	}
	values = map[string]any{}
	for i, layer := range a.Layers {
		if err := ctx.Err(); err != nil {
			return nil, -1, err
		}
		content := files[i].Content
		if layer.Path == nil {
			read, err := readValues(content)
			if err != nil {
				return nil, i, err
			}
			values = loader.MergeMaps(values, read)
			continue
		}
		values = loader.MergeMaps(values, over)
		if err := setPath(values, *layer.Path, string(content), layer.Literal); err != nil {
			return nil, i, err
		}
	}
	return loader.MergeMaps(values, over), -1, nil
}

// readValues reads a values file. What is JSON is read as such: YAML knows line ends in text that JSON does not.
func readValues(content []byte) (map[string]any, error) {
	if trimmed := bytes.TrimSpace(content); len(trimmed) > 0 && trimmed[0] == '{' {
		values := map[string]any{}
		if json.Unmarshal(trimmed, &values) == nil {
			return values, nil
		}
	}
	values, err := common.ReadValues(content)
	if err != nil {
		return nil, errors.New(withoutQuotes(err.Error()))
	}
	return values, nil
}

// quoted is how YAML's reader quotes.
var quoted = regexp.MustCompile("`[^`]*`" + `|"[^"]*"|'[^']*'`)

// withoutQuotes leaves of what is quoted only the marks of YAML itself, such as ','.
func withoutQuotes(message string) string {
	return quoted.ReplaceAllStringFunc(message, func(text string) string {
		if len(text) == len("','") && strings.ContainsAny(text, ",:-]}") {
			return text
		}
		return "…"
	})
}

// setPath sets the value at a path as Flux does (fluxcd/pkg chartutil, ReplacePathValue and ReplacePathLiteralValue).
func setPath(values map[string]any, path, value string, literal bool) error {
	if path == "" {
		return errors.New("the path is empty")
	}
	set, text := strvals.ParseInto, value
	switch {
	case literal:
		set, text = strvals.ParseIntoString, asLiteral.Replace(value)
	case isQuoted(value, "'"), isQuoted(value, `"`):
		set, text = strvals.ParseIntoString, strings.Trim(value, `'"`)
	}
	err := trySet(set, path+"="+text, values)
	if err == nil {
		return nil
	}
	// Whether the path itself is at fault shows with another value, which may be quoted.
	if err := trySet(set, path+"=x", map[string]any{}); err != nil {
		return err
	}
	return errors.New("the value cannot be set there: its commas, brackets and braces are read as `helm --set` reads them, " +
		"or what is there already is of another kind")
}

var asLiteral = strings.NewReplacer(`\`, `\\`, ",", `\,`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`)

func isQuoted(value, quote string) bool {
	return strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote)
}

func trySet(set func(string, map[string]any) error, line string, values map[string]any) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the path cannot be read")
		}
	}()
	return set(line, values)
}

// valuesDigest is Flux's digest of values (fluxcd/pkg chartutil, DigestValues): of their YAML with sorted keys, or of
// nothing where there are none.
func valuesDigest(values map[string]any) (string, error) {
	hash := sha256.New()
	if len(values) > 0 {
		fields := sigsyaml.JSONObjectToYAMLObject(values)
		sortFields(fields)
		if err := yaml.NewEncoder(hash).Encode(fields); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}

func sortFields(value any) {
	switch value := value.(type) {
	case yaml.MapSlice:
		slices.SortFunc(value, func(a, b yaml.MapItem) int { return strings.Compare(a.Key.(string), b.Key.(string)) })
		for _, item := range value {
			sortFields(item.Value)
		}
	case []any:
		for _, item := range value {
			sortFields(item)
		}
	}
}

// integerMark ends a whole number that `helm --set` made. One in a values file is a float to templates, and printed as such.
const integerMark = "e0"

func markIntegers(value any) any {
	switch value := value.(type) {
	case int64:
		return json.Number(strconv.FormatInt(value, 10) + integerMark)
	case map[string]any:
		marked := make(map[string]any, len(value))
		for key, each := range value {
			marked[key] = markIntegers(each)
		}
		return marked
	case []any:
		marked := make([]any, len(value))
		for i, each := range value {
			marked[i] = markIntegers(each)
		}
		return marked
	}
	return value
}

// parseValues reads what helmValues has written.
func parseValues(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	var values map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil || decoder.More() {
		return nil, errors.New("the values are not a JSON object")
	}
	if values == nil {
		return map[string]any{}, nil
	}
	read, err := numbers(values)
	if err != nil {
		return nil, err
	}
	return read.(map[string]any), nil
}

// numbers makes numbers of their spellings, in place.
func numbers(value any) (_ any, err error) {
	switch value := value.(type) {
	case json.Number:
		if digits, ok := strings.CutSuffix(value.String(), integerMark); ok {
			if integer, err := strconv.ParseInt(digits, 10, 64); err == nil {
				return integer, nil
			}
		}
		float, err := value.Float64()
		if err != nil {
			return nil, errors.New("the values hold a number that is out of range")
		}
		return float, nil
	case map[string]any:
		for key, each := range value {
			if value[key], err = numbers(each); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, each := range value {
			if value[i], err = numbers(each); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}
