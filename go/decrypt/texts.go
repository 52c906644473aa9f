package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/getsops/sops/v3"
	vault "github.com/hashicorp/vault/api"
)

// wrapped is how sops breaks and indents its lines.
var wrapped = regexp.MustCompile(`\s*\n[\s|]*(- \| )?`)

// userText is an error as sops would tell it to people, on one line: which keys were tried, and why each failed.
func userText(err error) string {
	text := err.Error()
	if told, ok := errors.AsType[sops.UserError](err); ok {
		text = told.UserError()
	}
	return wrapped.ReplaceAllString(strings.TrimSpace(text), " ")
}

// treeTexts are the errors of decrypting values that quote none. Others do: a number that does not parse is the secret
// itself, which a changed type tag makes of any text.
var treeTexts = regexp.MustCompile(strings.Join([]string{
	`Could not decrypt with AES_GCM: [a-z: ]+$`,
	`Error base64-decoding (data|iv|tag)`,
	`Expected encrypted value as string, but got \S+$`,
	`Cannot walk value, unknown type: \S+$`,
	`crypto/(aes|cipher): [a-z ]+[0-9]*$`,
}, "|"))

const notSopsFormat = "does not match sops' data format"

// treeText is what may be told of an error of decrypting values.
func treeText(err error) string {
	text := err.Error()
	if found := treeTexts.FindString(text); found != "" {
		return found
	}
	if strings.Contains(text, notSopsFormat) {
		return "Input string <redacted> " + notSopsFormat
	}
	return "a value cannot be decrypted"
}

// serviceText leaves out what a server that is no Vault answers: its address is written by whoever writes the file.
func serviceText(err error) error {
	if refused, ok := errors.AsType[*vault.ResponseError](err); ok && refused.RawError {
		return fmt.Errorf("the server's answer (status %d) is none of Vault's", refused.StatusCode)
	}
	return err
}
