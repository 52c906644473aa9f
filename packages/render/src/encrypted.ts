import type { KubeObject } from '@plumb/api';
import type { SopsFormat } from '@plumb/engine';

/** Which format a file or a key of a Secret has by its name (sops: cmd/sops/formats; kustomize-controller: internal/decryptor). */
export function formatOf(name: string): SopsFormat {
  if (name.endsWith('.yaml') || name.endsWith('.yml')) return 'yaml';
  if (name.endsWith('.json') || name.endsWith('.dockerconfigjson')) return 'json';
  if (name.endsWith('.env')) return 'dotenv';
  return name.endsWith('.ini') ? 'ini' : 'binary';
}

/** What an encrypted file of each format holds; one of binary is an envelope of JSON. */
const markers: Record<SopsFormat, readonly string[]> = {
  dotenv: ['sops_mac=ENC['],
  ini: ['[sops]', 'ENC[AES256_GCM,'],
  json: ['"mac": "ENC['],
  binary: ['"mac": "ENC['],
  yaml: ['mac: ENC['],
};

/** Whether a file was encrypted as one of this format. */
export function isEncryptedAs(format: SopsFormat, content: Uint8Array): boolean {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return markers[format].every((marker) => bytes.includes(marker));
}

/** The format a file was encrypted in, by its content; null for one that is not encrypted. */
export function encryptedFormat(content: Uint8Array): SopsFormat | null {
  const known: readonly SopsFormat[] = ['dotenv', 'ini', 'json', 'yaml'];
  return known.find((format) => isEncryptedAs(format, content)) ?? null;
}

/** The MAC of an object that was encrypted in place; null for one that was not. */
export function macOf(body: KubeObject): string | null {
  const sops = body['sops'];
  const mac = typeof sops === 'object' && sops !== null && 'mac' in sops ? sops['mac'] : undefined;
  return typeof mac === 'string' && mac !== '' ? mac : null;
}

const rule = 'kustomize.toolkit.fluxcd.io/decrypt';

/** Whether an object says that it is to stay encrypted, for somebody else to decrypt. */
export function staysEncrypted({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[rule]?.toLowerCase() === 'disabled';
}

const valueStart = 'ENC[AES256_GCM,';

export function isEncryptedValue(text: string): boolean {
  return text.startsWith(valueStart);
}

/** As base64 has it: the start is 15 bytes long, so that nothing of what follows shows in it. */
const encodedStart = Buffer.from(valueStart).toString('base64');

/** Whether an object is a Secret whose readers would take cipher text for the secret. */
export function isEncryptedSecret(body: KubeObject): boolean {
  if (body.kind !== 'Secret' || body.apiVersion !== 'v1' || staysEncrypted(body)) return false;
  return body['sops'] !== undefined || hasValue(body['stringData'], valueStart) || hasValue(body['data'], encodedStart);
}

function hasValue(data: unknown, start: string): boolean {
  if (typeof data !== 'object' || data === null) return false;
  return Object.values(data).some((value) => typeof value === 'string' && value.startsWith(start));
}
