package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

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
	KeyID string `json:"keyId,omitempty"`
	// Fingerprint is that of the same key, in hexadecimal digits.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Rings holds the numbers of the key rings that the key stands in.
	Rings   []int  `json:"rings,omitempty"`
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
	keys, holders, problem := readKeyRings(files[2:])
	if problem != nil {
		return helper.Answer{Result: openpgpResult{Problem: problem.Error()}}, nil
	}
	signer, err := openpgp.CheckArmoredDetachedSignature(keys, bytes.NewReader(payload), bytes.NewReader(signature), nil)
	if err == nil {
		key := signer.PrimaryKey
		return helper.Answer{Result: openpgpResult{
			KeyID:       key.KeyIdString(),
			Fingerprint: fmt.Sprintf("%X", key.Fingerprint),
			Rings:       holders[string(key.Fingerprint)],
		}}, nil
	}
	why := err.Error()
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		why = "no matching key"
	}
	return helper.Answer{Result: openpgpResult{Problem: "unable to verify payload with any of the given key rings: " + why}}, nil
}

// readKeyRings reads every armored block of every ring, and tells by fingerprint in which rings a key stands. A ring that cannot be read counts only
// when there is no other.
func readKeyRings(rings []helper.File) (openpgp.EntityList, map[string][]int, error) {
	var keys openpgp.EntityList
	holders := map[string][]int{}
	var problem error
	size, blocks := 0, 0
	for number, ring := range rings {
		if size += len(ring.Content); size > maxKeyRings {
			return nil, nil, fmt.Errorf("the key rings are larger than %d bytes", maxKeyRings)
		}
		in := bufio.NewReader(bytes.NewReader(ring.Content))
		for first := true; ; first = false {
			block, err := armor.Decode(in)
			if err == io.EOF && !first {
				break
			}
			if blocks++; blocks > maxKeyBlocks {
				return nil, nil, fmt.Errorf("the key rings hold more than %d blocks", maxKeyBlocks)
			}
			found, err := readKeyBlock(block, err)
			if err != nil {
				if problem == nil {
					problem = fmt.Errorf("unable to read armored key ring: %w", err)
				}
				break
			}
			keys = append(keys, found...)
			for _, key := range found {
				id := string(key.PrimaryKey.Fingerprint)
				if !slices.Contains(holders[id], number) {
					holders[id] = append(holders[id], number)
				}
			}
		}
	}
	if len(keys) == 0 && problem != nil {
		return nil, nil, problem
	}
	return keys, holders, nil
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
