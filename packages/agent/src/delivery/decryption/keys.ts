import type { KubeObject } from '@plumb/api';
import type { DecryptKeys } from '@plumb/engine';

/**
 * The keys of a decryption Secret, each known by its name or the ending of its name; what else it holds is none of ours
 * (kustomize-controller: internal/decryptor, ImportKeys).
 * @param instance whether it may name an identity of the machine that the agent runs on
 */
export function keysIn(secret: KubeObject, { instance }: { instance: boolean }): DecryptKeys {
  const entries = entriesOf(secret);
  const named = new Map(entries);
  const keys: DecryptKeys = { age: endingIn('.agekey', entries), pgp: endingIn('.asc', entries) };
  const token = named.get('sops.vault-token')?.trim();
  if (token) keys.vault = { '': { token } };
  const [aws, azure, gcp] = [named.get('sops.aws-kms'), named.get('sops.azure-kv'), named.get('sops.gcp-kms')];
  if (aws !== undefined) keys.aws = { '': { file: aws } };
  if (azure !== undefined) keys.azure = { '': { file: azure, ...(!instance && { noInstance: true }) } };
  if (gcp !== undefined) keys.gcp = { file: gcp };
  return keys;
}

/**
 * The keys of the Secret that serves units without one: those of age alone. Credentials of a cloud in it would keep units from using an
 * identity of their own.
 */
export function ageKeysIn(secret: KubeObject): DecryptKeys {
  return { age: endingIn('.agekey', entriesOf(secret)) };
}

type Entry = readonly [name: string, text: string];

function entriesOf(secret: KubeObject): Entry[] {
  const data = (secret['data'] ?? {}) as Record<string, string>;
  const names = Object.keys(data).sort();
  return names.map((name) => [name, textOf(Buffer.from(data[name] ?? '', 'base64'))]);
}

/** `az` on Windows writes UTF-16. */
function textOf(bytes: Buffer): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

function endingIn(ending: string, entries: readonly Entry[]): string[] {
  return entries.filter(([name]) => name.endsWith(ending)).map(([, text]) => text);
}
