package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"plumb.dev/go/helper"
)

const (
	maxSignature = 64 << 10
	maxKeyRings  = 2 << 20
	// maxKeyBlocks bounds the armored blocks of all key rings together.
	maxKeyBlocks = 1000
)

// openpgpResult holds either the key that verified the signature or the reason why none did.
type openpgpResult struct {
	// KeyID is the id of the signer's primary key: 16 hexadecimal digits.
	KeyID   string `json:"keyId,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// openpgpVerify checks an armored detached signature. The files are the payload, the signature, and key rings in order.
func openpgpVerify(_ context.Context, _ json.RawMessage, files []helper.File) (helper.Answer, error) {
	if len(files) < 2 {
		return helper.Answer{}, fmt.Errorf("openpgp.verify needs a payload and a signature")
	}
	payload, signature := files[0].Content, files[1].Content
	if len(signature) > maxSignature {
		return helper.Answer{Result: openpgpResult{Problem: fmt.Sprintf("the signature is larger than %d bytes", maxSignature)}}, nil
	}
	keys, problem := readKeyRings(files[2:])
	if problem != nil {
		return helper.Answer{Result: openpgpResult{Problem: problem.Error()}}, nil
	}
	signer, err := openpgp.CheckArmoredDetachedSignature(keys, bytes.NewReader(payload), bytes.NewReader(signature), nil)
	if err == nil {
		return helper.Answer{Result: openpgpResult{KeyID: signer.PrimaryKey.KeyIdString()}}, nil
	}
	why := err.Error()
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		why = "no matching key"
	}
	return helper.Answer{Result: openpgpResult{Problem: "unable to verify payload with any of the given key rings: " + why}}, nil
}

// readKeyRings reads every armored block of every ring. A ring that cannot be read counts only when there is no other.
func readKeyRings(rings []helper.File) (openpgp.EntityList, error) {
	var keys openpgp.EntityList
	var problem error
	size, blocks := 0, 0
	for _, ring := range rings {
		if size += len(ring.Content); size > maxKeyRings {
			return nil, fmt.Errorf("the key rings are larger than %d bytes", maxKeyRings)
		}
		in := bufio.NewReader(bytes.NewReader(ring.Content))
		for first := true; ; first = false {
			block, err := armor.Decode(in)
			if err == io.EOF && !first {
				break
			}
			if blocks++; blocks > maxKeyBlocks {
				return nil, fmt.Errorf("the key rings hold more than %d blocks", maxKeyBlocks)
			}
			found, err := readKeyBlock(block, err)
			if err != nil {
				if problem == nil {
					problem = fmt.Errorf("unable to read armored key ring: %w", err)
				}
				break
			}
			keys = append(keys, found...)
		}
	}
	if len(keys) == 0 && problem != nil {
		return nil, problem
	}
	return keys, nil
}

func readKeyBlock(block *armor.Block, err error) (openpgp.EntityList, error) {
	if err == io.EOF {
		return nil, errors.New("no armored data found")
	}
	if err != nil {
		return nil, err
	}
	if block.Type != openpgp.PublicKeyType && block.Type != openpgp.PrivateKeyType {
		return nil, fmt.Errorf("expected public or private key block, got: %s", block.Type)
	}
	found, err := openpgp.ReadKeyRing(block.Body)
	if err != nil {
		return nil, err
	}
	// The checksum and the end line are only read at the end.
	_, err = io.Copy(io.Discard, block.Body)
	return found, err
}
