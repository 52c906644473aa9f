import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { Engine, OpenpgpVerdict } from './engine.ts';
import { enginePath } from './testing/fake-helper.ts';

let engine: Engine;
beforeAll(() => {
  engine = createEngine({ path: enginePath, slots: 1 });
});
afterAll(() => engine.close());

const armour = (kind: string, body: Uint8Array): string =>
  `-----BEGIN PGP ${kind}-----\n\n${Buffer.from(body).toString('base64')}\n-----END PGP ${kind}-----\n`;

function verify(signature: string, keyRings: readonly string[] = []): Promise<OpenpgpVerdict> {
  return engine.openpgpVerify({ payload: Buffer.from('words'), signature, keyRings, deadline: 20_000 });
}

const RINGS = 'unable to verify payload with any of the given key rings: ';
const READING = 'unable to read armored key ring: ';

test.each<[what: string, signature: string, keyRings: string[], problem: RegExp | string]>([
  ['a signature that is none', 'words', [], `${RINGS}EOF`],
  ['an empty block', armour('SIGNATURE', Buffer.alloc(0)), [], new RegExp(`^${RINGS}`)],
  ['a message', armour('MESSAGE', Buffer.alloc(3)), [], new RegExp(`^${RINGS}.*got: PGP MESSAGE`)],
  ['a signature that is too large', 'x'.repeat(70_000), [], 'the signature is larger than 65536 bytes'],
  ['words for keys', 'words', ['words'], `${READING}no armored data found`],
  ['a signature for keys', 'words', [armour('SIGNATURE', Buffer.alloc(3))], /expected public or private key block/],
  ['keys that are too large', 'words', ['x'.repeat(2_200_000)], 'the key rings are larger than 2097152 bytes'],
])('%s is refused in words', async (_, signature, keyRings, problem) => {
  const verdict = await verify(signature, keyRings);
  expect(Object.keys(verdict)).toEqual(['problem']);
  expect('problem' in verdict ? verdict.problem : '').toMatch(problem);
});

test('any bytes are refused, and end no process', async () => {
  await verify('words');
  const bytes = fc.uint8Array({ maxLength: 300 });
  // The first byte of a packet says its kind: signature, key, user id, sub-key, compressed data.
  const packet = fc.tuple(fc.constantFrom(0x88, 0x98, 0xb4, 0xb8, 0xa0, 0xa3, 0xc2, 0xc6, 0xc8, 0xcd), bytes);
  const body = fc
    .array(packet, { maxLength: 4 })
    .map((packets) =>
      Buffer.concat(packets.flatMap(([kind, rest]) => [Buffer.of(kind, rest.length & 0x7f), Buffer.from(rest)])),
    );
  await fc.assert(
    fc.asyncProperty(body, body, async (signature, keys) => {
      const verdict = await verify(armour('SIGNATURE', signature), [armour('PUBLIC KEY BLOCK', keys)]);
      expect(verdict).toHaveProperty('problem');
    }),
    { numRuns: 300 },
  );
  expect((await engine.usage()).running).toBe(1);
});
