import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemError, type UnitRef } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { Artifact } from './artifact.ts';
import { withIncludes, type Offer } from './compose/include.ts';
import { onlyFolders } from './compose/sparse.ts';
import { Fetcher } from './fetcher.ts';
import { MirrorSet } from './git/mirror-set.ts';
import type { Mirror } from './git/mirror.ts';
import type {
  Authors,
  Commits,
  Content,
  GitInclude,
  GitLimits,
  GitRequest,
  Published,
  Resolved,
  RevisionRange,
  SignedQuestion,
  SignedWords,
} from './git-sources.ts';
import type { Tokens } from './github/tokens.ts';
import { History, type HistoryContext } from './history/history.ts';
import type { Layout } from './layout.ts';
import { signedOf } from './signature/signed.ts';
import { readRecords, writeRecords, type ArtifactRecord, type Verifier } from './store/records.ts';
import { onDisk } from './store/disk.ts';
import { writeTarball } from './store/tarball.ts';
import { GitTree } from './tree/git-tree.ts';

/** Tarballs kept on disk for one source: the newest and the one before it. */
const KEPT = 2;
/** Milliseconds for a fetch of commits alone: others that have to do with the source wait meanwhile. */
const HISTORY_WITHIN = 30_000;
/** The most older revisions that can be opened from the mirror because somebody stands on them. */
const MOST_STANDING = 8;

export interface SourceContext {
  layout: Layout;
  inherited: Readonly<Record<string, string>>;
  idleTimeout: number;
  limits: GitLimits;
  verifier: Verifier;
  tokens: Tokens;
  engine: Pick<Engine, 'openpgpVerify'> | undefined;
  /** What another source offers. */
  borrow: (include: GitInclude) => Promise<Offer | null>;
}

/** One GitRepository: its mirrors, its tarballs and the file that lists them. Its operations run one after the other. */
export class GitSource {
  readonly #source: UnitRef;
  readonly #context: SourceContext;
  readonly #mirrors: MirrorSet;
  readonly #fetcher: Fetcher;
  readonly #history = new History();
  #records: ArtifactRecord[] | undefined;
  /** Mirrors of submodules that the last fetch needed. */
  #helpers: string[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Ends what is under way when the source is removed or closed. */
  #end = new AbortController();

  constructor(source: UnitRef, context: SourceContext) {
    this.#source = source;
    this.#context = context;
    const { inherited, idleTimeout, limits, layout, tokens, engine } = context;
    this.#mirrors = new MirrorSet(layout.mirrors(source), { inherited, idleTimeout, limits });
    this.#fetcher = new Fetcher({ mirrors: this.#mirrors, scratch: layout.scratch, inherited, limits, tokens, engine });
  }

  /** True when nothing is under way. */
  get idle(): boolean {
    return this.#waiting === 0;
  }

  resolve(request: GitRequest): Promise<Resolved> {
    return this.#next(async (end) => {
      const deadline = performance.now() + request.timeout;
      const signal = request.signal ? AbortSignal.any([request.signal, end]) : end;
      const { resolved, mirror, helpers } = await this.#fetcher.fetch({ ...request, deadline, signal });
      this.#mirrors.use(mirror);
      this.#helpers = helpers;
      return resolved;
    });
  }

  publish(resolved: Resolved, content: Content, standing: readonly string[]): Promise<Published> {
    return this.#next(async (end) => {
      const { commit, revision } = resolved;
      const mirror = await this.#mirrors.holding(commit);
      const found = await mirror?.objects.commit(commit);
      if (!mirror || !found) throw notFetched(commit);
      const { layout, verifier, limits } = this.#context;
      const root = await this.#compose(mirror, resolved.tree ?? found.tree, content, end);
      const rules = await mirror.ignoreFiles.rules(root, content.ignore);
      const path = `${layout.place(this.#source)}/${commit}.tar.gz`;
      const file = join(layout.artifacts, path);
      const records = await this.#load();
      const same = records.find(
        (record) => record.path === path && record.tree === root && record.rules === rules.name,
      );
      const whole = same !== undefined && (await verifier.whole(file, same.size, same.digest));
      const tree = new GitTree(mirror.objects, root, rules);
      const { digest, size } = whole
        ? same
        : await onDisk('writing the artifact', () => writeTarball(tree, { store: mirror.objects, file, limits }));
      const published: Published = { revision, digest, size, path };
      const helpers = this.#helpers;
      const origin = { commit, tree: root, rules: rules.name, ignore: content.ignore ?? null, helpers };
      const older = records.filter((record) => record.path !== path);
      const needed = older.slice(KEPT - 1).filter((record) => standing.includes(record.revision));
      const kept = [...older.slice(0, KEPT - 1), ...needed.slice(0, MOST_STANDING)];
      const named = [{ ...published, ...origin, mirror: basename(mirror.path) }, ...kept];
      await onDisk('writing the list of artifacts', () => this.#keep(named));
      this.#tidy(mirror);
      return published;
    });
  }

  async open(revision: string, digest: string | null): Promise<Artifact | null> {
    const offer = await this.offer(revision, digest);
    if (offer === null) return null;
    const { tree, rules } = offer;
    return { source: this.#source, revision, digest: offer.digest, rules, tree };
  }

  /** A published artifact; null when it is not here, or its tarball is not whole. Of older ones only the mirror is left. */
  async offer(revision: string, digest: string | null): Promise<(Offer & { rules: string; digest: string }) | null> {
    const records = await this.#load();
    const at = records.findIndex((one) => one.revision === revision && (digest === null || one.digest === digest));
    const record = records[at];
    if (record === undefined) return null;
    const { layout, verifier } = this.#context;
    const file = join(layout.artifacts, record.path);
    if (at < KEPT && !(await verifier.whole(file, record.size, record.digest))) return null;
    const mirror = await this.#mirrors.named(record.mirror);
    if (mirror === null || mirror.damaged) return null;
    try {
      if (!(await mirror.objects.has(record.tree))) return null;
      const rules = await mirror.ignoreFiles.rules(record.tree, record.ignore ?? undefined);
      const tree = new GitTree(mirror.objects, record.tree, rules);
      return { mirror, tree, rules: rules.name, digest: record.digest };
    } catch {
      // Not readable is not there: the caller fetches again, and that mends the mirror.
      return null;
    }
  }

  authors(range: RevisionRange, request: () => Promise<GitRequest>): Promise<Authors> {
    return this.#history.authors(range, this.#historyContext(request));
  }

  commits(range: RevisionRange, request: () => Promise<GitRequest>): Promise<Commits> {
    return this.#history.commits(range, this.#historyContext(request));
  }

  signed(question: SignedQuestion, request: () => Promise<GitRequest>): Promise<SignedWords> {
    const { engine } = this.#context;
    return signedOf(question, { ...this.#historyContext(request), engine, signal: this.#end.signal });
  }

  #historyContext(request: () => Promise<GitRequest>): HistoryContext {
    return {
      holding: (commit) => this.#mirrors.holding(commit),
      fetching: (wanted, work) => {
        return this.#next(async (end) => {
          const asked = await request();
          const timeout = Math.min(asked.timeout, HISTORY_WITHIN);
          const signal = asked.signal ? AbortSignal.any([asked.signal, end]) : end;
          const bounded = { ...asked, timeout, deadline: performance.now() + timeout, signal };
          return this.#fetcher.commits(bounded, wanted, work);
        });
      },
    };
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

  /** The tree to offer: what was fetched, only the folders asked for, and with it what is included. */
  async #compose(mirror: Mirror, fetched: string, content: Content, signal: AbortSignal): Promise<string> {
    const { sparse = [], include = [] } = content;
    const { borrow, limits } = this.#context;
    const root = sparse.length === 0 ? fetched : await onlyFolders(mirror, fetched, sparse);
    return withIncludes(mirror, root, include, { borrow, limits, signal });
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
    const kept = this.#records?.flatMap(({ commit, tree }) => [commit, tree]) ?? [];
    this.#next(async (end) => {
      await mirror.tidy(kept, end);
      for (const name of this.#helpers) await (await this.#mirrors.named(name))?.tidy([], end);
    }).catch(() => undefined);
  }

  async #load(): Promise<ArtifactRecord[]> {
    this.#records ??= await readRecords(this.#context.layout.records(this.#source));
    return this.#records;
  }

  /** Writes the list first, then removes what it no longer names, and the tarballs of older ones. */
  async #keep(records: ArtifactRecord[]): Promise<void> {
    const { layout, verifier } = this.#context;
    await writeRecords(layout.records(this.#source), records);
    this.#records = records;
    const folder = join(layout.artifacts, layout.place(this.#source));
    const named = new Set(records.slice(0, KEPT).map((record) => basename(record.path)));
    for (const name of await readdir(folder)) {
      if (named.has(name)) continue;
      await rm(join(folder, name), { force: true });
      verifier.forget(join(folder, name));
    }
    await this.#mirrors.keep(new Set(records.flatMap((record) => [record.mirror, ...record.helpers])));
  }
}

function notFetched(commit: string): Error {
  return systemError('artifact-missing', `commit ${commit} is not in the mirror: it must be fetched again`);
}
