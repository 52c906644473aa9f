package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	release "helm.sh/helm/v4/pkg/release/v1"
	"plumb.dev/go/helper"
)

type digestArgs struct {
	OCIDigest string `json:"ociDigest"`
}

type digestResult struct {
	Digest string `json:"digest"`
}

// observation is what helm-controller takes the digest of (its internal/release: Observation, snapshots of apiVersion v2).
// The order of the fields is part of the digest.
type observation struct {
	Name          string         `json:"name"`
	Version       int            `json:"version"`
	Info          release.Info   `json:"info"`
	ChartMetadata chart.Metadata `json:"chartMetadata"`
	Config        map[string]any `json:"config"`
	Manifest      string         `json:"manifest"`
	Hooks         []release.Hook `json:"hooks"`
	Namespace     string         `json:"namespace"`
	OCIDigest     string         `json:"ociDigest,omitempty"`
}

// helmDigest gives the digest by which helm-controller knows a release. The file is the release's record.
func helmDigest(_ context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args digestArgs
	if json.Unmarshal(raw, &args) != nil || len(files) != 1 {
		return helper.Answer{}, errors.New("the arguments are not what helm.digest takes")
	}
	var record release.Release
	if json.Unmarshal(files[0].Content, &record) != nil {
		return helper.Answer{}, errors.New("the release record cannot be read")
	}
	hash := sha256.New()
	if err := json.NewEncoder(hash).Encode(observe(record, args.OCIDigest)); err != nil {
		return helper.Answer{}, errors.New("the release record cannot be written")
	}
	return helper.Answer{Result: digestResult{"sha256:" + hex.EncodeToString(hash.Sum(nil))}}, nil
}

func observe(record release.Release, ociDigest string) observation {
	o := observation{
		Name:      record.Name,
		Version:   record.Version,
		Manifest:  record.Manifest,
		Namespace: record.Namespace,
		OCIDigest: ociDigest,
	}
	if record.Info != nil {
		o.Info = *record.Info
		o.Info.RollbackRevision = 0 // which the Helm of helm-controller does not know
	}
	if record.Chart != nil && record.Chart.Metadata != nil {
		o.ChartMetadata = *record.Chart.Metadata
	}
	if len(record.Config) > 0 {
		o.Config = record.Config
	}
	for _, hook := range record.Hooks {
		// Tests may be run by hand, and change nothing.
		if hook != nil && !slices.Contains(hook.Events, release.HookTest) {
			o.Hooks = append(o.Hooks, *hook)
		}
	}
	return o
}
