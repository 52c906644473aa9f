package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// longIntegers carries integers of more than 64 bits through YAML as marked strings: its decoder would round them.
type longIntegers struct {
	mark string
	any  bool
}

// unusedMark gives letters that neither the object nor a variable holds.
func (s *substitution) unusedMark(text []byte) string {
	mark := "integer"
	for bytes.Contains(text, []byte(mark)) || s.anyValueHolds(mark) {
		mark += "z"
	}
	return mark
}

func (s *substitution) anyValueHolds(mark string) bool {
	for _, value := range s.variables {
		if strings.Contains(value, mark) {
			return true
		}
	}
	return false
}

func (l *longIntegers) restore(text []byte) []byte {
	if !l.any {
		return text
	}
	text = regexp.MustCompile(`"`+l.mark+`(-?[0-9]+)"`).ReplaceAll(text, []byte("$1"))
	// A variable can make one a part of a text, such as a block that it begins.
	return bytes.ReplaceAll(text, []byte(l.mark), nil)
}

// toYAML prints an object's JSON as kustomize prints the object.
func toYAML(text []byte, integers *longIntegers) (string, error) {
	if len(text) > maxObjectJSON {
		return "", fmt.Errorf("the object is larger than %d bytes as JSON", maxObjectJSON)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil || object == nil {
		return "", errors.New("the object is not JSON")
	}
	for key, value := range object {
		number, err := integers.numbers(value)
		if err != nil {
			return "", err
		}
		object[key] = number
	}
	printed, err := yamlv2.Marshal(object)
	return string(printed), err
}

// numbers gives the value with each number as YAML has it.
func (l *longIntegers) numbers(value any) (any, error) {
	var err error
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			if value[key], err = l.numbers(item); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, item := range value {
			if value[i], err = l.numbers(item); err != nil {
				return nil, err
			}
		}
	case json.Number:
		return l.number(string(value))
	}
	return value, nil
}

func (l *longIntegers) number(text string) (any, error) {
	if signed, err := strconv.ParseInt(text, 10, 64); err == nil {
		return signed, nil
	}
	if unsigned, err := strconv.ParseUint(text, 10, 64); err == nil {
		return unsigned, nil
	}
	if plainInteger.MatchString(text) {
		l.any = true
		return l.mark + text, nil
	}
	float, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %s is out of range", text)
	}
	return float, nil
}

// toJSON reads YAML that holds values of variables: its errors never quote it.
func toJSON(text string, integers *longIntegers) ([]byte, error) {
	if err := checkAliases(text); err != nil {
		return nil, err
	}
	result, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("envsubst error: YAMLToJSON: %s", withoutContent(err))
	}
	if err := checkKeys(text, result); err != nil {
		return nil, err
	}
	result = integers.restore(result)
	switch {
	case len(result) == 0 || result[0] != '{':
		return nil, errors.New("UnmarshalJSON: the object is not a map after the substitution")
	case len(result) > maxObjectJSON:
		return nil, fmt.Errorf("the object becomes larger than %d bytes", maxObjectJSON)
	case depth(result) > maxObjectDepth:
		return nil, fmt.Errorf("the object becomes nested deeper than %d levels", maxObjectDepth)
	}
	return result, nil
}

// checkAliases refuses a text whose aliases make it too large. Only a variable's value can hold an anchor.
func checkAliases(text string) error {
	if !strings.Contains(text, "&") {
		return nil
	}
	var value any
	if yamlv2.Unmarshal([]byte(text), &value) == nil && spread(value) > maxObjectJSON {
		return fmt.Errorf("the object becomes larger than %d bytes", maxObjectJSON)
	}
	return nil
}

// keyOfNoText is a key of JSON that may have been a number or a truth in YAML.
var keyOfNoText = regexp.MustCompile(`"(?:true|false|[-+]?[0-9.][^"]*)":`)

// checkKeys refuses a map in which two keys of YAML are one in JSON, as 7 and "7" are: upstream leaves to chance which stays.
func checkKeys(text string, converted []byte) error {
	if !keyOfNoText.Match(converted) {
		return nil
	}
	var before, after any
	if yamlv2.Unmarshal([]byte(text), &before) == nil && yamlv2.Unmarshal(converted, &after) == nil && entries(before) != entries(after) {
		return errors.New("two keys of a map become the same with the substitution")
	}
	return nil
}

// entries counts the keys of all maps in a value.
func entries(value any) int {
	total := 0
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			total += entries(item)
		}
	case map[any]any:
		for _, item := range value {
			total += 1 + entries(item)
		}
	}
	return total
}

// spread counts the bytes of a value as JSON, roughly and from below, until it is clear that they are too many.
func spread(value any) int {
	total := 1
	switch value := value.(type) {
	case string:
		return len(value) + 2
	case []any:
		for _, item := range value {
			if total += spread(item); total > maxObjectJSON {
				break
			}
		}
	case map[any]any:
		for key, item := range value {
			if total += spread(key) + spread(item); total > maxObjectJSON {
				break
			}
		}
	}
	return total
}

// depth is how deep JSON is nested.
func depth(text []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

var (
	errorPlace = regexp.MustCompile(`^(?:(?:yaml|json): )?(?:line [0-9]+: )?`)
	// fixedWords are the sentences of YAML's scanner and parser: they quote single marks, never the text.
	fixedWords = regexp.MustCompile(`^(?:[A-Za-z0-9 ,%()-]|'[^A-Za-z0-9']'|<document start>)*$`)
)

// withoutContent gives an error of the YAML library without what it quotes of the text.
func withoutContent(err error) string {
	message := err.Error()
	at := len(errorPlace.FindString(message))
	if fixedWords.MatchString(message[at:]) {
		return message
	}
	end := strings.IndexAny(message[at:], ":'\"`")
	if end < 0 {
		return message[:at] + "*****"
	}
	return strings.TrimRight(message[:at+end], " ") + " *****"
}
