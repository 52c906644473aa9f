import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { kustomizedList, testEngine } from './testing/memory-artifact.ts';
import { outcomeOf } from './testing/outcome.ts';

/** Folders of one run of the suite; `npm run chaos -- --case differential` says how many, and from which seed: 10,000 take about a minute. */
const { numRuns: folders = 300, seed = Date.now() } = fc.readConfigureGlobal();

/** A value as YAML text: for a place on a line of its own below a key, and for a place inside brackets. */
interface Written {
  /** Starts with a blank or a line end, so that it can follow a colon or a dash. */
  block: (indent: string) => string;
  flow: string;
}

const plain = (text: string): Written => ({ block: () => ` ${text}`, flow: text });

/** Every way to write a number, a truth, nothing, a date, and what only looks like one. */
const spellings: readonly string[] = [
  '!!str 12',
  '!!int "7"',
  '!!float 3',
  '!!binary aGk=',
  '! 12',
  '!x y',
  '"yes"',
  "'null'",
  '"010"',
  "'~'",
  'a b',
  "it's",
].concat(
  `
    true True FALSE tRue yes No on OFF y null Null ~ ~x = 0 -0 +1 010 0o17 08 0x1F 0X1f 0x 0b101 -0b11
    1_000 _1 1__0 1_ 00 1.0 1.5e2 1e3 1E-3 1e400 -1e400 1e .5 5. . +.5 -.5 1. 1.2.3 1e+2
    9007199254740993 18446744073709551615 18446744073709551616 -9223372036854775809 1e21 0.1
    12345678901234567890123 123456789.123456789 4.9e-324 1.7976931348623157e308 0777 0o8 685_230.15
    2001-01-01 2001-1-1 2001-02-30 2001-12-14t21:59:43.10-05:00 2001-01-01T00:00:00Z 1:30 190:20:30
    !!str a#b http://example.com:80/x?y=1 100m 1Gi ключ 日本 🚀 é -x -- ?x
  `.match(/\S+/g) ?? [],
);

/** Text that an editor might hold: no line ends of YAML 1.1 and no control characters but tab and line end. */
const letters = fc.constantFrom(...'abcXYZ 019-_:#,.{}[]&*!|>\'"%@`?~=\\/\té日🚀');
const line = fc.string({ unit: letters, maxLength: 12 });
const escaped = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const doubleQuoted = fc.string({ unit: 'binary', maxLength: 10 }).map((text) => plain(escaped(text)));
const singleQuoted = line.map((text) => plain(`'${text.trim().replaceAll("'", "''")}'`));
/** Of these kustomize reads some in brackets as YAML 1.1 has it, or not at all. */
const spelled = fc
  .constantFrom(...spellings)
  .map((text): Written => (/\?|^!!str$/.test(text) ? { ...plain(text), flow: escaped(text) } : plain(text)));

/** A block scalar; inside brackets the same text stands in quotes. */
const blockScalar = fc
  .record({
    style: fc.constantFrom('|', '>'),
    chomp: fc.constantFrom('', '-', '+'),
    lines: fc.array(line, { minLength: 1, maxLength: 4 }),
  })
  .map(({ style, chomp, lines }): Written => {
    // Its first line sets the depth, so that it starts with a letter.
    const text = ['x', ...lines.map((each) => each.trimEnd())];
    return {
      block: (indent) => ` ${style}${chomp}\n${text.map((each) => (each === '' ? '' : `${indent}${each}`)).join('\n')}`,
      flow: escaped(text.join('\n')),
    };
  });

const key = (index: number): fc.Arbitrary<string> =>
  fc.constantFrom(
    `k${index}`,
    `"k ${index}"`,
    `'k:${index}'`,
    `${index + 2}`,
    `k-${index}.io/x`,
    `? k${index}\n`,
    `ü${index}`,
  );

const note = fc.constantFrom('', '', '', ' # note', ' #');

function mapOf(items: readonly (readonly [key: string, value: Written])[], comment: string): Written {
  const flow = items.map(([name, value]) => `${name.replace(/^\? |\n$/g, '').trim()}: ${value.flow}`);
  if (items.length === 0) return plain('{}');
  return {
    block: (indent) =>
      `${comment}\n${items
        .map(([name, value]) =>
          name.startsWith('? ')
            ? `${indent}${name}${indent}:${value.block(`${indent}  `)}`
            : `${indent}${name}:${value.block(`${indent}  `)}`,
        )
        .join('\n')}`,
    flow: `{${flow.join(', ')}}`,
  };
}

function listOf(items: readonly Written[], comment: string): Written {
  if (items.length === 0) return plain('[]');
  return {
    block: (indent) => `${comment}\n${items.map((item) => `${indent}-${item.block(`${indent}  `)}`).join('\n')}`,
    flow: `[${items.map((item) => item.flow).join(', ')}]`,
  };
}

const inBrackets = ({ flow }: Written): Written => plain(flow);

const { value } = fc.letrec<{ value: Written; list: Written; map: Written }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    spelled,
    doubleQuoted,
    singleQuoted,
    blockScalar,
    tie('list'),
    tie('map'),
    tie('list').map(inBrackets),
    tie('map').map(inBrackets),
  ),
  list: fc.tuple(fc.array(tie('value'), { maxLength: 3 }), note).map(([items, comment]) => listOf(items, comment)),
  map: fc
    .tuple(
      fc
        .array(tie('value'), { maxLength: 3 })
        .chain((values) => fc.tuple(...values.map((each, index) => key(index).map((name) => [name, each] as const)))),
      note,
    )
    .map(([items, comment]) => mapOf(items, comment)),
}));

/** Anchors of every kind of value, their aliases, and merges of one and of several maps. */
const anchored = fc
  .tuple(value, value)
  .map(
    ([first, second]) =>
      `base: &base {one: ${first.flow}, two: ${second.flow}}\nmore: &more {two: 2, three: [*base]}\nagain: *base\n` +
      'merged:\n  <<: *base\n  one: own\nboth: {<<: [*more, *base], four: 4}\nlist:\n- &item x\n- *item\n- *more\n',
  );

/** A document's fields after its name. */
const rest = fc.oneof(
  { arbitrary: fc.tuple(value, value).map(([a, b]) => `spec:${a.block('  ')}\nother:${b.block('  ')}\n`), weight: 5 },
  { arbitrary: anchored, weight: 1 },
  { arbitrary: fc.constant(''), weight: 1 },
);
const metadata = fc.constantFrom(
  '',
  '  namespace: shop\n',
  '  labels: {}\n',
  '  labels: {app: "1"}\n',
  '  annotations: {}\n',
  '  annotations: {a: 1, b: yes, c: "x", d: 010, e: 1.50}\n',
  '  annotations:\n    note: |\n      two\n      lines\n',
);
const between = fc.constantFrom('---\n', '--- # next\n', '---\n# a comment\n', '---\n---\n', '\n---\n\n', '...\n---\n');

const document = fc.record({ rest, metadata, between });

const paths = ['a.yaml', 'b.yml', 'b/a.yaml', 'b/c/d.yaml', 'c d/e.yaml', 'ü/x.yaml', 'z.yaml'];

/** Files of a plain folder by path: one to three, each with up to three documents. Every object has a name of its own. */
const yamlFolder: fc.Arbitrary<Record<string, string>> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...paths), { minLength: 1, maxLength: 3 }),
    fc.array(fc.array(document, { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 3 }),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
  )
  .map(([names, files, lineEnd]) =>
    Object.fromEntries(
      names.map((path, file) => [
        path,
        (files[file] ?? [])
          .map((each, index) => {
            const head = `apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: x${file}-${index}\n`;
            return `${index === 0 ? '' : each.between}${head}${each.metadata}${each.rest}`;
          })
          .join('')
          .replaceAll('\n', lineEnd),
      ]),
    ),
  );

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

test(
  'a plain folder of files as people write them gives what kustomize gives',
  { timeout: folders * 400 },
  async () => {
    await fc.assert(
      fc.asyncProperty(yamlFolder, async (files) => {
        const plain = await outcomeOf(renderer, files);
        const kustomized = await outcomeOf(renderer, {
          ...files,
          'kustomization.yaml': kustomizedList(Object.keys(files)),
        });
        expect(plain).toHaveProperty('bundle');
        expect(kustomized).toHaveProperty('bundle');
        expect(plain.bundle?.objects.map(({ digest }) => digest).sort()).toEqual(
          kustomized.bundle?.objects.map(({ digest }) => digest).sort(),
        );
        expect(plain.bundle?.digest).toBe(kustomized.bundle?.digest);
      }),
      { numRuns: folders, seed },
    );
  },
);
