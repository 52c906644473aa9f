package main

import (
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
	Files []fileArgs `json:"files"`
	Keys  keys       `json:"keys"`
	// VerifyMAC refuses a file whose values are not those it was encrypted with.
	VerifyMAC bool `json:"verifyMac"`
}

// fileArgs says how to read the next of the request's files, and how to write it.
type fileArgs struct {
	Format string `json:"format"`
	Output string `json:"outputFormat"`
	// Source is the format of the file after it, from which it was made: that one carries the MAC, of another order of
	// keys and of values that were changed on purpose since.
	Source string `json:"source,omitempty"`
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
	if err := json.Unmarshal(raw, &args); err != nil {
		return helper.Answer{}, errors.New("the arguments are not those of sops.decrypt")
	}
	services := []keyservice.KeyServiceClient{keyservice.NewCustomLocalClient(newKeyService(ctx, args.Keys))}
	result := filesResult{Files: make([]fileResult, 0, len(args.Files))}
	var body []byte
	at := 0
	for _, file := range args.Files {
		if at >= len(files) || (file.Source != "" && at+1 >= len(files)) {
			return helper.Answer{}, errors.New("more files are described than sent")
		}
		d := decryption{fileArgs: file, content: files[at].Content, services: services, verifyMAC: args.VerifyMAC}
		at++
		if file.Source != "" {
			d.source = files[at].Content
			at++
		}
		plain, err := d.run()
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

type decryption struct {
	fileArgs
	content   []byte
	source    []byte
	services  []keyservice.KeyServiceClient
	verifyMAC bool
}

func (d decryption) run() (plain []byte, err error) {
	// Malformed input makes sops panic in places; what it panics with may be a value.
	defer func() {
		if recover() != nil {
			plain, err = nil, fmt.Errorf("failed to emit encrypted %s file as decrypted %s", formatName(d.Format), formatName(d.Output))
		}
	}()
	tree, err := load(d.content, d.Format)
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
		if err := d.verify(tree, key, mac); err != nil {
			return nil, fmt.Errorf("failed to verify sops data integrity: %w", err)
		}
	}
	plain, err = storeOf(d.Output).EmitPlainFile(tree.Branches)
	if err != nil {
		// The error may quote a value.
		return nil, fmt.Errorf("failed to emit encrypted %s file as decrypted %s", formatName(d.Format), formatName(d.Output))
	}
	return plain, nil
}

// verify compares the MAC a file carries with the one over its values.
func (d decryption) verify(tree sops.Tree, key []byte, mac string) error {
	if d.Source != "" {
		var err error
		if tree, err = load(d.source, d.Source); err != nil {
			return err
		}
		if mac, err = tree.Decrypt(key, aes.NewCipher()); err != nil {
			return errors.New(treeText(err))
		}
	}
	stored, err := aes.NewCipher().Decrypt(
		tree.Metadata.MessageAuthenticationCode, key, tree.Metadata.LastModified.Format(time.RFC3339),
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
