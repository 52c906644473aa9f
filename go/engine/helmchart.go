package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"plumb.dev/go/helper"
)

// What a chart may be. Helm itself bounds only the unpacked size, of each archive for itself: charts in charts/ count here.
const (
	maxChartArchive  = 32 << 20
	maxChartUnpacked = 100 << 20 // Helm's own bound
	maxChartFile     = 16 << 20
	maxChartFiles    = 20_000
	maxChartDepth    = 16 // of charts in charts
)

// helmChart tells what Chart.yaml says. The file is the archive.
func helmChart(_ context.Context, _ json.RawMessage, files []helper.File) (helper.Answer, error) {
	if len(files) != 1 {
		return helper.Answer{}, errors.New("helm.chart needs a chart")
	}
	loaded, err := loadChart(files[0].Content)
	if err != nil {
		return helper.Answer{}, err
	}
	return helper.Answer{Result: metadataOf(loaded)}, nil
}

type chartMetadata struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	AppVersion  string `json:"appVersion"`
	Type        string `json:"type"`
	Deprecated  bool   `json:"deprecated"`
	Description string `json:"description"`
	KubeVersion string `json:"kubeVersion"`
}

func metadataOf(c *chart.Chart) chartMetadata {
	m := c.Metadata
	return chartMetadata{m.Name, m.Version, m.AppVersion, m.Type, m.Deprecated, m.Description, m.KubeVersion}
}

// loadChart reads a chart's archive as Helm does, after a look at what it holds.
func loadChart(content []byte) (*chart.Chart, error) {
	if len(content) > maxChartArchive {
		return nil, fmt.Errorf("the chart archive is larger than %d MiB", maxChartArchive>>20)
	}
	i := chartInspection{bytes: maxChartUnpacked, files: maxChartFiles}
	if err := i.archive(content, 0); err != nil {
		return nil, err
	}
	files, err := archive.LoadArchiveFiles(bytes.NewReader(content))
	if err != nil {
		return nil, archiveProblem(err)
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("the chart cannot be loaded: %w", err)
	}
	if version := loaded.Metadata.APIVersion; version != chart.APIVersionV1 && version != chart.APIVersionV2 {
		return nil, fmt.Errorf("the chart cannot be loaded: its apiVersion %q is neither v1 nor v2", version)
	}
	sortDependencies(loaded)
	return loaded, nil
}

// sortDependencies takes chance out of the order in which Helm finds the charts in charts/.
func sortDependencies(c *chart.Chart) {
	charts := slices.Clone(c.Dependencies())
	slices.SortStableFunc(charts, func(a, b *chart.Chart) int {
		return cmp.Or(strings.Compare(a.Name(), b.Name()), strings.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(charts...)
	for _, each := range charts {
		sortDependencies(each)
	}
}

// chartInspection is what is left of the bounds while a chart's archive, and those in it, are looked at.
type chartInspection struct {
	bytes int64
	files int
}

func (i *chartInspection) archive(content []byte, depth int) error {
	unzipped, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return archiveProblem(err)
	}
	names := map[string]bool{}
	for in := tar.NewReader(unzipped); ; {
		header, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return archiveProblem(err)
		}
		if err := i.entry(in, header, entryPlace{names, depth}); err != nil {
			return err
		}
	}
}

// entryPlace is where an entry stands: beside which names, and in how many charts.
type entryPlace struct {
	names map[string]bool
	depth int
}

func (i *chartInspection) entry(in io.Reader, header *tar.Header, place entryPlace) error {
	if i.files--; i.files < 0 {
		return fmt.Errorf("the chart archive holds more than %d files", maxChartFiles)
	}
	name := strings.ReplaceAll(header.Name, `\`, "/") // as Windows packs
	if slices.Contains(strings.Split(name, "/"), "..") || path.IsAbs(name) {
		return fmt.Errorf("the chart archive holds %q, which leads out of the chart", header.Name)
	}
	switch header.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	case tar.TypeReg:
	case tar.TypeSymlink, tar.TypeLink:
		return fmt.Errorf("the chart archive holds the link %q: a chart is made of files", header.Name)
	default:
		return fmt.Errorf("the chart archive holds %q, which is no file", header.Name)
	}
	name = path.Clean(name)
	if place.names[name] {
		return fmt.Errorf("the chart archive holds %q twice", header.Name)
	}
	place.names[name] = true
	if place.depth+strings.Count(name, "/charts/") > maxChartDepth {
		return fmt.Errorf("the chart archive holds charts in charts, more than %d deep", maxChartDepth)
	}
	return i.file(in, name, place.depth)
}

// file counts a file's bytes, and looks into one that is a chart itself.
func (i *chartInspection) file(in io.Reader, name string, depth int) error {
	_, inside, _ := strings.Cut(name, "/")
	nested := path.Base(path.Dir(inside)) == "charts" && path.Ext(inside) == ".tgz"
	var kept bytes.Buffer
	var to io.Writer = io.Discard
	if nested {
		to = &kept
	}
	size, err := io.Copy(to, io.LimitReader(in, maxChartFile+1))
	if err != nil {
		return archiveProblem(err)
	}
	if size > maxChartFile {
		return fmt.Errorf("%q in the chart archive is larger than %d MiB", name, maxChartFile>>20)
	}
	if i.bytes -= size; i.bytes <= 0 {
		return fmt.Errorf("the unpacked chart is larger than %d MiB", maxChartUnpacked>>20)
	}
	if !nested {
		return nil
	}
	err = i.archive(kept.Bytes(), depth+strings.Count(name, "/charts/"))
	if err != nil && depth == 0 {
		return fmt.Errorf("%s: %w", inside, err)
	}
	return err
}

func archiveProblem(err error) error {
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, io.EOF):
		return errors.New("the chart is not a gzip-compressed archive")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the chart archive ends too early")
	}
	return fmt.Errorf("the chart archive is broken: %w", err)
}
