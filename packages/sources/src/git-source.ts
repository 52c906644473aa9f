import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemError, type UnitRef } from '@plumb/api';
import type { Artifact } from './artifact.ts';
import type { GitRequest, Published, Resolved } from './git-sources.ts';
import { parseAddress } from './git/address.ts';
import { MirrorSet } from './git/mirror-set.ts';
import type { Mirror } from './git/mirror.ts';
import { wantedOf, type Wanted } from './git/reference.ts';
import { DamagedMirror, Remote } from './git/remote.ts';
import type { Layout } from './layout.ts';
import { resolveRef } from './resolve.ts';
import { readRecords, writeRecords, type ArtifactRecord, type Verifier } from './store/records.ts';
import { writeTarball } from './store/tarball.ts';
import { GitTree } from './tree/git-tree.ts';

/** Artifacts kept on disk for one source: the newest and the one before it. */
const KEPT = 2;

export interface SourceContext {
  layout: Layout;
  inherited: Readonly<Record<string, string>>;
  idleTimeout: number;
  verifier: Verifier;
}

interface BoundedRequest extends GitRequest {
  /** Milliseconds since 1970. */
  deadline: number;
  signal: AbortSignal;
}

/** One GitRepository: its mirrors, its tarballs and the file that lists them. Its operations run one after the other. */
export class GitSource {
  readonly #source: UnitRef;
  readonly #context: SourceContext;
  readonly #mirrors: MirrorSet;
  #records: ArtifactRecord[] | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Ends what is under way when the source is removed or closed. */
  #end = new AbortController();

  constructor(source: UnitRef, context: SourceContext) {
    this.#source = source;
    this.#context = context;
    const { inherited, idleTimeout } = context;
    this.#mirrors = new MirrorSet(context.layout.mirrors(source), { inherited, idleTimeout });
  }

  /** True when nothing is under way. */
  get idle(): boolean {
    return this.#waiting === 0;
  }

  resolve(request: GitRequest): Promise<Resolved> {
    return this.#next(async (end) => {
      const wanted = wantedOf(request.ref);
      const address = parseAddress(request.url);
      const deadline = Date.now() + request.timeout;
      const signal = request.signal ? AbortSignal.any([request.signal, end]) : end;
      const bounded = { ...request, deadline, signal };
      const mirror = await this.#mirrors.of(address);
      try {
        return await this.#ask(mirror, wanted, bounded);
      } catch (error) {
        if (error instanceof DamagedMirror) mirror.damaged = true;
        if (!mirror.damaged) throw error;
      }
      try {
        return await this.#ask(await this.#mirrors.of(address), wanted, bounded);
      } catch (error) {
        throw error instanceof DamagedMirror ? error.failure : error;
      }
    });
  }

  publish(resolved: Resolved, ignore: string | undefined): Promise<Published> {
    return this.#next(async () => {
      const { commit, revision } = resolved;
      const mirror = await this.#mirrors.holding(commit);
      const found = await mirror?.objects.commit(commit);
      if (!mirror || !found) throw notFetched(commit);
      const rules = await mirror.ignoreFiles.rules(found.tree, ignore);
      const { layout, verifier } = this.#context;
      const path = `${layout.place(this.#source)}/${commit}.tar.gz`;
      const file = join(layout.artifacts, path);
      const records = await this.#load();
      const same = records.find((record) => record.commit === commit && record.rules === rules.name);
      const whole = same !== undefined && (await verifier.whole(file, same.size, same.digest));
      const tree = new GitTree(mirror.objects, found.tree, rules);
      const { digest, size } = whole ? same : await writeTarball(tree, mirror.objects, file);
      const published: Published = { revision, digest, size, path };
      const origin = { commit, rules: rules.name, ignore: ignore ?? null, mirror: basename(mirror.path) };
      const older = records.filter((record) => record.path !== path);
      await this.#keep([{ ...published, ...origin }, ...older].slice(0, KEPT));
      this.#tidy(mirror);
      return published;
    });
  }

  async open(revision: string, digest: string): Promise<Artifact | null> {
    const records = await this.#load();
    const record = records.find((candidate) => candidate.revision === revision && candidate.digest === digest);
    if (record === undefined) return null;
    const { layout, verifier } = this.#context;
    if (!(await verifier.whole(join(layout.artifacts, record.path), record.size, record.digest))) return null;
    const mirror = await this.#mirrors.named(record.mirror);
    if (mirror === null || mirror.damaged) return null;
    try {
      const commit = await mirror.objects.commit(record.commit);
      if (commit === null) return null;
      const rules = await mirror.ignoreFiles.rules(commit.tree, record.ignore ?? undefined);
      const tree = new GitTree(mirror.objects, commit.tree, rules);
      return { source: this.#source, revision, digest, rules: rules.name, tree };
    } catch {
      // Not readable is not there: the caller fetches again, and that mends the mirror.
      return null;
    }
  }

  remove(): Promise<void> {
    this.#cancel();
    return this.#next(async () => {
      const { layout } = this.#context;
      this.#records = [];
      await rm(layout.records(this.#source), { force: true });
      await rm(join(layout.artifacts, layout.place(this.#source)), { recursive: true, force: true });
      await this.#mirrors.removeAll();
    });
  }

  close(): Promise<void> {
    this.#cancel();
    return this.#next(() => this.#mirrors.close());
  }

  async #ask(mirror: Mirror, wanted: Wanted, request: BoundedRequest): Promise<Resolved> {
    const { url, auth, timeout, deadline, signal } = request;
    const { layout, inherited } = this.#context;
    const place = { gitDir: mirror.path, scratch: layout.scratch, inherited };
    await using remote = await Remote.open({ url, auth, ...place, deadline, timeout, signal });
    return await resolveRef(remote, mirror, wanted);
  }

  #cancel(): void {
    this.#end.abort();
    this.#end = new AbortController();
  }

  /** What waits here is cancelled together with what runs. */
  #next<T>(work: (end: AbortSignal) => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const end = this.#end.signal;
    const run = async (): Promise<T> => {
      if (end.aborted) throw systemError('cancelled', 'the source was removed or closed');
      return work(end);
    };
    const result = this.#queue.then(run).finally(() => (this.#waiting -= 1));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** After the answer was given: packing may take long, and nobody waits for it. */
  #tidy(mirror: Mirror): void {
    const commits = this.#records?.map((record) => record.commit) ?? [];
    this.#next((end) => mirror.tidy(commits, end)).catch(() => undefined);
  }

  async #load(): Promise<ArtifactRecord[]> {
    this.#records ??= await readRecords(this.#context.layout.records(this.#source));
    return this.#records;
  }

  /** Writes the list first, then removes what it no longer names. */
  async #keep(records: ArtifactRecord[]): Promise<void> {
    const { layout, verifier } = this.#context;
    await writeRecords(layout.records(this.#source), records);
    this.#records = records;
    const folder = join(layout.artifacts, layout.place(this.#source));
    const named = new Set(records.map((record) => basename(record.path)));
    for (const name of await readdir(folder)) {
      if (named.has(name)) continue;
      await rm(join(folder, name), { force: true });
      verifier.forget(join(folder, name));
    }
    await this.#mirrors.keep(new Set(records.map((record) => record.mirror)));
  }
}

function notFetched(commit: string): Error {
  return systemError('artifact-missing', `commit ${commit} is not in the mirror: it must be fetched again`);
}
