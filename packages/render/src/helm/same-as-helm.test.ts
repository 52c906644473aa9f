import { parseJson } from '@plumb/api';
import type { Json, KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { canonicalJson } from '../canonical.ts';
import { testEngine } from '../testing/memory-artifact.ts';
import { parseDocuments } from '../yaml/documents.ts';
import { resolveHelm } from '../yaml/scalar.ts';
import { printObject } from './manifest.ts';

const engine = testEngine();
afterAll(() => engine.close());

/** What Helm reads a text as (sigs.k8s.io/yaml); undefined where it does not. */
async function helmReads(yaml: string): Promise<Json | undefined> {
  const result = await engine.helmValues({ layers: [{ yaml }], deadline: 20_000 });
  return 'json' in result ? parseJson(result.json) : undefined;
}

function weRead(yaml: string): Json | undefined {
  try {
    return (
      parseDocuments('a.yaml', Buffer.from(yaml), { resolve: resolveHelm, onDuplicate: () => undefined })[0]?.value ??
      null
    );
  } catch {
    return undefined;
  }
}

describe('a scalar is read as Helm reads it', () => {
  const scalars =
    `yes no on off y n Y N Yes NO ON true True TRUE tRUE false ~ null Null NULL nUll 1 -1 +1 0 00 010 0o10 0x1F 0X1f 0b11 -0b11 1_000 0_1 1e3 1E3 1e+3 1.
    .5 1.5 -1.50 1_0.5 1.5e3 .inf -.Inf .NaN inf NaN 1:30 1:30:45 190:20:30 2001-01-01 2001-1-1 2001-01-01T00:00:00Z 2001-12-14t21:59:43.10-05:00 12345678901234
    9007199254740991 = << "yes" 'no' "1" '010' a b:c a#b -a ?a a- 0. 0.0 1.0 08 09 0xZZ 1e 1e400 +.5 -.5 +0x1 -010 --1`
      .split(/\s+/)
      .map((scalar) => scalar.replace('\u00A0', ' '));

  test.each(scalars)('%s', async (scalar) => {
    for (const yaml of [`a: ${scalar}\n`, `a:\n- ${scalar}\n`])
      expect([yaml, weRead(yaml)]).toEqual([yaml, await helmReads(yaml)]);
    // Keys that are no texts, whole numbers or booleans are refused.
    const key = `${scalar}: x\n`;
    expect([undefined, await helmReads(key)]).toContainEqual(weRead(key));
  });

  test('2001-01-01 with a time', async () => {
    const yaml = 'a: 2001-12-14 21:59:43.10\n';
    expect(weRead(yaml)).toEqual(await helmReads(yaml));
  });
});

const strange = fc.constantFrom(
  ...`yes|y|~|1|010|2001-01-01|=|<<|a: b|- a|# a| a|a |\n|\na|a\n|a\n\n| a\nb\n|\ta|a\tb|---|...|--- a|%a|@|\`|!x|&a|*a|[|{|'|"|\\|\u0085|\u2028|\u2029|\ufeff|\u007f|\u00a0|\u0000|\u{1f600}`.split(
    '|',
  ),
);

test('what is recorded is read by Helm and by us as the same', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(strange).map((parts) => parts.join('')),
  );
  // kustomize would lose such a key, and it is refused before.
  const key = text.filter((name) => name !== '<<');
  const value = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('json')),
      fc.dictionary(key, tie('json')),
    ),
  })).json;
  await fc.assert(
    fc.asyncProperty(value, async (spec) => {
      const object = { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, spec } as KubeObject;
      const yaml = printObject(object);
      const expected = canonicalJson(object);
      expect(canonicalJson(weRead(yaml))).toBe(expected);
      expect(canonicalJson(await helmReads(yaml))).toBe(expected);
    }),
    { numRuns: 300 },
  );
});
