package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	vault "github.com/hashicorp/vault/api"
)

// vaultToken gives the token for the server at an address. The address is written by whoever wrote the file.
func (i *identities) vaultToken(ctx context.Context, address string) (string, error) {
	if at, err := url.Parse(address); err != nil || (at.Scheme != "https" && at.Scheme != "http") || at.Host == "" {
		return "", fmt.Errorf("the Vault address %q is none", address)
	}
	key, _ := pick(i.keys.Vault, strings.TrimRight(address, "/"))
	switch {
	case key.Refusal != "":
		return "", errors.New(key.Refusal)
	case key.Token != "":
		return key.Token, nil
	case key.JWT == "":
		return "", fmt.Errorf("no token is given for Vault at %s: the decryption Secret needs sops.vault-token", address)
	}
	if token, ok := i.vaultTokens[address]; ok {
		return token, nil
	}
	token, err := vaultLogin(ctx, address, key)
	if err == nil {
		i.vaultTokens[address] = token
	}
	return token, err
}

// vaultLogin exchanges a Kubernetes token for one of Vault's, by any auth method that takes a role and a JWT.
func vaultLogin(ctx context.Context, address string, key vaultKey) (string, error) {
	settings := vault.DefaultConfig()
	settings.Address = address
	client, err := vault.NewClient(settings)
	if err != nil {
		return "", fmt.Errorf("failed to create Vault client for '%s': %w", address, err)
	}
	secret, err := client.Logical().WriteWithContext(ctx, key.LoginPath, map[string]any{"role": key.Role, "jwt": key.JWT})
	if err != nil {
		return "", fmt.Errorf("failed to authenticate with Vault '%s' at login path '%s' as role '%s': %w",
			address, key.LoginPath, key.Role, serviceText(err))
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		return "", fmt.Errorf("the Vault '%s' returned no token for login at '%s' as role '%s'", address, key.LoginPath, key.Role)
	}
	return secret.Auth.ClientToken, nil
}
