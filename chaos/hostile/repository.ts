import type { Chance } from '../chance.ts';
import { inOrder } from './git-objects.ts';
import type { GitObjects, RawEntry } from './git-objects.ts';
import type { HostileYaml } from './yaml.ts';

/** What a repository may try to reach. */
export interface Surroundings {
  /** Path of a file on this machine that is no part of any repository. */
  outside: string;
  /** Address of a good repository on the same server, and a commit of it. */
  neighbour: { url: string; commit: string };
  /** Name of the repository that is drawn: `draw-1`. */
  own: string;
}

/** A repository that was written, and how it is to be fetched and built. */
export interface DrawnRepository {
  what: string;
  /** Of the commit. */
  id: string;
  submodules: boolean;
  ignore: string | undefined;
  /** spec.path of what is built of it. */
  path: string;
}

const FILE = '100644';
const LINK = '120000';
const FOLDER = '40000';
const PIN = '160000';

const PLAIN_NAMES = ['a.yaml', 'b.yml', 'c.json', 'sub', 'base', 'kustomization.yaml', 'README.md'];
const ODD_NAMES = [
  'line\nbreak.yaml',
  'tab\t.yaml',
  '-rf.yaml',
  '--upload-pack=id.yaml',
  '..yaml',
  '...',
  ' .yaml',
  '$(id).yaml',
  '`id`.yaml',
  '"q".yaml',
  "'q'.yaml",
  '*.yaml',
  ':(glob)x.yaml',
  'a\\..\\b.yaml',
  'con.yaml',
  '__proto__',
  'constructor',
  '\u202e.yaml',
  '\u2028.yaml',
  'é.yaml',
  'e\u0301.yaml',
  '\x1b[2J.yaml',
  '\x01.yaml',
  'A.yaml',
  'a.yaml\n',
  'b:c.yaml',
  '%2e%2e',
  'ref: x',
  '.gitattributes',
  '.gitignore',
  '.sourceignore',
  '.yaml',
  '#.yaml',
  'Kustomization',
  'kustomization.yml',
  '{a,b}.yaml',
  'github.com',
  '~root',
  `${'x'.repeat(250)}.yaml`,
].map((name) => Buffer.from(name));
const NO_UTF8 = [
  [0xff, 0xfe],
  [0xc0, 0xae],
  [0x61, 0xe2, 0x82],
  [0xed, 0xa0, 0x80],
].map((bytes) => Buffer.concat([Buffer.from(bytes), Buffer.from('.yaml')]));
/** Those that git refuses to check out, or to take at all. */
const FORBIDDEN_NAMES = [
  '..',
  '.',
  '.git',
  '.GIT',
  'git~1',
  '.git ',
  '.g\u200cit',
  'a/b.yaml',
  '../up.yaml',
  '/abs.yaml',
  '',
  '.gitmodules',
  'x'.repeat(5_000),
].map((name) => Buffer.from(name));
const ODD_MODES = ['100664', '100600', '040000', '40755', '120777', '100000', '0', '777777', '', '1006440000', 'x'];
const IGNORE = [
  '*',
  '!*',
  '/**/**/**/**/x',
  '[',
  '[a-',
  '\\',
  '!',
  '/',
  '*'.repeat(60),
  `${'*a'.repeat(40)}b`,
  '#',
  ' ',
  '../*',
  '\xff',
  '*.yaml\r\n',
  '!/a.yaml\n/*',
  '**/',
  '{a,b}',
  '[[:alpha:]]*',
  'a'.repeat(5_000),
  '\n'.repeat(5_000),
];
const MESSAGES = [
  'x',
  '',
  '\n\n\n',
  '\x1b[2J\x07',
  '\xff\xfe',
  'a\r\nb',
  '\u2028',
  'x'.repeat(100_000),
  'tree 0\nparent 0',
];

/** Names in one folder. */
type Names = readonly Buffer[];

/** Draws one commit and writes it. */
export class RepositoryDraw {
  readonly #chance: Chance;
  readonly #objects: GitObjects;
  readonly #yaml: HostileYaml;
  readonly #around: Surroundings;
  /** What is odd about it, each once. */
  readonly #odd = new Set<string>();
  /** Folders of submodules. */
  readonly #pinned: string[] = [];
  #files = 0;

  constructor(chance: Chance, to: { objects: GitObjects; yaml: HostileYaml; around: Surroundings }) {
    this.#chance = chance;
    this.#objects = to.objects;
    this.#yaml = to.yaml;
    this.#around = to.around;
  }

  draw(): DrawnRepository {
    const chance = this.#chance;
    const shape = chance.weighted({ mixed: 12, deep: 2, many: 1, bomb: 1 });
    this.#odd.add(shape);
    const entries = this.#folder(0, '');
    if (shape === 'deep') entries.push(this.#deep());
    if (shape === 'many') entries.push(this.#many());
    if (shape === 'bomb') entries.push(this.#bomb());
    if (this.#pinned.length > 0 && chance.happens(0.9)) entries.push(this.#modules());
    const tree = chance.happens(0.98) ? this.#tree(entries) : this.#nowhere();
    return {
      id: this.#commit(tree),
      submodules: chance.happens(0.5),
      ignore: chance.happens(0.2) ? chance.one(IGNORE) : undefined,
      path: chance.happens(0.75) ? './' : this.#path(),
      what: [...this.#odd].join(', '),
    };
  }

  #commit(tree: string): string {
    const who = this.#chance.happens(0.95)
      ? 'Ada <ada@example.test> 1700000000 +0000'
      : 'x> <\xff 99999999999999999999 +x';
    const message = this.#chance.happens(0.8) ? 'x' : this.#chance.one(MESSAGES);
    return this.#objects.write('commit', Buffer.from(`tree ${tree}\nauthor ${who}\ncommitter ${who}\n\n${message}`));
  }

  #folder(level: number, at: string): RawEntry[] {
    const chance = this.#chance;
    const names = Array.from({ length: 1 + chance.below(5) }, () => this.#name());
    const entries = names.flatMap((name) => this.#entry(name, level, at));
    // Most are to be built, not only refused.
    if (level === 0) entries.push(this.#file('good.yaml', `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n`));
    if (chance.happens(0.25)) entries.push(this.#listing(names));
    return entries;
  }

  #entry(name: Buffer, level: number, at: string): RawEntry {
    const kind = this.#chance.weighted({
      file: 10,
      link: 2,
      folder: level < 4 ? 4 : 0,
      pin: 1,
      nothing: 0.05,
      swapped: 0.05,
    });
    if (kind === 'link') return this.#link(name);
    if (kind === 'folder')
      return { mode: FOLDER, name, id: this.#tree(this.#folder(level + 1, `${at}${name.toString()}/`)) };
    if (kind === 'pin') return this.#pin(name, at);
    if (kind === 'nothing') return { mode: this.#chance.one([FILE, FOLDER]), name, id: this.#nowhere() };
    if (kind === 'swapped') return this.#swapped(name);
    const mode = this.#chance.happens(0.98) ? this.#chance.one([FILE, '100755']) : this.#odds('an odd mode', ODD_MODES);
    return { mode, name, id: this.#objects.write('blob', this.#content(name)) };
  }

  /** A folder that is a file, or a file that is a folder. */
  #swapped(name: Buffer): RawEntry {
    this.#odd.add('another type than its mode says');
    const file = this.#file('x', 'apiVersion: v1\n');
    return this.#chance.happens(0.5) ? { ...file, name, mode: FOLDER } : { mode: FILE, name, id: this.#tree([file]) };
  }

  #name(): Buffer {
    const kind = this.#chance.weighted({ plain: 10, odd: 5, 'no UTF-8': 1, forbidden: 0.2 });
    if (kind === 'plain') return Buffer.from(this.#chance.one(PLAIN_NAMES));
    const names = { odd: ODD_NAMES, 'no UTF-8': NO_UTF8, forbidden: FORBIDDEN_NAMES }[kind];
    return this.#odds(`a name that is ${kind}`, names);
  }

  #content(name: Buffer): Buffer {
    const chance = this.#chance;
    if (name.toString() === '.sourceignore') return Buffer.from(chance.one(IGNORE));
    if (/^kustomization/i.test(name.toString())) return this.#yaml.kustomization(chance).content;
    this.#files += 1;
    const manifest = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-${this.#files}}\n`;
    const kind = chance.weighted({ good: 20, hostile: 2, bytes: 1, empty: 1 });
    if (kind === 'hostile') return this.#yaml.manifest(chance).content;
    if (kind === 'good') return Buffer.from(manifest);
    return kind === 'empty' ? Buffer.alloc(0) : Buffer.from(Array.from({ length: 500 }, () => chance.below(256)));
  }

  /** A kustomization that lists what stands beside it. */
  #listing(names: Names): RawEntry {
    const resources = [...new Set(names.map(String)), ...(this.#chance.happens(0.2) ? [this.#path()] : [])];
    return this.#file('kustomization.yaml', JSON.stringify({ resources }));
  }

  #link(name: Buffer): RawEntry {
    const { outside } = this.#around;
    const kind = this.#chance.weighted({ inside: 5, outside: 2, loop: 1, odd: 1 });
    this.#odd.add(`a symlink (${kind})`);
    const climb = `${'../'.repeat(this.#chance.one([1, 2, 5, 30]))}${outside.slice(1)}`;
    const targets = {
      inside: [
        'good.yaml',
        'a.yaml',
        'sub',
        'base',
        '../good.yaml',
        '../sub/../good.yaml',
        './/good.yaml',
        'sub/a.yaml',
      ],
      outside: [outside, climb, '/proc/self/environ', '/etc', '..', '../..', '/dev/zero', `sub/../../${climb}`],
      loop: [name.toString(), '.', './', '..', '../sub', 'sub', `${name.toString()}/x`, 'base', `./${name.toString()}`],
      odd: [
        '',
        'nowhere',
        ' ',
        '\n',
        'good.yaml\n',
        'a\0b',
        'x/'.repeat(2_000),
        '../'.repeat(1_000),
        '\xff',
        'good.yaml/',
      ],
    }[kind];
    return { mode: LINK, name, id: this.#objects.write('blob', Buffer.from(this.#chance.one(targets))) };
  }

  #pin(name: Buffer, at: string): RawEntry {
    this.#odd.add('a submodule');
    this.#pinned.push(`${at}${name.toString()}`);
    const { commit } = this.#around.neighbour;
    return { mode: PIN, name, id: this.#chance.happens(0.7) ? commit : '1'.repeat(40) };
  }

  /** Most say where their submodule is, some lead elsewhere. */
  #modules(): RawEntry {
    const { neighbour, own } = this.#around;
    const urls = [
      '../neighbour.git',
      neighbour.url,
      `../${own}.git`,
      `./../${own}.git/`,
      '/etc',
      'file:///etc',
      'ext::id',
      '-u./x',
      '',
      '../../../../etc',
      '../nowhere.git',
      'http://169.254.169.254/latest',
      'http://localhost:1/x',
      'http://[::1]:1/x',
      'http://user:pw@127.0.0.1/x',
      '../neighbour.git?x',
      '../neighbour.git\n',
      '../%2e%2e/x',
    ];
    const sections = this.#pinned.map((path, index) => {
      const url = this.#chance.happens(0.6) ? '../neighbour.git' : this.#odds('a submodule that leads elsewhere', urls);
      const shown = this.#chance.happens(0.9) ? path : this.#path();
      return `[submodule "m${index}"]\n\tpath = ${shown}\n\turl = ${url}\n`;
    });
    const cut = this.#chance.happens(0.1) ? '[submodule "x\n\tpath = \\' : '';
    return this.#file('.gitmodules', sections.join('') + cut);
  }

  #path(): string {
    return this.#chance.one([
      '..',
      '../..',
      '/',
      '/etc',
      this.#around.outside,
      'a.yaml',
      'sub',
      'sub/../..',
      './sub/',
      'nowhere',
      '',
      '\0',
      'a\nb',
      '-rf',
      '__proto__',
      'x/'.repeat(3_000),
      '../'.repeat(300),
      '.git',
      'good.yaml/..',
      '%2e%2e',
    ]);
  }

  #deep(): RawEntry {
    const levels = this.#chance.one([60, 70, 250, 300, 2_000]);
    let entry = this.#file('a.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deep}\n');
    for (let level = 0; level < levels; level += 1)
      entry = { mode: FOLDER, name: Buffer.from('d'), id: this.#objects.tree([entry]) };
    return entry;
  }

  #many(): RawEntry {
    const count = this.#chance.one([500, 3_000]);
    const id = this.#objects.write('blob', Buffer.from('# nothing\n'));
    const files = Array.from({ length: count }, (_, index) => ({
      mode: FILE,
      name: Buffer.from(`f${index}.yaml`),
      id,
    }));
    return { mode: FOLDER, name: Buffer.from('many'), id: this.#objects.tree(inOrder(files)) };
  }

  /** A folder that holds itself ten times over on many levels. */
  #bomb(): RawEntry {
    let id = this.#objects.tree([this.#file('a.yaml', '# nothing\n')]);
    for (let level = this.#chance.one([3, 10, 40]); level > 0; level -= 1)
      id = this.#objects.tree(Array.from({ length: 10 }, (_, n) => ({ mode: FOLDER, name: Buffer.from(`d${n}`), id })));
    return { mode: FOLDER, name: Buffer.from('bomb'), id };
  }

  #file(name: string, content: string): RawEntry {
    return { mode: FILE, name: Buffer.from(name), id: this.#objects.write('blob', Buffer.from(content)) };
  }

  /** The last of each name counts; seldom both stay, or the order is not git's. */
  #tree(entries: readonly RawEntry[]): string {
    const unique = [...new Map(entries.map((entry) => [entry.name.toString('latin1'), entry])).values()];
    const kind = this.#chance.weighted({ right: 100, 'a name twice': 1, 'no order': 1 });
    if (kind !== 'right') this.#odd.add(kind);
    if (kind === 'no order') return this.#objects.tree(inOrder(unique).reverse());
    return this.#objects.tree(inOrder(kind === 'right' ? unique : entries));
  }

  /** An object that is not there. */
  #nowhere(): string {
    this.#odd.add('a missing object');
    return 'dead'.repeat(10);
  }

  #odds<T>(what: string, list: readonly T[]): T {
    this.#odd.add(what);
    return this.#chance.one(list);
  }
}
