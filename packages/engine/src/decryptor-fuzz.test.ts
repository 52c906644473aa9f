import { SopsBench } from '@plumb/testkit';
import type { SopsFormat } from '@plumb/testkit';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createDecryptor } from './create-decryptor.ts';
import { decryptPath } from './testing/fake-helper.ts';

const bench = new SopsBench();
const age = bench.ageKey();
const decryptor = createDecryptor({ path: decryptPath });
afterAll(async () => {
  await decryptor.close();
  bench[Symbol.dispose]();
});

const SECRET = 'correct horse';
const contents: Record<SopsFormat, string> = {
  yaml: `# note\na: ${SECRET}\nlist: [1, true, 1.5]\n---\nb: {c: ${SECRET}}\n`,
  json: JSON.stringify({ a: SECRET, list: [1, true, { deep: 1.5 }] }),
  dotenv: `A=${SECRET}\n# note\nB=x\n`,
  ini: `[one]\na = ${SECRET}\n[two]\nb = x\n`,
  binary: SECRET,
};
const formats = Object.keys(contents) as SopsFormat[];
const files = new Map(
  formats.map((format) => [format, bench.encrypt(contents[format], { format, flags: ['--age', age.recipient] })]),
);

/** Cuts, repeats, moves and overwrites pieces, and writes over single bytes. */
type Change =
  | { do: 'cut' | 'repeat' | 'move'; from: number; length: number; to: number }
  | { do: 'write'; to: number; text: string };

const place = fc.double({ min: 0, max: 1, noNaN: true });
const pieces = [
  'ENC[',
  ']',
  '"',
  '\n',
  '{',
  '[sops]',
  '---\n',
  ': ',
  '&a ',
  '*a',
  'type:int',
  '\u0000',
  '\ufeff',
  'sops',
];
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    do: fc.constantFrom('cut' as const, 'repeat' as const, 'move' as const),
    from: place,
    length: fc.double({ min: 0, max: 0.2, noNaN: true }),
    to: place,
  }),
  fc.record({ do: fc.constant('write' as const), to: place, text: fc.constantFrom(...pieces) }),
);

function apply(content: Buffer, one: Change): Buffer {
  const at = (where: number): number => Math.floor(where * content.byteLength);
  if (one.do === 'write') {
    const rest = content.subarray(Math.min(content.byteLength, at(one.to) + one.text.length));
    return Buffer.concat([content.subarray(0, at(one.to)), Buffer.from(one.text), rest]);
  }
  const piece = content.subarray(at(one.from), at(Math.min(1, one.from + one.length)));
  const rest =
    one.do === 'repeat'
      ? content
      : Buffer.concat([content.subarray(0, at(one.from)), content.subarray(at(one.from) + piece.byteLength)]);
  if (one.do === 'cut') return rest;
  const to = Math.min(rest.byteLength, at(one.to));
  return Buffer.concat([rest.subarray(0, to), piece, rest.subarray(to)]);
}

describe('a file that was tampered with', () => {
  test.each(formats)('%s: is told of without a value, or means what it meant', async (format) => {
    const original = files.get(format) ?? Buffer.alloc(0);
    const ask = async (content: Buffer, verifyMac: boolean): Promise<string> => {
      const [answer] = await decryptor.decrypt({
        files: [{ content, format, outputFormat: format }],
        keys: { age: [age.file] },
        verifyMac,
        deadline: 20_000,
      });
      if (answer === undefined) return 'no answer';
      return 'error' in answer ? `error: ${answer.error}` : Buffer.from(answer.content).toString();
    };
    const plain = await ask(original, true);
    expect(plain).toContain(SECRET);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.boolean(), async (changes, verifyMac) => {
        const text = await ask(changes.reduce(apply, original), verifyMac);
        const isError = text.startsWith('error: ');
        expect(isError && text.includes(SECRET)).toBe(false);
        // Nothing of a binary file but its one value is shown: it is the same, or the MAC says that it is not.
        const isSame = format !== 'binary' || !verifyMac || text === plain;
        expect(isError || isSame).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect((await decryptor.usage()).running).toBe(1);
  });

  test('text that is nothing of ours is told of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...formats), async (content, format) => {
        const [answer] = await decryptor.decrypt({
          files: [{ content, format, outputFormat: format }],
          keys: { age: [age.file] },
          verifyMac: true,
          deadline: 20_000,
        });
        expect(answer).toHaveProperty('error');
      }),
    );
  });
});
