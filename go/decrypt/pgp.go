package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// maxDataKey is far above the 32 bytes a data key has.
const maxDataKey = 4 << 10

// readKeyRing reads armored keys, any number of blocks one after another, as `gpg --import` does.
func readKeyRing(armored string) (openpgp.EntityList, error) {
	var ring openpgp.EntityList
	// One buffer for all blocks: the decoder would make its own for each, and swallow the beginning of the next.
	in := bufio.NewReaderSize(strings.NewReader(armored), 4<<10)
	for {
		block, err := armor.Decode(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("it is not armored OpenPGP")
		}
		if block.Type != openpgp.PrivateKeyType && block.Type != openpgp.PublicKeyType {
			return nil, fmt.Errorf("it holds a %q, not a key", block.Type)
		}
		entities, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, errors.New("it is not a readable OpenPGP key")
		}
		ring = append(ring, entities...)
	}
	if len(ring) == 0 {
		return nil, errors.New("it holds no OpenPGP key")
	}
	return ring, nil
}

// decryptPGP opens a data key with the private keys of a ring.
func decryptPGP(ring openpgp.EntityList, encrypted []byte) ([]byte, error) {
	block, err := armor.Decode(bytes.NewReader(encrypted))
	if err != nil {
		return nil, errors.New("the data key is not armored OpenPGP")
	}
	locked := false
	prompt := func(candidates []openpgp.Key, _ bool) ([]byte, error) {
		locked = len(candidates) > 0
		return nil, errors.New("no passphrase")
	}
	message, err := openpgp.ReadMessage(block.Body, ring, prompt, &packet.Config{})
	if err != nil {
		if locked {
			return nil, errors.New("the private key is protected by a passphrase: export it without one")
		}
		return nil, fmt.Errorf("reading PGP message failed: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(message.UnverifiedBody, maxDataKey))
	if err != nil {
		return nil, fmt.Errorf("reading PGP message failed: %w", err)
	}
	return plain, nil
}
