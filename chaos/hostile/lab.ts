import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { UnitRef } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import { createEngine } from '@plumb/engine';
import type { BuildOptions, Renderer } from '@plumb/render';
import { createRenderer } from '@plumb/render';
import { startGitServer } from '@plumb/sandbox';
import type { Artifact, Entry, GitSources } from '@plumb/sources';
import { createGitSources } from '@plumb/sources';
import { ownPeak, resetOwnPeak } from '@plumb/testkit';
import { GitMemory } from '../../test/support/git-memory.ts';
import { Chance } from '../chance.ts';
import { GitObjects } from './git-objects.ts';
import type { End } from './judge.ts';
import { badEnd, inWords } from './judge.ts';
import type { DrawnRepository } from './repository.ts';
import { RepositoryDraw } from './repository.ts';
import { HostileYaml, SECRET } from './yaml.ts';

const ROOT = join(import.meta.dirname, '../..');
const CORPUS = join(ROOT, 'packages/render/src/testdata/hostile');
const MIB = 1024 * 1024;
/** Bytes by which this process may grow for one draw, and that the git processes may hold. The engine has a bound of its own. */
const MOST_MEMORY = 600 * MIB;
const MOST_ENGINE_MEMORY = 768 * MIB;
/** Milliseconds for one fetch and for one build; what is drawn takes a second or two, so that only what does not end comes to this. */
const PATIENCE = 60_000;
const PASSWORD = 'password-of-the-fetch';
/** Name of an object that a file outside of every repository declares. */
const OUTSIDE = 'what-stands-outside';
const HIDDEN = [SECRET, Buffer.from(SECRET).toString('base64'), PASSWORD, OUTSIDE];

/** Lists a file, and only kustomize may build it: the empty prefix changes nothing. */
const KUSTOMIZED = '{"resources": ["a.yaml"], "namePrefix": ""}';

/** Specs that ask for nothing but a folder. */
const spec = (path = './') => ({ path, components: [], patches: [], images: [], ownerLabels: {} });

/** How a repository is fetched and built. */
type Fetching = Pick<DrawnRepository, 'path'> & Partial<DrawnRepository>;

/** What became of a draw. */
export interface Report {
  what: string;
  /** What was counted, by its name: `builds refused`. */
  counts: Record<string, number>;
  problems: string[];
}

/** What builds and fetches hostile input, one draw after the other, with a neighbour that must go on. */
export class HostileLab {
  readonly #dir: string;
  readonly #server: Awaited<ReturnType<typeof startGitServer>>;
  readonly #engine: Engine;
  readonly #renderer: Renderer;
  readonly #sources: GitSources;
  readonly #yaml: HostileYaml;
  #neighbours = 0;

  /** `dir` is for repositories, mirrors and what could not be built as promised. */
  static async start(dir: string): Promise<HostileLab> {
    return new HostileLab(dir, await startGitServer({ dir: join(dir, 'git') }));
  }

  private constructor(dir: string, server: Awaited<ReturnType<typeof startGitServer>>) {
    this.#dir = dir;
    this.#server = server;
    this.#engine = createEngine({ path: join(ROOT, 'build/engine'), slots: 1 });
    this.#renderer = createRenderer({ engine: this.#engine });
    const limits = { entries: 10_000, totalBytes: 64 * MIB, fileBytes: 32 * MIB };
    this.#sources = createGitSources({ dir: join(dir, 'plumb'), limits });
    const files = globSync(join(CORPUS, '*.yaml')).toSorted();
    this.#yaml = new HostileYaml(Object.fromEntries(files.map((path) => [basename(path), readFileSync(path)])));
    writeFileSync(join(dir, 'outside.yaml'), configMap(OUTSIDE));
  }

  /** The same seed and number, the same draw. */
  async draw(seed: number, number: number): Promise<Report> {
    const chance = new Chance(seed * 1_000_003 + number);
    const before = resetOwnPeak();
    const isYaml = chance.happens(0.8);
    const report = await (isYaml ? this.#drawYaml(chance, number) : this.#drawRepository(chance, number));
    const grown = ownPeak() - before;
    if (grown > MOST_MEMORY) report.problems.push(`takes ${inMib(grown)} of memory`);
    const { peakRssBytes } = await this.#engine.usage();
    if (peakRssBytes > MOST_ENGINE_MEMORY) report.problems.push(`makes the engine take ${inMib(peakRssBytes)}`);
    report.problems.push(...(await this.#neighbour(isYaml)));
    return report;
  }

  async close(): Promise<void> {
    await this.#sources.close();
    await this.#server.close();
    await this.#engine.close();
  }

  /** A file as it is, below two kustomizations that only list it, and seldom below one that is hostile itself. */
  async #drawYaml(chance: Chance, number: number): Promise<Report> {
    const { what, content } = this.#yaml.manifest(chance);
    const steps = [what];
    const folders: Record<string, string | Buffer>[] = [
      { 'a.yaml': content },
      { 'a.yaml': content, 'kustomization.yaml': 'resources: [a.yaml]' },
      { 'a.yaml': content, 'kustomization.yaml': KUSTOMIZED },
    ];
    if (chance.happens(0.3)) {
      const drawn = this.#yaml.kustomization(chance);
      const listed = chance.happens(0.5) ? content : configMap('settings');
      folders.push({ 'a.yaml': listed, 'kustomization.yaml': drawn.content });
      steps.push(`below ${drawn.what}`);
    }
    const substitution = { variables: { level: 'x' }, secrets: [], strict: chance.happens(0.5), always: true };
    const more = chance.happens(0.2) ? { substitution } : {};
    const ends: End[] = [];
    for (const files of folders) ends.push(await this.#build(inMemory(files), './', more));
    const again = inWords(await this.#build(inMemory(folders[0] ?? {}), './', more));
    const problems = ends.flatMap((end) => badEnd(end, HIDDEN));
    const [plain, ...kustomized] = ends.map(inWords);
    if (again !== plain) problems.push(`ends differently the second time: ${plain}, then ${again}`);
    const built = [plain, ...kustomized.slice(0, 2)].filter((end) => end?.startsWith('built') === true);
    if (new Set(built).size > 1) problems.push('gives something else below a kustomization that lists it');
    if (problems.length > 0) folders.forEach((files, index) => this.#keep(`draw-${number}/${index}`, files));
    return { what: `YAML (${steps.join(', ')})`, counts: { files: 1, ...countsOf(ends) }, problems };
  }

  async #drawRepository(chance: Chance, number: number): Promise<Report> {
    const name = `draw-${number}`;
    const neighbour = await this.#commit('neighbour', configMap('neighbour'));
    const url = await this.#server.create(name);
    const path = join(this.#dir, 'git', `${name}.git`);
    const objects = new GitObjects(path);
    const around = { outside: join(this.#dir, 'outside.yaml'), neighbour, own: name };
    const drawn = new RepositoryDraw(chance, { objects, yaml: this.#yaml, around }).draw();
    writeFileSync(join(path, 'refs/heads/main'), `${drawn.id}\n`);
    const git = new GitMemory(join(this.#dir, 'plumb'));
    const looking = setInterval(() => git.look(), 250);
    const end = await this.#fetched(url, name, drawn);
    clearInterval(looking);
    await this.#sources.remove(refOf(name));
    const problems = badEnd(end, HIDDEN);
    if ('bundle' in end && JSON.stringify(end.bundle.objects).includes(OUTSIDE))
      problems.push('holds what stands outside of it');
    if (git.peak > MOST_MEMORY) problems.push(`makes git take ${inMib(git.peak)}`);
    if (problems.length === 0) rmSync(path, { recursive: true });
    return { what: `repository (${drawn.what})`, counts: { repositories: 1, ...countsOf([end]) }, problems };
  }

  async #fetched(url: string, name: string, how: Fetching): Promise<End> {
    try {
      return await this.#build(await this.#artifact(url, name, how), how.path);
    } catch (error) {
      return { error };
    }
  }

  async #artifact(url: string, name: string, { submodules = false, ignore }: Fetching): Promise<Artifact> {
    const auth = { username: 'ada', password: PASSWORD };
    const request = { url, ref: { branch: 'main' }, auth, submodules, timeout: PATIENCE };
    const resolved = await this.#sources.resolve(refOf(name), request);
    const { revision, digest } = await this.#sources.publish(refOf(name), resolved, { ignore });
    const artifact = await this.#sources.open(refOf(name), revision, digest);
    if (artifact === null) throw new Error('what was published cannot be opened');
    return artifact;
  }

  async #build(artifact: Artifact, path: string, more: Partial<BuildOptions> = {}): Promise<End> {
    try {
      return { bundle: await this.#renderer.build(artifact, spec(path), { deadline: PATIENCE, ...more }) };
    } catch (error) {
      return { error };
    }
  }

  /** Whether good input is still built, by both roads, and a good repository fetched where one was drawn. @returns what is wrong */
  async #neighbour(isYaml: boolean): Promise<string[]> {
    this.#neighbours += 1;
    const name = `good-${this.#neighbours}`;
    const good = { 'a.yaml': configMap(name) };
    const ends = [
      await this.#build(inMemory(good), './'),
      await this.#build(inMemory({ ...good, 'kustomization.yaml': KUSTOMIZED }), './'),
    ];
    if (!isYaml) {
      const { url } = await this.#commit('neighbour', configMap(name));
      ends.push(await this.#fetched(url, 'neighbour', { path: './' }));
    }
    return ends
      .filter((end) => !('bundle' in end) || end.bundle.objects.map(({ key }) => key.name).join() !== name)
      .map((end) => `its neighbour is not built any more: ${inWords(end)}`);
  }

  /** Makes a file all that a repository holds. */
  async #commit(name: string, content: string): Promise<{ url: string; commit: string }> {
    const url = await this.#server.create(name);
    const path = join(this.#dir, 'git', `${name}.git`);
    const objects = new GitObjects(path);
    const id = objects.write('blob', Buffer.from(content));
    const tree = objects.tree([{ mode: '100644', name: Buffer.from('a.yaml'), id }]);
    const who = 'Ada <ada@example.test> 1700000000 +0000';
    const commit = objects.write('commit', Buffer.from(`tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nx\n`));
    writeFileSync(join(path, 'refs/heads/main'), `${commit}\n`);
    return { url, commit };
  }

  #keep(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
    mkdirSync(join(this.#dir, folder), { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.#dir, folder, name), content);
  }
}

const refOf = (name: string): UnitRef => ({ kind: 'GitRepository', namespace: 'hostile', name });
const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const inMib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

function countsOf(ends: readonly End[]): Record<string, number> {
  const built = ends.filter((end) => 'bundle' in end).length;
  return { 'builds that gave objects': built, 'that were refused': ends.length - built };
}

/** An artifact of one folder, by the names of its files. */
function inMemory(files: Readonly<Record<string, string | Buffer>>): Artifact {
  const content = new Map(Object.entries(files).map(([name, value]) => [name, Buffer.from(value)]));
  const entries = [...content.keys()].toSorted().map((name): Entry => ({ name, type: 'file', id: `id of ${name}` }));
  const read = async (path: string): Promise<Uint8Array | null> => content.get(path) ?? null;
  return {
    source: refOf('memory'),
    revision: 'main@sha1:1',
    digest: 'sha256:1',
    rules: '',
    tree: {
      id: async (dir) => (dir === '' ? 'id of the root' : null),
      entries: async (dir) => (dir === '' ? entries : null),
      read,
      readAll: (paths) => Promise.all(paths.map(read)),
    },
  };
}
