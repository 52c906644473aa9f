import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { WireReader } from './wire.ts';

const CURVES = {
  nistp256: { crv: 'P-256', bytes: 32, hash: 'sha256' },
  nistp384: { crv: 'P-384', bytes: 48, hash: 'sha384' },
  nistp521: { crv: 'P-521', bytes: 66, hash: 'sha512' },
} as const;

type Curve = (typeof CURVES)[keyof typeof CURVES];

/** Fewest and most bits of an RSA modulus: OpenSSH's own bounds. */
const RSA_BITS = { least: 1024, most: 16_384 };
/** Signatures made with SHA-1 (`ssh-rsa`) do not count, as with ssh-keygen. */
const RSA_HASHES: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };
const USER_PRESENT = 1;

/** A public key to check signatures with. */
export interface SshKey {
  /** As on the wire (RFC 4253, section 6.6); equal bytes are equal keys. */
  blob: Buffer;
  /** `SHA256:<base64>`, as ssh-keygen shows it. */
  fingerprint: string;
  /** What a key on hardware said of a touch is only asked for unless `touchless`. @throws RangeError where the signature is malformed */
  verify(data: Buffer, signature: Buffer, options: { touchless: boolean }): boolean;
}

type Check = (data: Buffer, format: string, signature: WireReader, options: { touchless: boolean }) => boolean;

/** @throws RangeError what is wrong with the key; Error where its numbers are no key */
export function parseSshKey(blob: Buffer): SshKey {
  const reader = new WireReader(blob);
  const type = reader.text();
  const check = checkOf(type, reader);
  reader.end();
  return {
    blob,
    fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replaceAll('=', '')}`,
    verify: (data, signature, options) => {
      const fields = new WireReader(signature);
      const right = check(data, fields.text(), fields, options);
      fields.end();
      return right;
    },
  };
}

function checkOf(type: string, reader: WireReader): Check {
  switch (type) {
    case 'ssh-ed25519':
      return ed25519(type, ed25519Key(reader));
    case 'ssh-rsa':
      return rsa(reader);
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = CURVES[type.slice('ecdsa-sha2-'.length) as keyof typeof CURVES];
      return ecdsa(type, ecKey(reader, curve), curve);
    }
    case 'sk-ssh-ed25519@openssh.com': {
      const inner = ed25519(type, ed25519Key(reader));
      return onHardware(inner, reader.string());
    }
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const inner = ecdsa(type, ecKey(reader, CURVES.nistp256), CURVES.nistp256);
      return onHardware(inner, reader.string());
    }
    default:
      throw new RangeError(`a key of the type '${type.slice(0, 60)}' is not supported`);
  }
}

function ed25519Key(reader: WireReader): KeyObject {
  const point = reader.string();
  if (point.length !== 32) throw new RangeError('its point has the wrong length');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }, format: 'jwk' });
}

function ed25519(type: string, key: KeyObject): Check {
  return (data, format, fields) => {
    const signature = fields.string();
    return format === type && signature.length === 64 && verify(null, data, key, signature);
  };
}

function rsa(reader: WireReader): Check {
  const [e, n] = [reader.magnitude(), reader.magnitude()];
  const bits = n.length * 8;
  if (bits < RSA_BITS.least || bits > RSA_BITS.most || e.length === 0 || e.length > 8)
    throw new RangeError(`an RSA key of ${bits} bits is not supported`);
  const jwk = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return (data, format, fields) => {
    const signature = fields.string();
    const hash = RSA_HASHES[format];
    if (hash === undefined || signature.length > n.length) return false;
    // Leading zeros may be left out.
    return verify(hash, data, key, Buffer.concat([Buffer.alloc(n.length - signature.length), signature]));
  };
}

function ecKey(reader: WireReader, { crv, bytes }: Curve): KeyObject {
  const name = reader.text();
  const point = reader.string();
  if (CURVES[name as keyof typeof CURVES]?.crv !== crv) throw new RangeError('its curve is not that of its type');
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) throw new RangeError('its point has the wrong form');
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)];
  const jwk = { kty: 'EC', crv, x: x.toString('base64url'), y: y.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function ecdsa(type: string, key: KeyObject, { bytes, hash }: Curve): Check {
  return (data, format, fields) => {
    const numbers = new WireReader(fields.string());
    const [r, s] = [numbers.magnitude(), numbers.magnitude()];
    numbers.end();
    if (format !== type || r.length > bytes || s.length > bytes) return false;
    const padded = [r, s].flatMap((number) => [Buffer.alloc(bytes - number.length), number]);
    return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat(padded));
  };
}

/** A FIDO key signs a hash of its application and of the data, and says whether it was touched (OpenSSH, PROTOCOL.u2f). */
function onHardware(inner: Check, application: Buffer): Check {
  const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  return (data, format, fields, options) => {
    const signature = fields.string();
    const said = fields.take(5);
    if (((said[0] ?? 0) & USER_PRESENT) === 0 && !options.touchless) return false;
    const signed = Buffer.concat([sha256(application), said, sha256(data)]);
    const wrapped = Buffer.alloc(4);
    wrapped.writeUInt32BE(signature.length);
    return inner(signed, format, new WireReader(Buffer.concat([wrapped, signature])), options);
  };
}
