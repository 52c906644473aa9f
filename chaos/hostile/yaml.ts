import type { Chance } from '../chance.ts';

/** A text whose characters are bytes (latin1), so that a mutation may cut it anywhere. */
type Bytes = string;

/** Bytes above which a text is not made longer: more than the largest file that is read. */
const LONGEST = 5_000_000;

/** Value of a Secret of the good manifests; no message may show it. */
export const SECRET = 'hunter2-is-not-to-be-shown';

const GOOD = [
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: shop\n  labels: {app: shop}\ndata:\n  level: "\${level:=info}"\n  file: |\n    a = 1\n    b = 2\n`,
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\nstringData:\n  password: ${SECRET}\ndata:\n  token: ${Buffer.from(SECRET).toString('base64')}\n`,
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: shop}}\n  template:\n    metadata: {labels: {app: shop}}\n    spec:\n      containers:\n      - name: web\n        image: example.com/web:1.2\n        resources: {limits: {cpu: 500m, memory: 1Gi}}\n        ports: [{containerPort: 80}]\n`,
  `apiVersion: v1\nkind: Service\nmetadata: &meta\n  name: shop\nspec:\n  ports: [{port: 80, targetPort: 8080}]\n---\napiVersion: v1\nkind: Service\nmetadata:\n  <<: *meta\n  name: other\nspec: {}\n`,
  `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: one}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: two}\n`,
  `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"a": "1", "b": "x\\ny"}}\n`,
];

const KUSTOMIZATIONS = [
  `resources: [a.yaml]\nnamePrefix: x-\ncommonAnnotations: {a: b}\n`,
  `resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |\n    - op: add\n      path: /metadata/labels\n      value: {a: b}\n`,
  `resources:\n- a.yaml\nconfigMapGenerator:\n- name: made\n  literals: [a=1]\nsecretGenerator:\n- name: hidden\n  literals: [password=${SECRET}]\n`,
  `resources: [a.yaml]\nimages:\n- {name: example.com/web, newTag: "2"}\nreplacements:\n- source: {kind: ConfigMap, name: settings, fieldPath: data.level}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.name]\n`,
];

const utf8 = (text: string): Bytes => Buffer.from(text).toString('latin1');

/** Not UTF-8, or characters that readers take in different ways. */
const ODD_BYTES = [
  '\xff',
  '\xc0\x80',
  '\xed\xa0\x80',
  '\xf4\x90\x80\x80',
  '\xe2\x82',
  '\x80',
  '\0',
  '\x1b[2J',
  '\x7f',
  '\r',
  '\t',
  ...['\u0085', '\u00a0', '\u2028', '\u202e', '\ufeff', '\ufffe', '😀', 'e\u0301'].map(utf8),
];

/** Values that YAML 1.1, YAML 1.2, JSON and Go read in different ways, or that begin something. */
const TRAPS = [
  'yes',
  'No',
  'on',
  'y',
  '~',
  'null',
  '',
  '=',
  '<<',
  '017',
  '0o17',
  '08',
  '0x1F',
  '0b11',
  '1_000',
  '+1',
  '-0',
  '.5',
  '5.',
  '1e3',
  '1e999',
  '-1e-999',
  '1.0',
  '.inf',
  '-.INF',
  '.nan',
  '12:30:45',
  '190:20:30',
  '2001-12-14',
  '0.1e',
  '9007199254740993',
  '9'.repeat(400),
  `0x${'f'.repeat(40)}`,
  "''",
  '""',
  '"\\x00"',
  '"\\ud800"',
  '"\\U00110000"',
  '|',
  '>',
  '|9',
  '>-',
  '|0',
  '[',
  '{',
  '}',
  ']',
  '- a',
  '? a',
  ': a',
  '*meta',
  '&meta',
  '*none',
  '%a',
  '@a',
  '`a`',
  '"open',
  "'open",
  '{{ .x }}',
  '{a: b, a: c}',
  '[a, [b, {c: d}]]',
  '${level}',
  '${none}',
  '${level',
  '$${level}',
  'a: b',
  'a #b',
  '#',
  'a\n b',
  '!!str',
  '!!binary "@"',
  '\\',
  '__proto__',
  '{__proto__: {a: b}}',
  '../../etc',
  '/',
];

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  '<<',
  '"<<"',
  'null',
  'true',
  'on',
  '1',
  '1.5',
  '08',
  '2001-12-14',
  '""',
  '? a',
  '[a]',
  '{a: b}',
  '*meta',
  '&k k',
  '!!str k',
  'a b',
  'a:b',
  '"a\\nb"',
  'metadata',
  'name',
  'apiVersion',
  'kind',
  'items',
  '$patch',
  '-',
  '\t',
  'k'.repeat(2_000),
];

const TAGS = [
  '!!str',
  '!!int',
  '!!float',
  '!!bool',
  '!!null',
  '!!binary',
  '!!set',
  '!!omap',
  '!!pairs',
  '!!map',
  '!!seq',
  '!!merge',
  '!!timestamp',
  '!',
  '!x',
  '!x!y',
  '!<tag:yaml.org,2002:str>',
  '!<',
  '!!python/object:os.system',
];

const SEPARATORS = [
  '---',
  '...',
  '--- x',
  '---x',
  '--- |',
  '--- # x',
  '... x',
  '%YAML 1.1\n---',
  '%YAML 2.0\n---',
  '%TAG ! tag:x,1:',
  '---\n---\n---',
  '--- {}',
  '--- &meta {}',
  '# comment',
  ' ---',
  '\t---',
  '-',
  '?',
  ': x',
  ']',
  '}',
];

type Mutation = (chance: Chance, text: Bytes) => Bytes;

const MUTATIONS = {
  flip: (chance, text) => {
    const bytes = Buffer.from(text, 'latin1');
    for (let left = 1 + chance.below(8); left > 0 && bytes.length > 0; left -= 1)
      bytes[chance.below(bytes.length)] = chance.below(256);
    return bytes.toString('latin1');
  },
  insert: (chance, text) => inserted(text, chance.below(text.length + 1), chance.one(ODD_BYTES)),
  truncate: (chance, text) => text.slice(0, chance.below(text.length + 1)),
  behead: (chance, text) => text.slice(chance.below(text.length + 1)),
  repeat: (chance, text) => {
    const from = chance.below(text.length + 1);
    const piece = text.slice(from, from + 1 + chance.below(200));
    const times = Math.floor(Math.min(chance.one([2, 10, 1_000, 50_000]), LONGEST / (piece.length + 1)));
    return inserted(text, from, piece.repeat(times));
  },
  deepen: (chance, text) => {
    const [open, close] = chance.one([
      ['[', ']'],
      ['{a: ', '}'],
      ['- ', ''],
      ['? ', ''],
      ['{"a":[', ']}'],
    ] as const);
    const levels = chance.one([3, 30, 98, 99, 100, 101, 3_000, 300_000]);
    const isClosed = chance.happens(0.7);
    return withValue(chance, text, () => `${open.repeat(levels)}x${isClosed ? close.repeat(levels) : ''}`);
  },
  anchors: (chance, text) => {
    const [levels, width] = [1 + chance.below(30), 1 + chance.below(12)];
    const [form, end] = chance.one([
      ['[', ']'],
      ['{<<: [', ']}'],
    ] as const);
    const level = (at: number): string =>
      `x${at}: &x${at} ${form}${Array.from({ length: width }, () => `*x${at - 1}`).join(', ')}${end}\n`;
    return `${text}x0: &x0 {a: b}\n${Array.from({ length: levels }, (_, index) => level(index + 1)).join('')}`;
  },
  aliases: (chance, text) => {
    const often = chance.one([1, 10, 900, 1_100]);
    return `${withValue(chance, text, (value) => `&again ${value}`)}y: [${'*again, '.repeat(often)}]\n`;
  },
  loop: (chance, text) => withValue(chance, text, () => chance.one(['&l [*l]', '&l {a: *l}', '&l {<<: *l}'])),
  'duplicate line': (chance, text) => withLine(chance, text, (line) => `${line}\n${line}`),
  'other value': (chance, text) => withValue(chance, text, () => utf8(chance.one(TRAPS))),
  'other key': (chance, text) => {
    const key = chance.one(KEYS);
    return withLine(chance, text, (line) => line.replace(/[^\s:-][^:]*:/, () => `${key}:`));
  },
  'huge value': (chance, text) => {
    const unit = chance.one([
      'a',
      '9',
      ' ',
      '"',
      "''",
      '\\x41',
      '\n',
      '\n  ',
      '1,',
      '{},',
      'a: b, ',
      '=',
      '\xe2\x82\xac',
    ]);
    const bytes = chance.one([300, 70_000, 1_500_000, 4_100_000]);
    const [before, after] = chance.one([
      ['', ''],
      ['"', '"'],
      ["'", "'"],
      ['[', ']'],
      ['|\n    ', '\n'],
      ['0x', ''],
    ] as const);
    return withValue(chance, text, () => before + unit.repeat(Math.ceil(bytes / unit.length)) + after);
  },
  tag: (chance, text) => withValue(chance, text, (value) => `${chance.one(TAGS)} ${value}`),
  tab: (chance, text) => withLine(chance, text, (line) => line.replace(/ {1,2}/, '\t')),
  tabs: (_chance, text) => text.replaceAll(/^ +/gm, '\t'),
  indent: (chance, text) => {
    const by = chance.one(['', ' ', '  ', '   ']);
    return withLine(chance, text, (line) => by + line.trimStart());
  },
  separator: (chance, text) => withLine(chance, text, (line) => `${chance.one(SEPARATORS)}\n${line}`),
  'without line': (chance, text) => withLine(chance, text, () => ''),
  'line ends': (chance, text) => {
    const end = chance.one(['\r\n', '\r', '\n\r', '\n\n', utf8('\u0085'), utf8('\u2028')]);
    const isMixed = chance.happens(0.3);
    return text.replaceAll('\n', () => (isMixed && chance.happens(0.5) ? '\n' : end));
  },
  'byte order mark': (chance, text) => utf8('\ufeff').repeat(1 + chance.below(2)) + text,
  'UTF-16': (chance, text) => (chance.happens(0.5) ? '\xff\xfe' : '') + Buffer.from(text, 'utf16le').toString('latin1'),
} satisfies Record<string, Mutation>;

function inserted(text: Bytes, at: number, piece: Bytes): Bytes {
  return text.length + piece.length > LONGEST ? text : text.slice(0, at) + piece + text.slice(at);
}

/** One line of the text as `change` has it. */
function withLine(chance: Chance, text: Bytes, change: (line: Bytes) => Bytes): Bytes {
  const lines = text.split('\n');
  const at = chance.below(lines.length);
  return lines.with(at, change(lines[at] ?? '')).join('\n');
}

/** What stands behind a colon or a dash as `change` has it, on one line that has some. */
function withValue(chance: Chance, text: Bytes, change: (value: Bytes) => Bytes): Bytes {
  const lines = text.split('\n');
  const having = [...lines.keys()].filter((index) => /^[^#]*[:-](?: |$)/.test((lines[index] ?? '').slice(0, 500)));
  if (having.length === 0 || text.length > LONGEST) return text;
  const at = chance.one(having);
  const line = lines[at] ?? '';
  const from = /^[^#]*?[:-](?: |$)/.exec(line)?.[0].length ?? 0;
  return lines.with(at, `${line.slice(0, from).trimEnd()} ${change(line.slice(from))}`).join('\n');
}

/** How a text came about, in words, and its bytes. */
export interface Drawn {
  what: string;
  content: Buffer;
}

/** One of the texts, or halves of two, with a few things changed. */
function mutated(chance: Chance, corpus: Readonly<Record<string, Bytes>>): Drawn {
  const names = Object.keys(corpus);
  const name = chance.one(names);
  const steps = [name];
  let text = corpus[name] ?? '';
  if (chance.happens(0.15)) {
    const other = chance.one(names);
    const rest = corpus[other] ?? '';
    steps.push(`spliced with ${other}`);
    text = text.slice(0, chance.below(text.length + 1)) + rest.slice(chance.below(rest.length + 1));
  }
  const kinds = Object.keys(MUTATIONS) as (keyof typeof MUTATIONS)[];
  for (let left = Number(chance.weighted({ 1: 6, 2: 3, 4: 1 })); left > 0; left -= 1) {
    const kind = chance.one(kinds);
    steps.push(kind);
    text = MUTATIONS[kind](chance, text);
  }
  return { what: steps.join(', '), content: Buffer.from(text, 'latin1') };
}

/** Draws files of manifests and of kustomizations. */
export class HostileYaml {
  readonly #manifests: Readonly<Record<string, Bytes>>;

  /** `corpus`: hostile files by name, to be made worse beside good manifests. */
  constructor(corpus: Readonly<Record<string, Buffer>>) {
    const hostile = Object.entries(corpus).map(([name, bytes]) => [name, bytes.toString('latin1')] as const);
    this.#manifests = { ...Object.fromEntries(hostile), ...named('good', GOOD) };
  }

  manifest(chance: Chance): Drawn {
    // There are many more hostile files than good ones, of which most is left to go wrong.
    return mutated(chance, chance.happens(0.6) ? named('good', GOOD) : this.#manifests);
  }

  /** A kustomization over `a.yaml`. */
  kustomization(chance: Chance): Drawn {
    return mutated(chance, named('kustomization', KUSTOMIZATIONS));
  }
}

function named(what: string, texts: readonly string[]): Record<string, Bytes> {
  return Object.fromEntries(texts.map((text, index) => [`${what} ${index}`, utf8(text)]));
}
