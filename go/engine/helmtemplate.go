package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"text/template"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"plumb.dev/go/helper"
)

const (
	// maxRendered bounds what all templates of a chart give together. A release record holds a thirtieth of it.
	maxRendered = 32 << 20
	// maxAnswer is what fits in a frame beside its header.
	maxAnswer   = 120 << 20
	notesSuffix = "NOTES.txt"
)

type templateRelease struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Revision  int    `json:"revision"`
	IsUpgrade bool   `json:"isUpgrade"`
}

// templateArgs come with files: the chart, the values, with Reuse the old chart's values and the old release's own, then
// the objects that lookups name.
type templateArgs struct {
	Release              templateRelease `json:"release"`
	ChartVersion         string          `json:"chartVersion"`
	KubeVersion          string          `json:"kubeVersion"`
	APIVersions          []string        `json:"apiVersions"`
	Lookups              []lookupAnswer  `json:"lookups"`
	Reuse                bool            `json:"reuse"`
	SkipSchemaValidation bool            `json:"skipSchemaValidation"`
}

type templateNeeds struct {
	Needs []lookup `json:"needs"`
}

// sizedText is the length of a text in the body of the answer, and the file it came from.
type sizedText struct {
	Path string `json:"path"`
	Size int    `json:"size"`
}

type templateHook struct {
	Name              string                        `json:"name"`
	Kind              string                        `json:"kind"`
	Path              string                        `json:"path"`
	Size              int                           `json:"size"`
	Events            []release.HookEvent           `json:"events"`
	Weight            int                           `json:"weight"`
	DeletePolicies    []release.HookDeletePolicy    `json:"deletePolicies"`
	OutputLogPolicies []release.HookOutputLogPolicy `json:"outputLogPolicies"`
}

// templateResult describes the body: documents, hooks and CRDs in this order, then notes, chart and config.
type templateResult struct {
	Metadata  chartMetadata  `json:"metadata"`
	Documents []sizedText    `json:"documents"`
	Hooks     []templateHook `json:"hooks"`
	CRDs      []sizedText    `json:"crds"`
	Notes     int            `json:"notes"`
	Chart     int            `json:"chart"`
	Config    int            `json:"config"`
}

// helmTemplate renders a chart as Helm's install and upgrade do.
func helmTemplate(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	r, err := newRendering(raw, files)
	if err != nil {
		return helper.Answer{}, err
	}
	answer, err := r.run(ctx)
	// What failed for want of an object need not fail with it.
	if len(r.lookups.needs) > 0 && !r.lookups.tooMany {
		return helper.Answer{Result: templateNeeds{Needs: r.lookups.needs}}, nil
	}
	return answer, shortened(err)
}

// maxMessage bounds an error: one of a recursion tells every turn.
const maxMessage = 4 << 10

// shortened keeps both ends of a long message.
func shortened(err error) error {
	if err == nil || len(err.Error()) <= maxMessage {
		return err
	}
	text := err.Error()
	return errors.New(strings.ToValidUTF8(text[:maxMessage/2], "") + " … " + strings.ToValidUTF8(text[len(text)-maxMessage/2:], ""))
}

type rendering struct {
	args    templateArgs
	chart   *chart.Chart
	values  map[string]any
	lookups *lookups
}

func newRendering(raw json.RawMessage, files []helper.File) (*rendering, error) {
	r := &rendering{}
	contents := make([][]byte, len(files))
	for i, f := range files {
		contents[i] = f.Content
	}
	if json.Unmarshal(raw, &r.args) != nil || len(contents) < 2 || r.args.Reuse && len(contents) < 4 {
		return nil, errors.New("the arguments are not what helm.template takes")
	}
	var err error
	if r.lookups, err = newLookups(r.args.Lookups, contents); err != nil {
		return nil, err
	}
	if r.chart, err = loadChart(contents[0]); err != nil {
		return nil, err
	}
	if r.args.ChartVersion != "" {
		r.chart.Metadata.Version = r.args.ChartVersion
	}
	if r.values, err = parseValues(contents[1]); err != nil {
		return nil, err
	}
	if r.args.Reuse {
		return r, r.reuse(contents[2], contents[3])
	}
	return r, nil
}

// reuse is `helm upgrade --reuse-values`: the old release's values become the chart's defaults.
func (r *rendering) reuse(chartValues, config []byte) error {
	old := &chart.Chart{Metadata: &chart.Metadata{Name: r.chart.Name()}}
	var oldConfig map[string]any
	if json.Unmarshal(chartValues, &old.Values) != nil || json.Unmarshal(config, &oldConfig) != nil {
		return errors.New("the values of the release before are not JSON objects")
	}
	defaults, err := util.CoalesceValues(old, oldConfig)
	if err != nil {
		return fmt.Errorf("the values of the release before cannot be merged: %w", err)
	}
	r.values = util.CoalesceTables(r.values, oldConfig)
	r.chart.Values = defaults
	return nil
}

func (r *rendering) run(ctx context.Context) (helper.Answer, error) {
	if err := installable(r.chart); err != nil {
		return helper.Answer{}, err
	}
	capabilities, err := r.capabilities()
	if err != nil {
		return helper.Answer{}, err
	}
	if err := chartutil.ProcessDependencies(r.chart, r.values); err != nil {
		return helper.Answer{}, fmt.Errorf("chart dependencies processing failed: %w", err)
	}
	options := common.ReleaseOptions{
		Name:      r.args.Release.Name,
		Namespace: r.args.Release.Namespace,
		Revision:  r.args.Release.Revision,
		IsInstall: !r.args.Release.IsUpgrade,
		IsUpgrade: r.args.Release.IsUpgrade,
	}
	values, err := util.ToRenderValuesWithSchemaValidation(r.chart, r.values, options, capabilities, true)
	if err != nil {
		return helper.Answer{}, err
	}
	if !r.args.SkipSchemaValidation {
		if err := validateValues(r.chart, values["Values"].(common.Values).AsMap()); err != nil {
			return helper.Answer{}, err
		}
	}
	if wanted := r.chart.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
		return helper.Answer{}, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", wanted, capabilities.KubeVersion.Version)
	}
	texts, err := r.render(ctx, values)
	if err != nil {
		return helper.Answer{}, err
	}
	return r.answer(texts)
}

// installable refuses what `helm install` refuses before it renders.
func installable(c *chart.Chart) error {
	if c.Metadata.Type == "library" {
		return errors.New("library charts are not installable")
	}
	var missing []string
	for _, wanted := range c.Metadata.Dependencies {
		if !hasDependency(c, wanted.Name) {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("dependencies found in Chart.yaml, but missing in charts/ directory: %s", strings.Join(missing, ", "))
	}
	return nil
}

func hasDependency(c *chart.Chart, name string) bool {
	for _, each := range c.Dependencies() {
		if each.Name() == name {
			return true
		}
	}
	return false
}

func (r *rendering) capabilities() (*common.Capabilities, error) {
	version, err := common.ParseKubeVersion(r.args.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q cannot be read: %w", r.args.KubeVersion, err)
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	capabilities.APIVersions = r.args.APIVersions
	return capabilities, nil
}

// render gives the text of each template, by its path.
func (r *rendering) render(ctx context.Context, values common.Values) (map[string]string, error) {
	e := engine.Engine{CustomTemplateFuncs: template.FuncMap{"lookup": r.lookups.find}}
	texts, err := e.RenderWithContext(ctx, r.chart, values)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	if size > maxRendered {
		return nil, fmt.Errorf("rendered output is larger than %d MiB", maxRendered>>20)
	}
	return texts, nil
}

func (r *rendering) answer(texts map[string]string) (helper.Answer, error) {
	notes := ""
	for name, text := range texts {
		if !strings.HasSuffix(name, notesSuffix) {
			continue
		}
		if name == path.Join(r.chart.Name(), "templates", notesSuffix) {
			notes = text
		}
		delete(texts, name)
	}
	hooks, manifests, err := releaseutil.SortManifests(texts, nil, releaseutil.InstallOrder)
	if err != nil {
		return helper.Answer{}, err
	}
	result := templateResult{Metadata: metadataOf(r.chart), Documents: []sizedText{}, Hooks: []templateHook{}, CRDs: []sizedText{}}
	var body bytes.Buffer
	for _, m := range manifests {
		body.WriteString(m.Content)
		result.Documents = append(result.Documents, sizedText{m.Name, len(m.Content)})
	}
	for _, h := range hooks {
		body.WriteString(h.Manifest)
		result.Hooks = append(result.Hooks, templateHook{
			h.Name, h.Kind, h.Path, len(h.Manifest), h.Events, h.Weight, h.DeletePolicies, h.OutputLogPolicies,
		})
	}
	for _, c := range r.chart.CRDObjects() {
		body.Write(c.File.Data)
		result.CRDs = append(result.CRDs, sizedText{c.Filename, len(c.File.Data)})
	}
	body.WriteString(notes)
	result.Notes = len(notes)
	if result.Chart, err = writeMarshalled(&body, r.chart); err != nil {
		return helper.Answer{}, fmt.Errorf("the chart cannot be written as JSON: %w", err)
	}
	if result.Config, err = writeMarshalled(&body, r.values); err != nil {
		return helper.Answer{}, errors.New("the values cannot be written as JSON")
	}
	if body.Len() > maxAnswer {
		return helper.Answer{}, fmt.Errorf("the chart and what it renders are together larger than %d MiB", maxAnswer>>20)
	}
	return helper.Answer{Result: result, Body: body.Bytes()}, nil
}

func writeMarshalled(to *bytes.Buffer, value any) (int, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return 0, err
	}
	return to.Write(text)
}
