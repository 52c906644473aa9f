import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemError, type UnitRef } from '@plumb/api';
import type { Artifact } from './artifact.ts';
import type { GitRequest, Published, Resolved } from './git-sources.ts';
import { parseAddress } from './git/address.ts';
import { Mirror } from './git/mirror.ts';
import { wantedOf } from './git/reference.ts';
import { DamagedMirror, Remote } from './git/remote.ts';
import { generationOf, mirrorName, mirrorPrefix, type Layout } from './layout.ts';
import { resolveRef } from './resolve.ts';
import { readRecords, writeRecords, type Record, type Verifier } from './store/records.ts';
import { writeTarball } from './store/tarball.ts';
import { GitTree } from './tree/git-tree.ts';

/** Artifacts kept on disk for one source: the newest and the one before it. */
const KEPT = 2;

export interface SourceContext {
  layout: Layout;
  inherited: Readonly<{ [name: string]: string }>;
  idleTimeout: number;
  verifier: Verifier;
}

/** One GitRepository: its mirrors, its tarballs and the file that lists them. Its operations run one after the other. */
export class GitSource {
  readonly #source: UnitRef;
  readonly #context: SourceContext;
  readonly #mirrors = new Map<string, Promise<Mirror>>();
  /** Folder name of the mirror that the last resolve used. */
  #current = '';
  #records: Record[] | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(source: UnitRef, context: SourceContext) {
    this.#source = source;
    this.#context = context;
  }

  resolve(request: GitRequest): Promise<Resolved> {
    return this.#next(async () => {
      const wanted = wantedOf(request.ref);
      const address = parseAddress(request.url);
      const deadline = Date.now() + request.timeout;
      const attempt = async (): Promise<Resolved> => {
        const mirror = await this.#mirrorOf(address);
        this.#current = basename(mirror.path);
        const { url, auth, timeout, signal } = request;
        const { layout, inherited } = this.#context;
        await using remote = await Remote.open({ url, auth, gitDir: mirror.path, scratch: layout.scratch, inherited, deadline, timeout, signal });
        return await resolveRef(remote, mirror, wanted);
      };
      try {
        return await attempt();
      } catch (error) {
        const mirror = await this.#mirror(this.#current);
        if (error instanceof DamagedMirror) mirror.damaged = true;
        if (!mirror.damaged) throw error;
      }
      try {
        return await attempt();
      } catch (error) {
        throw error instanceof DamagedMirror ? error.failure : error;
      }
    });
  }

  publish(resolved: Resolved, ignore: string | undefined): Promise<Published> {
    return this.#next(async () => {
      const mirror = await this.#mirrorWith(resolved.commit);
      const commit = await mirror?.objects.commit(resolved.commit);
      if (!mirror || !commit) throw systemError('artifact-missing', `commit ${resolved.commit} is not in the mirror: it must be fetched again`);
      const rules = await mirror.ignoreFiles.rules(commit.tree, ignore);
      const { layout, verifier } = this.#context;
      const path = `${layout.place(this.#source)}/${resolved.commit}.tar.gz`;
      const file = join(layout.artifacts, path);
      const records = await this.#load();
      const same = records.find((record) => record.commit === resolved.commit && record.rules === rules.name);
      const whole = same !== undefined && (await verifier.whole(file, same.size, same.digest));
      const { digest, size } = whole ? same : await writeTarball(new GitTree(mirror.objects, commit.tree, rules), mirror.objects, file);
      const published: Published = { revision: resolved.revision, digest, size, path };
      const record: Record = { ...published, commit: resolved.commit, rules: rules.name, ignore: ignore ?? null, mirror: basename(mirror.path) };
      await this.#keep([record, ...records.filter((older) => older.path !== path)].slice(0, KEPT));
      this.#next(() => mirror.tidy(this.#records?.map((kept) => kept.commit) ?? [])).catch(() => undefined);
      return published;
    });
  }

  async open(revision: string, digest: string): Promise<Artifact | null> {
    const record = (await this.#load()).find((candidate) => candidate.revision === revision && candidate.digest === digest);
    if (record === undefined) return null;
    const { layout, verifier } = this.#context;
    if (!(await verifier.whole(join(layout.artifacts, record.path), record.size, record.digest))) return null;
    const mirror = await this.#existing(record.mirror);
    if (mirror === null || mirror.damaged) return null;
    const commit = await mirror.objects.commit(record.commit).catch(() => null);
    if (commit === null) return null;
    const rules = await mirror.ignoreFiles.rules(commit.tree, record.ignore ?? undefined).catch(() => null);
    if (rules === null) return null;
    const tree = new GitTree(mirror.objects, commit.tree, rules);
    return { source: this.#source, revision, digest, rules: rules.name, tree };
  }

  remove(): Promise<void> {
    return this.#next(async () => {
      await this.#closeMirrors();
      const { layout } = this.#context;
      this.#records = [];
      await rm(layout.records(this.#source), { force: true });
      await rm(join(layout.artifacts, layout.place(this.#source)), { recursive: true, force: true });
      await rm(layout.mirrors(this.#source), { recursive: true, force: true });
    });
  }

  close(): Promise<void> {
    return this.#next(() => this.#closeMirrors());
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #load(): Promise<Record[]> {
    this.#records ??= await readRecords(this.#context.layout.records(this.#source));
    return this.#records;
  }

  /** Writes the list first, then removes what it no longer names. */
  async #keep(records: Record[]): Promise<void> {
    const { layout, verifier } = this.#context;
    const gone = (this.#records ?? []).filter((old) => records.every((record) => record.path !== old.path));
    await writeRecords(layout.records(this.#source), records);
    this.#records = records;
    const folder = join(layout.artifacts, layout.place(this.#source));
    const named = new Set(records.map((record) => basename(record.path)));
    for (const name of await readdir(folder)) {
      if (!named.has(name)) await rm(join(folder, name), { force: true });
    }
    for (const record of gone) verifier.forget(join(layout.artifacts, record.path));
    const mirrors = new Set(records.map((record) => record.mirror));
    for (const name of await readdir(layout.mirrors(this.#source))) {
      if (!mirrors.has(name)) await this.#drop(name);
    }
  }

  #mirror(name: string): Promise<Mirror> {
    const known = this.#mirrors.get(name);
    if (known !== undefined) return known;
    const { layout, inherited, idleTimeout } = this.#context;
    const mirror = Mirror.open({ path: join(layout.mirrors(this.#source), name), inherited, idleTimeout });
    this.#mirrors.set(name, mirror);
    mirror.catch(() => this.#mirrors.delete(name));
    return mirror;
  }

  async #existing(name: string): Promise<Mirror | null> {
    return (await this.#names()).includes(name) ? this.#mirror(name) : null;
  }

  /** The newest sound mirror of a remote, or a new one beside those that are damaged. They go when the next artifact is published. */
  async #mirrorOf(address: string): Promise<Mirror> {
    const names = (await this.#names()).filter((name) => name.startsWith(mirrorPrefix(address)));
    const newest = names.at(-1);
    const mirror = newest === undefined ? undefined : await this.#mirror(newest).catch(() => undefined);
    return mirror !== undefined && !mirror.damaged ? mirror : this.#mirror(mirrorName(address, names.length === 0 ? 0 : generationOf(newest ?? '') + 1));
  }

  async #mirrorWith(commit: string): Promise<Mirror | null> {
    const names = await this.#names();
    for (const name of [this.#current, ...names.toReversed()].filter((candidate) => names.includes(candidate))) {
      const mirror = await this.#mirror(name);
      if (!mirror.damaged && (await mirror.objects.commit(commit)) !== null) return mirror;
    }
    return null;
  }

  async #names(): Promise<string[]> {
    const names = await readdir(this.#context.layout.mirrors(this.#source)).catch((): string[] => []);
    return names.filter((name) => name.endsWith('.git')).sort();
  }

  async #drop(name: string): Promise<void> {
    const mirror = this.#mirrors.get(name);
    this.#mirrors.delete(name);
    await (await mirror?.catch(() => undefined))?.close();
    await rm(join(this.#context.layout.mirrors(this.#source), name), { recursive: true, force: true });
  }

  async #closeMirrors(): Promise<void> {
    const mirrors = [...this.#mirrors.values()];
    this.#mirrors.clear();
    await Promise.all(mirrors.map(async (mirror) => (await mirror.catch(() => undefined))?.close()));
  }
}
