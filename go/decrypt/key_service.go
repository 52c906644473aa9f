package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/azkv"
	"github.com/getsops/sops/v3/gcpkms"
	"github.com/getsops/sops/v3/hcvault"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/kms"
	"golang.org/x/oauth2"
)

// keyService answers sops' questions for data keys with the keys of one request, and with nothing else: sops' own
// service would look into the environment, home directories and other programs.
type keyService struct {
	keyservice.UnimplementedKeyServiceServer
	ctx        context.Context
	keys       keys
	age        age.ParsedIdentities
	pgp        openpgp.EntityList
	identities *identities
	// timeout is how long one key management service may take for one data key.
	timeout time.Duration
	// opened holds the data keys of this request: the objects of one file share theirs.
	opened map[string][]byte
	// silent holds the services that did not answer in time: each is waited for once in a request.
	silent map[string]bool
}

func newKeyService(ctx context.Context, k keys, timeout time.Duration) *keyService {
	// The library asks for tokens of Google without a context: this client bounds it.
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: timeout})
	return &keyService{
		ctx: ctx, keys: k, identities: newIdentities(k), timeout: timeout,
		opened: map[string][]byte{}, silent: map[string]bool{},
	}
}

// Decrypt opens a data key. The context is the request's: sops hands none on.
func (s *keyService) Decrypt(_ context.Context, request *keyservice.DecryptRequest) (*keyservice.DecryptResponse, error) {
	name := request.GetKey().String() + "\n" + string(request.GetCiphertext())
	plain, ok := s.opened[name]
	if !ok {
		var err error
		if plain, err = s.ask(request); err != nil {
			return nil, serviceText(err)
		}
		s.opened[name] = plain
	}
	// A copy, for whoever gets it wipes it.
	return &keyservice.DecryptResponse{Plaintext: bytes.Clone(plain)}, nil
}

// ask opens a data key, unless its service is known not to answer.
func (s *keyService) ask(request *keyservice.DecryptRequest) ([]byte, error) {
	service := serviceOf(request.Key)
	if s.silent[service] {
		return nil, fmt.Errorf("%s was not asked again: it has not answered within %s", service, s.timeout)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	plain, err := s.open(ctx, request.Key, request.Ciphertext)
	if err != nil && service != "" && ctx.Err() != nil && s.ctx.Err() == nil {
		s.silent[service] = true
		return nil, fmt.Errorf("%s did not answer within %s", service, s.timeout)
	}
	return plain, err
}

// serviceOf names the service that holds a key; it is empty for keys that need none.
func serviceOf(key *keyservice.Key) string {
	switch k := key.GetKeyType().(type) {
	case *keyservice.Key_VaultKey:
		return "Vault at " + k.VaultKey.VaultAddress
	case *keyservice.Key_KmsKey:
		region, _ := regionOf(k.KmsKey.Arn)
		return "AWS KMS in " + region
	case *keyservice.Key_GcpKmsKey:
		return "Google Cloud KMS"
	case *keyservice.Key_AzureKeyvaultKey:
		return "Azure Key Vault " + k.AzureKeyvaultKey.VaultUrl
	default:
		return ""
	}
}

// forget wipes the data keys.
func (s *keyService) forget() {
	for _, key := range s.opened {
		clear(key)
	}
}

func (s *keyService) open(ctx context.Context, key *keyservice.Key, encrypted []byte) ([]byte, error) {
	switch k := key.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		return s.openAge(k.AgeKey, encrypted)
	case *keyservice.Key_PgpKey:
		return s.openPGP(encrypted)
	case *keyservice.Key_VaultKey:
		return s.openVault(ctx, k.VaultKey, encrypted)
	case *keyservice.Key_KmsKey:
		return s.openAWS(ctx, k.KmsKey, encrypted)
	case *keyservice.Key_GcpKmsKey:
		return s.openGCP(ctx, k.GcpKmsKey, encrypted)
	case *keyservice.Key_AzureKeyvaultKey:
		return s.openAzure(ctx, k.AzureKeyvaultKey, encrypted)
	default:
		return nil, errors.New("keys of this kind are not supported")
	}
}

func (s *keyService) openAge(key *keyservice.AgeKey, encrypted []byte) ([]byte, error) {
	if len(s.keys.Age) == 0 {
		return nil, errors.New("no age key is given: the decryption Secret needs one under a name that ends in .agekey")
	}
	if s.age == nil {
		for _, file := range s.keys.Age {
			if strings.Contains(file, "AGE-PLUGIN-") {
				return nil, errors.New("an age key of the decryption Secret needs a plugin: plugins are not supported")
			}
			if err := s.age.Import(file); err != nil {
				// The error may quote the key.
				s.age = nil
				return nil, errors.New("an age key of the decryption Secret cannot be read: it must be as age-keygen writes it")
			}
		}
	}
	if len(s.age) == 0 {
		return nil, errors.New("the age key of the decryption Secret is empty")
	}
	master := age.MasterKey{Recipient: key.Recipient, EncryptedKey: string(encrypted)}
	s.age.ApplyToMasterKey(&master)
	return master.Decrypt()
}

func (s *keyService) openPGP(encrypted []byte) ([]byte, error) {
	if len(s.keys.PGP) == 0 {
		return nil, errors.New("no OpenPGP key is given: the decryption Secret needs one under a name that ends in .asc")
	}
	if s.pgp == nil {
		for _, armored := range s.keys.PGP {
			ring, err := readKeyRing(armored)
			if err != nil {
				s.pgp = nil
				return nil, fmt.Errorf("an OpenPGP key of the decryption Secret cannot be used: %w", err)
			}
			s.pgp = append(s.pgp, ring...)
		}
	}
	return decryptPGP(s.pgp, encrypted)
}

func (s *keyService) openVault(ctx context.Context, key *keyservice.VaultKey, encrypted []byte) ([]byte, error) {
	token, err := s.identities.vaultToken(ctx, key.VaultAddress)
	if err != nil {
		return nil, err
	}
	master := hcvault.MasterKey{
		VaultAddress: key.VaultAddress, EnginePath: key.EnginePath, KeyName: key.KeyName, EncryptedKey: string(encrypted),
	}
	hcvault.Token(token).ApplyToMasterKey(&master)
	return master.DecryptContext(ctx)
}

func (s *keyService) openAWS(ctx context.Context, key *keyservice.KmsKey, encrypted []byte) ([]byte, error) {
	encryption := make(map[string]*string, len(key.Context))
	for name, value := range key.Context {
		encryption[name] = &value
	}
	master := kms.NewMasterKey(key.Arn, key.Role, encryption)
	provider, err := s.identities.aws(key.Arn)
	if err != nil {
		return nil, err
	}
	master.EncryptedKey = string(encrypted)
	kms.NewCredentialsProvider(provider).ApplyToMasterKey(master)
	return master.DecryptContext(ctx)
}

func (s *keyService) openGCP(ctx context.Context, key *keyservice.GcpKmsKey, encrypted []byte) ([]byte, error) {
	source, err := s.identities.gcp(s.ctx)
	if err != nil {
		return nil, err
	}
	master := gcpkms.NewMasterKeyFromResourceID(key.ResourceId)
	master.EncryptedKey = string(encrypted)
	gcpkms.NewTokenSource(source).ApplyToMasterKey(master)
	// HTTP, not gRPC: it goes through whatever proxy the cluster has.
	gcpkms.UseRESTClient{}.ApplyToMasterKey(master)
	return master.DecryptContext(ctx)
}

func (s *keyService) openAzure(ctx context.Context, key *keyservice.AzureKeyVaultKey, encrypted []byte) ([]byte, error) {
	credential, err := s.identities.azure(key.VaultUrl)
	if err != nil {
		return nil, err
	}
	master := azkv.MasterKey{VaultURL: key.VaultUrl, Name: key.Name, Version: key.Version, EncryptedKey: string(encrypted)}
	azkv.NewTokenCredential(credential).ApplyToMasterKey(&master)
	return master.DecryptContext(ctx)
}
