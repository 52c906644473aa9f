// Command pgpkey makes an OpenPGP key pair without a passphrase, for tests on machines without gpg. Into the folder it
// is given it writes the key rings that sops looks for there; its output is the fingerprint and the armored private key.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "pgpkey: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: pgpkey <folder>")
	}
	entity, err := openpgp.NewEntity("Test", "", "test@example.invalid", nil)
	if err != nil {
		return err
	}
	var public, secret, armored bytes.Buffer
	text, err := armor.Encode(&armored, openpgp.PrivateKeyType, nil)
	if err != nil {
		return err
	}
	if err := entity.SerializePrivate(&secret, nil); err != nil {
		return err
	}
	if err := entity.Serialize(&public); err != nil {
		return err
	}
	if _, err := text.Write(secret.Bytes()); err != nil {
		return err
	}
	if err := text.Close(); err != nil {
		return err
	}
	for name, ring := range map[string][]byte{"pubring.gpg": public.Bytes(), "secring.gpg": secret.Bytes()} {
		if err := os.WriteFile(filepath.Join(args[0], name), ring, 0o600); err != nil {
			return err
		}
	}
	fingerprint := strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint))
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"fingerprint": fingerprint, "armored": armored.String()})
}
