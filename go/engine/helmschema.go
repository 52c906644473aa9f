package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// schemaURL is the name that Helm gives a chart's schema.
const schemaURL = "file:///values.schema.json"

// validateValues checks values against the schemas of a chart and of those in it, with Helm's words. Helm's own check fetches
// what a schema refers to, from the network and from files of the machine; here a schema stands alone.
func validateValues(c *chart.Chart, values map[string]any) error {
	if problems := schemaProblems(c, values); problems != "" {
		return fmt.Errorf("values don't meet the specifications of the schema(s) in the following chart(s):\n%s", problems)
	}
	return nil
}

func schemaProblems(c *chart.Chart, values map[string]any) string {
	var problems strings.Builder
	if c.Schema != nil {
		if err := validateOne(c.Schema, values); err != nil {
			fmt.Fprintf(&problems, "%s:\n%s", c.Name(), err)
		}
	}
	for _, each := range c.Dependencies() {
		switch below := values[each.Name()].(type) {
		case nil:
		case map[string]any:
			problems.WriteString(schemaProblems(each, below))
		default:
			fmt.Fprintf(&problems, "%s:\ninvalid type for values: expected object (map), got %T\n", each.Name(), below)
		}
	}
	return problems.String()
}

func validateOne(schema []byte, values map[string]any) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("unable to validate schema: %s", reason)
		}
	}()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(closedLoader{})
	if err := compiler.AddResource(schemaURL, parsed); err != nil {
		return err
	}
	validator, err := compiler.Compile(schemaURL)
	if err != nil {
		return err
	}
	if err := validator.Validate(values); err != nil {
		text := strings.TrimPrefix(err.Error(), "jsonschema validation failed with '"+schemaURL+"#'\n")
		return errors.New(text + "\n")
	}
	return nil
}

// closedLoader opens nothing. What Helm cannot resolve itself it takes for a schema that allows everything.
type closedLoader struct{}

func (closedLoader) Load(url string) (any, error) {
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, errors.New("a schema cannot refer to what is outside it: put it in, or turn the validation off")
}
