package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	sopsjson "github.com/getsops/sops/v3/stores/json"
	"github.com/getsops/sops/v3/stores/yaml"
	"plumb.dev/go/helper"
)

const (
	// maxFileSize is what one encrypted file may have, as in Flux.
	maxFileSize = 5 << 20
	// maxMasterKeys bounds how many keys one file may ask for: each may be a request over the network.
	maxMasterKeys = 100
)

type decryptArgs struct {
	// Files and then Sources describe the request's files.
	Files   []fileArgs `json:"files"`
	Sources []fileArgs `json:"sources"`
	Keys    keys       `json:"keys"`
	// VerifyMAC refuses a file whose values are not those it was encrypted with.
	VerifyMAC bool `json:"verifyMac"`
	// ServiceTimeout is how many milliseconds one key management service may take for one data key.
	ServiceTimeout int64 `json:"serviceTimeout"`
}

// fileArgs says how to read a file, and how to write it.
type fileArgs struct {
	Format string `json:"format"`
	Output string `json:"outputFormat"`
	// Source is the source that the file was made from: that one carries the MAC, of another order of keys and of values
	// that were changed on purpose since.
	Source *int `json:"source,omitempty"`
}

type fileResult struct {
	Size  int    `json:"size"`
	Error string `json:"error,omitempty"`
}

type filesResult struct {
	Files []fileResult `json:"files"`
}

// decryptFiles gives each file's plain bytes, one after another, or what is wrong with it.
func decryptFiles(ctx context.Context, raw json.RawMessage, files []helper.File) (helper.Answer, error) {
	var args decryptArgs
	if json.Unmarshal(raw, &args) != nil || len(args.Files)+len(args.Sources) != len(files) {
		return helper.Answer{}, errors.New("the arguments are not those of sops.decrypt")
	}
	service := newKeyService(ctx, args.Keys, time.Duration(args.ServiceTimeout)*time.Millisecond)
	defer service.forget()
	d := decryption{
		services:  []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(service)},
		sources:   make([]source, len(args.Sources)),
		verifyMAC: args.VerifyMAC,
	}
	for i, described := range args.Sources {
		d.sources[i] = source{content: files[len(args.Files)+i].Content, format: described.Format}
	}
	defer func() {
		for _, from := range d.sources {
			clear(from.key)
		}
	}()
	result := filesResult{Files: make([]fileResult, 0, len(args.Files))}
	var body []byte
	for i, file := range args.Files {
		plain, err := d.file(files[i].Content, file)
		if err := ctx.Err(); err != nil {
			return helper.Answer{}, err
		}
		if err != nil {
			result.Files = append(result.Files, fileResult{Error: err.Error()})
			continue
		}
		result.Files = append(result.Files, fileResult{Size: len(plain)})
		body = append(body, plain...)
		clear(plain)
	}
	return helper.Answer{Result: result, Body: body}, nil
}

// decryption is what the files of one request share.
type decryption struct {
	services  []keyservice.KeyServiceClient
	sources   []source
	verifyMAC bool
}

// source is what files were made from. It is verified once, with the data key they share.
type source struct {
	content []byte
	format  string
	key     []byte
	err     error
}

func (d *decryption) file(content []byte, args fileArgs) (plain []byte, err error) {
	notEmitted := fmt.Errorf("failed to emit encrypted %s file as decrypted %s", formatName(args.Format), formatName(args.Output))
	// Malformed input makes sops panic in places; what it panics with may be a value.
	defer func() {
		if recover() != nil {
			plain, err = nil, notEmitted
		}
	}()
	tree, err := load(content, args.Format)
	if err != nil {
		return nil, err
	}
	key, err := tree.Metadata.GetDataKeyWithKeyServices(d.services, sops.DefaultDecryptionOrder)
	if err != nil {
		return nil, fmt.Errorf("cannot get sops data key: %s", userText(err))
	}
	defer clear(key)
	mac, err := tree.Decrypt(key, aes.NewCipher())
	if err != nil {
		return nil, fmt.Errorf("error decrypting sops tree: %s", treeText(err))
	}
	if d.verifyMAC {
		if args.Source == nil {
			err = compareMAC(tree.Metadata, key, mac)
		} else {
			err = d.verifySource(*args.Source, key)
		}
		if err != nil {
			return nil, fmt.Errorf("failed to verify sops data integrity: %w", err)
		}
	}
	plain, err = storeOf(args.Output).EmitPlainFile(tree.Branches)
	if err != nil {
		// The error may quote a value.
		return nil, notEmitted
	}
	return plain, nil
}

// verifySource verifies a source with the data key of a file that was made from it.
func (d *decryption) verifySource(at int, key []byte) error {
	if at < 0 || at >= len(d.sources) {
		return errors.New("there is no such source")
	}
	from := &d.sources[at]
	if !bytes.Equal(from.key, key) {
		from.key, from.err = bytes.Clone(key), verify(*from, key)
	}
	return from.err
}

func verify(from source, key []byte) error {
	tree, err := load(from.content, from.format)
	if err != nil {
		return err
	}
	mac, err := tree.Decrypt(key, aes.NewCipher())
	if err != nil {
		return errors.New(treeText(err))
	}
	return compareMAC(tree.Metadata, key, mac)
}

// compareMAC compares the MAC a file carries with the one over its values.
func compareMAC(metadata sops.Metadata, key []byte, mac string) error {
	stored, err := aes.NewCipher().Decrypt(
		metadata.MessageAuthenticationCode, key, metadata.LastModified.Format(time.RFC3339),
	)
	switch {
	case err != nil:
		return errors.New(treeText(err))
	case stored == "":
		return errors.New("it has no MAC")
	case stored != mac:
		// Neither is shown: they are hashes of the values alone.
		return errors.New("the MAC does not match: a value was changed, added or removed without sops")
	}
	return nil
}

// load reads an encrypted file without decrypting it.
func load(content []byte, format string) (sops.Tree, error) {
	if len(content) > maxFileSize {
		return sops.Tree{}, fmt.Errorf("cannot decrypt file with size (%d bytes) exceeding limit (%d)", len(content), maxFileSize)
	}
	if format == "yaml" {
		if err := checkAliases(content); err != nil {
			return sops.Tree{}, fmt.Errorf("failed to load encrypted %s data: %w", formatName(format), err)
		}
	}
	tree, err := storeOf(format).LoadEncryptedFile(content)
	if err != nil {
		return tree, fmt.Errorf("failed to load encrypted %s data: %s", formatName(format), userText(err))
	}
	if count := tree.Metadata.MasterKeyCount(); count > maxMasterKeys {
		return tree, fmt.Errorf("failed to load encrypted %s data: it names %d keys, at most %d are allowed", formatName(format), count, maxMasterKeys)
	}
	return tree, nil
}

// storeOf gives sops' reader and writer of a format; what is no format is binary, as for sops.
func storeOf(format string) sops.Store {
	c := config.NewStoresConfig()
	switch format {
	case "yaml":
		return yaml.NewStore(&c.YAML)
	case "json":
		return sopsjson.NewStore(&c.JSON)
	case "dotenv":
		return dotenv.NewStore(&c.Dotenv)
	case "ini":
		return ini.NewStore(&c.INI)
	default:
		return sopsjson.NewBinaryStore(&c.JSONBinary)
	}
}

// formatName is how Flux's messages write a format.
func formatName(format string) string {
	switch format {
	case "yaml":
		return "YAML"
	case "json":
		return "JSON"
	case "ini":
		return "INI"
	default:
		return format
	}
}
