package main

// keys are what one request may decrypt with. Refusals say why there is none; they show only if a file needs one.
type keys struct {
	// Age are age key files, PGP are armored private keys.
	Age []string `json:"age"`
	PGP []string `json:"pgp"`
	// Vault says how to be let in at each server, by its address without a slash at its end; "" stands for every other.
	Vault map[string]vaultKey `json:"vault"`
	// AWS is by region, Azure by scope; "" stands for every other.
	AWS   map[string]awsKey   `json:"aws"`
	Azure map[string]azureKey `json:"azure"`
	GCP   *gcpKey             `json:"gcp"`
}

// vaultKey is a token, or what a Kubernetes token is exchanged for one with.
type vaultKey struct {
	Token     string `json:"token"`
	LoginPath string `json:"loginPath"`
	Role      string `json:"role"`
	JWT       string `json:"jwt"`
	Refusal   string `json:"refusal"`
}

// awsKey is the file of a decryption Secret, or keys that were made for this request.
type awsKey struct {
	File            string `json:"file"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
	Refusal         string `json:"refusal"`
}

// azureKey is the file of a decryption Secret, or an access token. NoInstance keeps the file from naming an identity of the machine.
type azureKey struct {
	File       string `json:"file"`
	NoInstance bool   `json:"noInstance"`
	Token      string `json:"token"`
	Refusal    string `json:"refusal"`
}

// gcpKey is the file of a decryption Secret, or an access token.
type gcpKey struct {
	File    string `json:"file"`
	Token   string `json:"token"`
	Refusal string `json:"refusal"`
}

// pick gives the key for a name, or the one for every other.
func pick[K any](all map[string]K, name string) (K, bool) {
	if key, ok := all[name]; ok {
		return key, true
	}
	key, ok := all[""]
	return key, ok
}
