package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"sigs.k8s.io/yaml"
)

// azureFile is sops.azure-kv: fields of a service principal, or the output of `az ad sp create-for-rbac`.
type azureFile struct {
	AppID    string `json:"appId"`
	Tenant   string `json:"tenant"`
	Password string `json:"password"`

	TenantID                   string `json:"tenantId"`
	ClientID                   string `json:"clientId"`
	ClientSecret               string `json:"clientSecret"`
	ClientCertificate          string `json:"clientCertificate"`
	ClientCertificatePassword  string `json:"clientCertificatePassword"`
	ClientCertificateSendChain bool   `json:"clientCertificateSendChain"`
	AuthorityHost              string `json:"authorityHost"`
}

func (f azureFile) options() azcore.ClientOptions {
	if f.AuthorityHost == "" {
		return azcore.ClientOptions{Cloud: cloud.AzurePublic}
	}
	return azcore.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: f.AuthorityHost,
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{},
	}}
}

// azure gives the credential for the vault at an address.
func (i *identities) azure(vaultURL string) (azcore.TokenCredential, error) {
	key, ok := pick(i.keys.Azure, scopeOf(vaultURL))
	switch {
	case !ok:
		return nil, errors.New("no credentials for Azure are given: the decryption Secret needs sops.azure-kv")
	case key.Refusal != "":
		return nil, errors.New(key.Refusal)
	case key.File == "":
		return azureToken{token: key.Token, scope: scopeOf(vaultURL)}, nil
	case i.azureFile != nil:
		return i.azureFile, nil
	}
	credential, err := azureFromFile(key.File, !key.NoInstance)
	if err == nil {
		i.azureFile = credential
	}
	return credential, err
}

// scopeOf names what a token for a vault is good for: all vaults of its cloud. A vault is a name in front of that.
func scopeOf(vaultURL string) string {
	at, err := url.Parse(vaultURL)
	if err != nil {
		return ""
	}
	_, domain, _ := strings.Cut(at.Hostname(), ".")
	return "https://" + domain + "/.default"
}

// azureToken is a token that was made for one scope.
type azureToken struct{ token, scope string }

// azureTokenLife is how long the library believes in a token: it serves one request.
const azureTokenLife = time.Hour

func (t azureToken) GetToken(_ context.Context, asked policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if !slices.Contains(asked.Scopes, t.scope) {
		return azcore.AccessToken{}, fmt.Errorf("the vault asks for a token of %s, there is one of %s",
			strings.Join(asked.Scopes, ", "), t.scope)
	}
	return azcore.AccessToken{Token: t.token, ExpiresOn: time.Now().Add(azureTokenLife)}, nil
}

var errAzureFile = errors.New("sops.azure-kv of the decryption Secret requires a 'clientId' field, a combination of " +
	"'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'")

func azureFromFile(text string, instance bool) (azcore.TokenCredential, error) {
	// `az` on Windows writes UTF-16.
	plain, _, err := transform.String(unicode.BOMOverride(unicode.UTF8.NewDecoder()), text)
	if err != nil {
		return nil, errAzureFile
	}
	var f azureFile
	if yaml.Unmarshal([]byte(plain), &f) != nil {
		return nil, errAzureFile
	}
	switch {
	case f.TenantID != "" && f.ClientID != "" && f.ClientSecret != "":
		return azidentity.NewClientSecretCredential(f.TenantID, f.ClientID, f.ClientSecret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: f.options()})
	case f.TenantID != "" && f.ClientID != "" && f.ClientCertificate != "":
		certificates, key, err := azidentity.ParseCertificates([]byte(f.ClientCertificate), []byte(f.ClientCertificatePassword))
		if err != nil {
			return nil, errors.New("clientCertificate of sops.azure-kv is not a certificate with its key")
		}
		return azidentity.NewClientCertificateCredential(f.TenantID, f.ClientID, certificates, key,
			&azidentity.ClientCertificateCredentialOptions{
				ClientOptions: f.options(), SendCertificateChain: f.ClientCertificateSendChain,
			})
	case f.Tenant != "" && f.AppID != "" && f.Password != "":
		return azidentity.NewClientSecretCredential(f.Tenant, f.AppID, f.Password,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: f.options()})
	case f.ClientID != "" && !instance:
		return nil, errors.New("sops.azure-kv names a 'clientId' alone: that would be an identity of the agent's machine, which is none of this unit's")
	case f.ClientID != "":
		return azidentity.NewManagedIdentityCredential(
			&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(f.ClientID)})
	}
	return nil, errAzureFile
}
