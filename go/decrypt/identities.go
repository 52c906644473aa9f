package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"sigs.k8s.io/yaml"
)

// identities makes credentials out of a request's keys. What it got by asking serves all files of the request, and no other.
type identities struct {
	keys        keys
	vaultTokens map[string]string
	azureFile   azcore.TokenCredential
	gcpSource   oauth2.TokenSource
}

func newIdentities(k keys) *identities {
	return &identities{keys: k, vaultTokens: map[string]string{}}
}

var keyARN = regexp.MustCompile(`^arn:aws[\w-]*:kms:([a-z0-9-]+):[0-9]+:(key|alias)/.+$`)

// regionOf gives the region in the ARN of a key; the library would make a host name of anything.
func regionOf(arn string) (string, error) {
	found := keyARN.FindStringSubmatch(arn)
	if found == nil {
		return "", fmt.Errorf("%q is no ARN of a KMS key", arn)
	}
	return found[1], nil
}

func (i *identities) aws(arn string) (aws.CredentialsProvider, error) {
	region, err := regionOf(arn)
	if err != nil {
		return nil, err
	}
	key, ok := pick(i.keys.AWS, region)
	switch {
	case !ok:
		return nil, errors.New("no credentials for AWS are given: the decryption Secret needs sops.aws-kms")
	case key.Refusal != "":
		return nil, errors.New(key.Refusal)
	case key.File == "":
		return credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, key.SessionToken), nil
	}
	var file struct {
		AccessKeyID     string `json:"aws_access_key_id"`
		SecretAccessKey string `json:"aws_secret_access_key"`
		SessionToken    string `json:"aws_session_token"`
	}
	if yaml.Unmarshal([]byte(key.File), &file) != nil || file.AccessKeyID == "" {
		return nil, errors.New("sops.aws-kms of the decryption Secret must be YAML with aws_access_key_id and aws_secret_access_key")
	}
	return credentials.NewStaticCredentialsProvider(file.AccessKeyID, file.SecretAccessKey, file.SessionToken), nil
}

// gcp gives access tokens. The context is the request's: the source is asked for each file.
func (i *identities) gcp(ctx context.Context) (oauth2.TokenSource, error) {
	key := i.keys.GCP
	switch {
	case key == nil:
		return nil, errors.New("no credentials for Google Cloud are given: the decryption Secret needs sops.gcp-kms")
	case key.Refusal != "":
		return nil, errors.New(key.Refusal)
	case i.gcpSource != nil:
		return i.gcpSource, nil
	case key.File == "":
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: key.Token}), nil
	}
	source, err := gcpFromFile(ctx, bytes.Trim([]byte(key.File), "\n"))
	if err == nil {
		i.gcpSource = source
	}
	return source, err
}

// gcpFromFile takes credentials that hold a key. Others name files, addresses and programs of whoever reads them: a
// tenant could have the agent's own token sent anywhere.
func gcpFromFile(ctx context.Context, file []byte) (oauth2.TokenSource, error) {
	for _, kind := range []google.CredentialsType{google.ServiceAccount, google.AuthorizedUser} {
		scope := "https://www.googleapis.com/auth/cloudkms"
		if found, err := google.CredentialsFromJSONWithType(ctx, file, kind, scope); err == nil {
			return found.TokenSource, nil
		}
	}
	return nil, errors.New("sops.gcp-kms of the decryption Secret must be the JSON key of a service account")
}
