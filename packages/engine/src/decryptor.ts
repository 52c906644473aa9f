import type { CallBounds } from './engine.ts';

/** How sops reads or writes a file. */
export type SopsFormat = 'yaml' | 'json' | 'dotenv' | 'ini' | 'binary';

/** How to be let in at a Vault or OpenBao server: a token, or what a Kubernetes token is exchanged for one with. */
export type VaultKey = { token: string } | { loginPath: string; role: string; jwt: string } | { refusal: string };

/** `file` is sops.aws-kms of a decryption Secret; the others were made for this request. */
export type AwsKey =
  | { file: string }
  | { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  | { refusal: string };

/** `file` is sops.azure-kv; with `noInstance` it may not name an identity of the machine that the agent runs on. A token was made for this request. */
export type AzureKey = { file: string; noInstance?: boolean } | { token: string } | { refusal: string };

/** `file` is sops.gcp-kms of a decryption Secret; a token was made for this request. */
export type TokenKey = { file: string } | { token: string } | { refusal: string };

/**
 * What one request may decrypt with. A `refusal` says to the user why there is no key of that kind; it shows only if a file needs one.
 */
export interface DecryptKeys {
  /** Age key files, as age-keygen writes them. */
  age?: readonly string[];
  /** Armored private OpenPGP keys without a passphrase. */
  pgp?: readonly string[];
  /** By the server's address, without a slash at its end; '' stands for every other. */
  vault?: Readonly<Record<string, VaultKey>>;
  /** By region; '' stands for every other. */
  aws?: Readonly<Record<string, AwsKey>>;
  /** By scope; '' stands for every other. */
  azure?: Readonly<Record<string, AzureKey>>;
  gcp?: TokenKey;
}

export interface EncryptedFile {
  content: Uint8Array;
  format: SopsFormat;
}

export interface FileToDecrypt extends EncryptedFile {
  outputFormat: SopsFormat;
  /**
   * Which of the request's sources the file was made from: the MAC of that one is verified in place of the file's own, whose values
   * were changed on purpose since.
   */
  source?: number;
}

export interface DecryptRequest extends CallBounds {
  files: readonly FileToDecrypt[];
  sources?: readonly EncryptedFile[];
  keys: DecryptKeys;
  /** Whether a file whose values are not those it was encrypted with is refused. */
  verifyMac: boolean;
}

/** One answer for each file, in order: its plain bytes, or why it cannot be decrypted (never a value or a key). */
export type Decrypted = { content: Uint8Array } | { error: string };

export interface NeedsRequest extends CallBounds {
  files: readonly EncryptedFile[];
}

/** The key management services that files are encrypted with. */
export interface Needs {
  /** Regions of AWS. */
  aws: readonly string[];
  /** Scopes of Azure: what a token for a vault must be good for. */
  azure: readonly string[];
  gcp: boolean;
  /** Addresses of Vault servers, without a slash at their end. */
  vault: readonly string[];
}

/** The port to the helper that decrypts: a process of its own, with keys and network. Failures are EngineError. */
export interface Decryptor {
  decrypt(request: DecryptRequest): Promise<Decrypted[]>;
  /** Reads the files' metadata alone. A file that cannot be read needs nothing. */
  needs(request: NeedsRequest): Promise<Needs>;
  /** What the helpers cost so far, those that ended included. */
  usage(): Promise<{ cpuSeconds: number; peakRssBytes: number; running: number }>;
  close(): Promise<void>;
}

export interface DecryptorOptions {
  /** The helper's executable. */
  path: string;
  /** The whole environment of the process: proxies and certificates. */
  environment?: Readonly<Record<string, string>>;
  /** Milliseconds a key management service may take for one key. It is waited for once in a call. Default 15,000. */
  serviceTimeout?: number;
  /** Milliseconds a process may idle before it is stopped. Default 10,000. */
  idleTimeout?: number;
  /** Bytes of memory after which a process ends itself, failing its request with `crashed`. Default 512 MiB. */
  memoryLimit?: number;
}
