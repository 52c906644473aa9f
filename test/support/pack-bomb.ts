import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The most that one instruction of a delta copies (git: Documentation/gitformat-pack). */
const LONGEST_COPY = 0xffffff;
const OFS_DELTA = 6;
const TYPES = { commit: 1, tree: 2, blob: 3 } as const;

export interface Bomb {
  /** Objects that differ in their first bytes, each kept as a few instructions. */
  objects: number;
  /** Bytes of each of them when it is put together. */
  each: number;
}

/** A pack of one commit with one file, and beside them objects that nobody named and that are large only once they are put together. */
export function packBomb({ objects, each }: Bomb): { pack: Buffer; commit: string } {
  const file = Buffer.from('a: 1\n');
  const tree = Buffer.concat([Buffer.from('100644 a.yaml\0'), Buffer.from(idOf('blob', file), 'hex')]);
  const who = 'Ada <ada@example.test> 1700000000 +0000';
  const commit = Buffer.from(`tree ${idOf('tree', tree)}\nauthor ${who}\ncommitter ${who}\n\nx\n`);
  const parts = [
    plain('blob', file),
    plain('tree', tree),
    plain('commit', commit),
    plain('blob', Buffer.alloc(64 * KIB)),
  ];
  const head = Buffer.alloc(12);
  const sum = createHash('sha1');
  head.write('PACK');
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(parts.length + 1 + objects, 8);
  const at = [head, ...parts].map(({ length }) => length);
  const offsetOf = (index: number): number => at.slice(0, index + 1).reduce((total, length) => total + length, 0);
  // 64 KiB become 16 MiB, and those each of the large ones.
  const middle = delta(64 * KIB, 16 * MIB, copies(64 * KIB, 16 * MIB), at[parts.length] ?? 0);
  parts.push(middle);
  at.push(middle.length);
  const base = offsetOf(parts.length - 1);
  let end = offsetOf(parts.length);
  for (let index = 0; index < objects; index += 1) {
    const start = Buffer.alloc(5);
    start[0] = 4;
    start.writeUInt32BE(index, 1);
    const part = delta(16 * MIB, each, Buffer.concat([start, copies(16 * MIB, each - 4)]), end - base);
    parts.push(part);
    end += part.length;
  }
  const body = Buffer.concat([head, ...parts]);
  return { pack: Buffer.concat([body, sum.update(body).digest()]), commit: idOf('commit', commit) };
}

function idOf(type: keyof typeof TYPES, body: Buffer): string {
  return createHash('sha1').update(`${type} ${body.length}\0`).update(body).digest('hex');
}

function plain(type: keyof typeof TYPES, body: Buffer): Buffer {
  return Buffer.concat([header(TYPES[type], body.length), deflateSync(body)]);
}

/** `back` is how far before it the base begins. */
function delta(from: number, to: number, instructions: Buffer, back: number): Buffer {
  const body = Buffer.concat([length(from), length(to), instructions]);
  return Buffer.concat([header(OFS_DELTA, body.length), distance(back), deflateSync(body)]);
}

/** Instructions that write `total` bytes by copying a base of `size` bytes again and again. */
function copies(size: number, total: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = total; left > 0;) {
    const now = Math.min(left, size, LONGEST_COPY);
    parts.push(Buffer.of(0xf0, now & 0xff, (now >> 8) & 0xff, now >> 16));
    left -= now;
  }
  return Buffer.concat(parts);
}

function header(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 0xf)];
  for (let left = Math.floor(size / 16); left > 0; left = Math.floor(left / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(left & 0x7f);
  }
  return Buffer.from(bytes);
}

function length(size: number): Buffer {
  const bytes = [size & 0x7f];
  for (let left = Math.floor(size / 128); left > 0; left = Math.floor(left / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80;
    bytes.push(left & 0x7f);
  }
  return Buffer.from(bytes);
}

function distance(back: number): Buffer {
  const bytes = [back & 0x7f];
  for (let left = Math.floor(back / 128); left > 0; left = Math.floor(left / 128)) {
    left -= 1;
    bytes.unshift(0x80 | (left & 0x7f));
  }
  return Buffer.from(bytes);
}

/** A host that gives out one pack, in git's protocol 2, whatever is asked for. @returns its address */
export async function servePack({ pack, commit }: { pack: Buffer; commit: string }): Promise<{
  url: string;
  close: () => Promise<void>;
}> {
  const server = createServer((request, response) => {
    answer(request, response, { pack, commit }).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bomb.git`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url, close };
}

const FLUSH = '0000';
const DELIMITER = '0001';

function line(content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body]);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { pack, commit }: { pack: Buffer; commit: string },
): Promise<void> {
  const asked = Buffer.concat(await request.toArray()).toString('latin1');
  const type = request.method === 'GET' ? 'advertisement' : 'result';
  response.setHeader('content-type', `application/x-git-upload-pack-${type}`);
  if (request.method === 'GET') {
    const able = ['version 2\n', 'ls-refs\n', 'fetch=shallow\n', 'object-format=sha1\n'].map(line);
    response.end(Buffer.concat([line('# service=git-upload-pack\n'), Buffer.from(FLUSH), ...able, Buffer.from(FLUSH)]));
    return;
  }
  if (asked.includes('command=ls-refs')) {
    response.end(Buffer.concat([line(`${commit} refs/heads/main\n`), Buffer.from(FLUSH)]));
    return;
  }
  const parts = [line('shallow-info\n'), Buffer.from(DELIMITER), line('packfile\n')];
  for (let at = 0; at < pack.length; at += 60_000)
    parts.push(line(Buffer.concat([Buffer.of(1), pack.subarray(at, at + 60_000)])));
  response.end(Buffer.concat([...parts, Buffer.from(FLUSH)]));
}
