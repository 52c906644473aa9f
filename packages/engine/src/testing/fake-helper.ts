import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The helpers that the set-up builds. */
export const enginePath = fileURLToPath(new URL('../../../../build/engine', import.meta.url));
export const decryptPath = fileURLToPath(new URL('../../../../build/decrypt', import.meta.url));
/** What the tests hold the engine's substitution against. */
export const fluxvarsPath = fileURLToPath(new URL('../../../../build/fluxvars', import.meta.url));

const prelude = `
const usage = { cpuSeconds: 0.5, peakRssBytes: 1000 };
const send = (header, body = Buffer.alloc(0)) => {
  const head = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(4 + head.length + body.length, 0);
  prefix.writeUInt32BE(head.length, 4);
  process.stdout.write(Buffer.concat([prefix, head, body]));
};
const hello = (more = {}) => send({ protocol: 2, operations: ['kustomize.build'], versions: {}, usage, ...more });
const answer = (id, more = {}) => send({ id, result: { objects: [] }, usage, ...more });
let data = Buffer.alloc(0);
const onCall = (handle) => process.stdin.on('data', (chunk) => {
  data = Buffer.concat([data, chunk]);
  while (data.length >= 8 && data.length >= 4 + data.readUInt32BE(0)) {
    const header = JSON.parse(data.subarray(8, 8 + data.readUInt32BE(4)));
    data = data.subarray(4 + data.readUInt32BE(0));
    handle(header);
  }
}).on('end', () => process.exit(0));
`;

/** An executable that speaks the helper's protocol as the given JavaScript says. Dispose it to remove it. */
export function fakeHelper(script: string): { path: string; [Symbol.dispose](): void } {
  const dir = mkdtempSync(join(tmpdir(), 'plumb-helper-'));
  const path = join(dir, 'helper');
  writeFileSync(path, `#!${process.execPath}\n${prelude}\n${script}\n`);
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}
