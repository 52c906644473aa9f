import type { ObjectFormat } from '../git/object-format.ts';

/** A commit or tag taken apart: what was signed, byte for byte, and the signature over it ('' without one). */
export interface SignedObject {
  payload: Buffer;
  signature: string;
  /** What its committer or tagger says: seconds since 1970. */
  signedAt: number;
}

/** A tag object. */
export interface TagObject extends SignedObject {
  /** The name it was made with. */
  name: string;
  target: { id: string; type: string };
}

const HEADERS: Readonly<Record<ObjectFormat, string>> = { sha1: 'gpgsig', sha256: 'gpgsig-sha256' };
const NEWLINE = 0x0a;
const SPACE = 0x20;

/** Whatever begins like this is a signature in armour (git, gpg-interface.c). */
const ARMOUR = [
  '-----BEGIN PGP SIGNATURE-----',
  '-----BEGIN PGP MESSAGE-----',
  '-----BEGIN SSH SIGNATURE-----',
  '-----BEGIN SIGNED MESSAGE-----',
];

/** A commit's signature stands in a header, one for each format of ids; neither is part of what was signed. */
export function takeCommitApart(body: Buffer, format: ObjectFormat): SignedObject {
  const { rest, signatures } = withoutSignatures(body);
  return { payload: rest, signature: signatures[HEADERS[format]] ?? '', signedAt: timeIn(rest, 'committer') };
}

/** A tag's signature stands at the end of its message. @returns null when it is no tag */
export function takeTagApart(body: Buffer): TagObject | null {
  const head = /^object ([0-9a-f]{40,64})\ntype (\w+)\ntag ([^\n]+)\n/.exec(body.toString('utf8', 0, MAX_HEAD));
  if (head === null) return null;
  const [, id = '', type = '', name = ''] = head;
  const at = signatureAt(body);
  const { rest: payload } = withoutSignatures(body.subarray(0, at));
  const signature = body.toString('utf8', at);
  return { payload, signature, signedAt: timeIn(payload, 'tagger'), name, target: { id, type } };
}

const MAX_HEAD = 8192;

interface Stripped {
  rest: Buffer;
  /** By header. Of several of one name, one after the other. */
  signatures: Partial<Record<string, string>>;
}

function withoutSignatures(body: Buffer): Stripped {
  const kept: Buffer[] = [];
  const signatures: Stripped['signatures'] = {};
  let current: string | null = null;
  let at = 0;
  while (at < body.length && body[at] !== NEWLINE) {
    const end = body.indexOf(NEWLINE, at);
    const next = end < 0 ? body.length : end + 1;
    const line = body.subarray(at, next);
    if (line[0] !== SPACE) current = signatureHeader(line);
    if (current === null) kept.push(line);
    else {
      const skipped = line[0] === SPACE ? 1 : current.length + 1;
      signatures[current] = (signatures[current] ?? '') + line.toString('utf8', skipped);
    }
    at = next;
  }
  return { rest: Buffer.concat([...kept, body.subarray(at)]), signatures };
}

function signatureHeader(line: Buffer): string | null {
  const name = line.toString('latin1', 0, line.indexOf(SPACE));
  return Object.values(HEADERS).includes(name) ? name : null;
}

/** Where the last line stands that begins a signature; the end when there is none. */
function signatureAt(body: Buffer): number {
  const starts = ARMOUR.map((armour) => body.lastIndexOf(`\n${armour}`)).filter((found) => found >= 0);
  return starts.length === 0 ? body.length : Math.max(...starts) + 1;
}

function timeIn(head: Buffer, header: string): number {
  const blank = head.indexOf('\n\n');
  const text = head.toString('latin1', 0, blank < 0 ? head.length : blank);
  return Number(new RegExp(`^${header} .* (\\d{1,15}) [+-]\\d+$`, 'm').exec(text)?.[1] ?? 0);
}
