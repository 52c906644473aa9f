import { createHash } from 'node:crypto';
import type { KeyFile } from '../git-sources.ts';
import type { Verdict } from './check.ts';
import { parseTrustedKeys } from './trusted-keys.ts';
import { WireReader, wireString } from './wire.ts';

const MAGIC = 'SSHSIG';
const VERSION = 1;
const NAMESPACE = 'git';
const HASHES = ['sha256', 'sha512'];
const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
const MAX_ARMOUR = 64 * 1024;

/** A signature as ssh-keygen makes it (OpenSSH, PROTOCOL.sshsig). */
export interface SshSignature {
  publicKey: Buffer;
  namespace: string;
  reserved: Buffer;
  hash: string;
  signature: Buffer;
}

/** @throws RangeError what is wrong with it */
export function parseSshSignature(armour: string): SshSignature {
  const text = armour.trim();
  if (text.length > MAX_ARMOUR) throw new RangeError(`it has more than ${MAX_ARMOUR} characters`);
  if (!text.startsWith(BEGIN) || !text.endsWith(END)) throw new RangeError('its first or last line is missing');
  const encoded = text.slice(BEGIN.length, -END.length).replaceAll(/[\r\n\t ]/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) throw new RangeError('it is not base64');
  const reader = new WireReader(Buffer.from(encoded, 'base64'));
  if (reader.take(MAGIC.length).toString('latin1') !== MAGIC) throw new RangeError('it does not begin with SSHSIG');
  const version = reader.uint32();
  if (version !== VERSION) throw new RangeError(`its version is ${version}, not ${VERSION}`);
  const publicKey = reader.string();
  const namespace = reader.text();
  const reserved = reader.string();
  const hash = reader.text();
  const signature = reader.string();
  reader.end();
  return { publicKey, namespace, reserved, hash, signature };
}

export interface Signed {
  payload: Buffer;
  /** In armour. */
  signature: string;
  /** When the key must have been valid, such as when it was signed, as whoever signed it says: seconds since 1970. */
  times: readonly number[];
}

/** @returns the key that made it, or why it does not count: Flux's words where it has some */
export function checkSshSignature({ payload, signature: armour, times }: Signed, files: readonly KeyFile[]): Verdict {
  let parsed: SshSignature;
  try {
    parsed = parseSshSignature(armour);
  } catch (error) {
    return { problem: `unable to unarmor SSH signature: ${wordsOf(error)}` };
  }
  const lists = files.map((file) => ({ name: file.name, ...parseTrustedKeys(file.text) }));
  const trusted = lists.flatMap(({ keys }) => keys).filter(({ key }) => key.blob.equals(parsed.publicKey));
  const unused = lists.flatMap(({ name, problems }) => problems.map((problem) => `'${name}' ${problem}`));
  if (trusted.length === 0) return refuse(['no matching key', ...unused.slice(0, MAX_PROBLEMS)].join('; '));
  const valid = trusted.filter(({ validAfter, validBefore }) =>
    times.every((time) => time >= validAfter && time <= validBefore),
  );
  if (valid.length === 0) return refuse('the key was not valid when it was used');
  if (parsed.namespace !== NAMESPACE)
    return refuse(`the signature is for '${parsed.namespace.slice(0, 60)}', not for '${NAMESPACE}'`);
  if (!HASHES.includes(parsed.hash)) return refuse(`the hash '${parsed.hash.slice(0, 60)}' is not supported`);
  const data = signedData(parsed, payload);
  try {
    const good = valid.filter(({ key, touchless }) => key.verify(data, parsed.signature, { touchless }));
    const [first] = good;
    if (first === undefined) return refuse('the signature is wrong');
    const { fingerprint } = first.key;
    return { key: fingerprint, fingerprint, holders: good.map(({ names }) => names) };
  } catch (error) {
    return refuse(`the signature is malformed: ${wordsOf(error)}`);
  }
}

const MAX_PROBLEMS = 3;

function refuse(why: string): { problem: string } {
  return { problem: `unable to verify payload with any of the given authorized keys: ${why}` };
}

function wordsOf(error: unknown): string {
  return error instanceof RangeError ? error.message : 'it cannot be read';
}

function signedData({ namespace, reserved, hash }: SshSignature, payload: Buffer): Buffer {
  const digest = createHash(hash).update(payload).digest();
  const fields = [wireString(namespace), wireString(reserved), wireString(hash), wireString(digest)];
  return Buffer.concat([Buffer.from(MAGIC), ...fields]);
}
