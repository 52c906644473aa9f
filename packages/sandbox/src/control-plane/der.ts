/** Distinguished Encoding Rules (ITU-T X.690), as much of them as a certificate needs. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const hex = length.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(0x80 | octets.length), octets]);
}

function element(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(tag), lengthOctets(content.length), content]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, Buffer.concat(parts));
}

export function setOf(...parts: readonly Uint8Array[]): Buffer {
  return element(TAG.set, Buffer.concat(parts));
}

/** A tag of the context-specific class around content that keeps its own tag (`EXPLICIT`) or is a sequence's body. */
export function constructed(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, Buffer.concat(parts));
}

/** A tag of the context-specific class in the place of a primitive's own (`IMPLICIT`). */
export function primitive(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

/** A non-negative integer from its big-endian octets. */
export function integer(octets: Uint8Array): Buffer {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start += 1;
  const trimmed = octets.subarray(start);
  const negative = (trimmed[0] ?? 0) >= 0x80;
  return element(TAG.integer, negative ? Buffer.concat([Buffer.of(0), trimmed]) : trimmed);
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.of(value ? 0xff : 0));
}

export function octetString(content: Uint8Array): Buffer {
  return element(TAG.octetString, content);
}

export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return element(TAG.bitString, Buffer.concat([Buffer.of(unusedBits), content]));
}

export function utf8String(text: string): Buffer {
  return element(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** @param dotted `2.5.4.3`; no arc may pass 2^31 */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [first * 40 + second, ...rest].flatMap(base128);
  return element(TAG.objectId, Buffer.from(octets));
}

function base128(arc: number): number[] {
  const octets = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) octets.unshift(0x80 | (left & 0x7f));
  return octets;
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  if (at.getUTCFullYear() < 2050) return element(TAG.utcTime, Buffer.from(digits.slice(2), 'ascii'));
  return element(TAG.generalizedTime, Buffer.from(digits, 'ascii'));
}
