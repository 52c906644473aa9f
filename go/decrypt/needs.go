package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/getsops/sops/v3/azkv"
	"github.com/getsops/sops/v3/gcpkms"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/kms"
	"plumb.dev/go/helper"
)

type needsArgs struct {
	Files []fileArgs `json:"files"`
}

// needsResult names the key management services that the files' keys are kept by: regions of AWS, scopes of Azure,
// addresses of Vault servers.
type needsResult struct {
	AWS   []string `json:"aws"`
	Azure []string `json:"azure"`
	GCP   bool     `json:"gcp"`
	Vault []string `json:"vault"`
}

// needsOfFiles reads the files' metadata alone. A file that cannot be read needs nothing: decrypting it says why.
func needsOfFiles(_ context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args needsArgs
	if err := json.Unmarshal(raw, &args); err != nil || len(args.Files) != len(files) {
		return helper.Answer{}, errors.New("the arguments are not those of sops.needs")
	}
	regions, scopes, vaults := nameSet{}, nameSet{}, nameSet{}
	result := needsResult{}
	for i, file := range args.Files {
		for _, key := range masterKeys(files[i].Content, file.Format) {
			switch k := key.(type) {
			case *kms.MasterKey:
				if region, err := regionOf(k.Arn); err == nil {
					regions[region] = struct{}{}
				}
			case *azkv.MasterKey:
				scopes[scopeOf(k.VaultURL)] = struct{}{}
			case *gcpkms.MasterKey:
				result.GCP = true
			case *hcvault.MasterKey:
				vaults[strings.TrimRight(k.VaultAddress, "/")] = struct{}{}
			}
		}
	}
	result.AWS, result.Azure, result.Vault = regions.sorted(), scopes.sorted(), vaults.sorted()
	return helper.Answer{Result: result}, nil
}

type nameSet map[string]struct{}

func (s nameSet) sorted() []string {
	names := slices.AppendSeq(make([]string, 0, len(s)), maps.Keys(s))
	slices.Sort(names)
	return names
}

func masterKeys(content []byte, format string) (found []any) {
	defer func() {
		if recover() != nil {
			found = nil
		}
	}()
	tree, err := load(content, format)
	if err != nil {
		return nil
	}
	for _, group := range tree.Metadata.KeyGroups {
		for _, key := range group {
			found = append(found, key)
		}
	}
	return found
}
