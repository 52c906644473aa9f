import type { BuildContext } from '@plumb/agent';
import {
  asPlumbError,
  GIT_REPOSITORY,
  keyOf,
  userError,
  type KubeObject,
  type PlumbError,
  type UnitRef,
} from '@plumb/api';
import { hashOf } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { isEncryptedSecret, type Renderer } from '@plumb/render';
import { openLocal, type Downloads, type LocalArtifact, type RemoteBases } from '@plumb/sources';
import { readUnitSource, type UnitSource } from '../source.ts';
import { buildDeclared, NotHere, wantsOf } from './build-declared.ts';
import { declaredIn, type DeclaredObject } from './declared.ts';
import { unitId, type DeclaredUnit } from './parts.ts';
import { candidateOf, plainPath, rootsOf, type Candidate } from './roots.ts';

export interface RepositoryRequest {
  /** The root of the repository, absolute. */
  root: string;
  /** The folder in it whose files declare units; empty: all of it. */
  folder: string;
  /** A Git revision; empty: the files as they stand. */
  revision: string;
  /** Of units that name none. */
  namespace: string;
  /** Sources that the repository stands for, as Kind/namespace/name; none: every GitRepository. */
  sources: readonly string[];
  /** ConfigMaps, Secrets and GitRepositories beside those of the repository. */
  given: readonly KubeObject[];
  /** There may be no such folder, and no unit in it. */
  mayBeEmpty: boolean;
  tools: RepositoryTools;
}

/** What builds are made with. */
export interface RepositoryTools {
  engine: Engine;
  renderer: Renderer;
  decryption: BuildContext['decryption'];
  /** Fetches remote bases; null: a build that names one fails. */
  remotes: RemoteBases | null;
  downloads: Downloads;
  /** Kubernetes version that templates of charts see; empty: the newest known. */
  kubeVersion: string;
  /** Environment git is given. */
  env: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** All that a repository declares at one revision. */
export interface Repository {
  /** As a source would name it; `local` for the files as they stand. */
  revision: string;
  /** By `Kind/namespace/name`. */
  units: Map<string, DeclaredUnit>;
  /** Units that cannot be built from what is here, and why. Equal digests: they are declared alike, and made with the same. */
  unjudged: Map<string, { why: string; digest: string }>;
  /** Units whose build fails. */
  failures: Map<string, PlumbError>;
  /** What units and files declare, those of units first. */
  objects: KubeObject[];
  notes: string[];
}

/**
 * Builds every unit that the files of a folder declare, and those that these bring.
 * @throws PlumbError where the folder or the revision is not there, and `invalid-spec` where it declares no unit, or one twice
 */
export async function readRepository(request: RepositoryRequest): Promise<Repository> {
  const { root, folder, revision, namespace, mayBeEmpty, tools } = request;
  const asked = revision === '' ? {} : { revision };
  const whole = { kind: GIT_REPOSITORY.kind, namespace: '', name: '' };
  const files = await openLocal({ dir: root, source: whole, env: tools.env, ...asked });
  try {
    const declared = await declaredIn(files.tree, plainPath(folder));
    const roots = rootsOf(declared.objects, namespace);
    if (roots.length === 0 && !mayBeEmpty) throw noUnits(request);
    await using reader = new RepositoryReader(request, declared.objects);
    const repository = await reader.read(roots);
    repository.revision = files.revision;
    repository.notes.unshift(...declared.notes);
    return repository;
  } finally {
    await files.close();
  }
}

/** Builds one unit after the other: what one brings may be what another is made of. */
class RepositoryReader implements AsyncDisposable {
  readonly #request: RepositoryRequest;
  readonly #found: Repository;
  /** What files say of objects that no unit brings. */
  readonly #beside: readonly KubeObject[];
  readonly #opened = new Map<string, Promise<LocalArtifact>>();
  /** Candidates that were built, or given up, with the text of what was built. */
  readonly #done = new Map<string, { candidate: Candidate; hash: string }>();
  /** Files that builds have read. */
  readonly #reads = new Set<string>();
  readonly #told = new Set<string>();

  constructor(request: RepositoryRequest, declared: readonly DeclaredObject[]) {
    this.#request = request;
    this.#beside = declared
      .map(({ object }) => object)
      .filter((object) => !isEncryptedSecret(object) && (object.metadata.namespace !== undefined || isAbove(object)));
    this.#found = {
      revision: '',
      units: new Map(),
      unjudged: new Map(),
      failures: new Map(),
      objects: [],
      notes: [],
    };
  }

  async read(roots: readonly Candidate[]): Promise<Repository> {
    let waiting = [...roots];
    while (waiting.length > 0) {
      const next = this.#next(waiting);
      waiting = waiting.filter((one) => one !== next);
      const brought = await this.#build(next);
      const ids = new Set(brought.map(({ ref }) => unitId(ref)));
      waiting = [...waiting.filter(({ ref }) => !ids.has(unitId(ref))), ...brought];
    }
    this.#dropRead();
    this.#found.objects = this.#known();
    return this.#found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const artifact of this.#opened.values())
      await artifact.then(
        (one) => one.close(),
        () => undefined,
      );
  }

  /** The first of which all is there that it is made of, or may be made of; else the first that can do without. */
  #next(waiting: readonly Candidate[]): Candidate {
    const known = this.#known();
    const lacking = waiting.map((one) => ({
      one,
      lacks: wantsOf(one.object).filter((want) => want.findIn(known) === undefined),
    }));
    const ready = lacking.find(({ lacks }) => lacks.length === 0);
    const found = ready ?? lacking.find(({ lacks }) => lacks.every(({ optional }) => optional)) ?? lacking[0];
    return found?.one as Candidate;
  }

  #known(): KubeObject[] {
    const { given } = this.#request;
    const built = [...this.#found.units.values()].flatMap(({ objects }) => objects.map(({ body }) => body));
    return [...given, ...built, ...this.#beside];
  }

  /** @returns the units that it brings, as far as they are others than before */
  async #build(candidate: Candidate): Promise<Candidate[]> {
    const id = unitId(candidate.ref);
    this.#done.set(id, { candidate, hash: hashOf(candidate.object) });
    const { units, unjudged, failures, notes } = this.#found;
    for (const map of [units, unjudged, failures]) map.delete(id);
    try {
      const { root, revision, sources, tools } = this.#request;
      const given = this.#known();
      const place = { root, revision, given };
      const open = (source: UnitSource): Promise<LocalArtifact> => this.#open(source);
      const read = (ref: UnitRef): Promise<UnitSource> =>
        readUnitSource({ ref, given, cluster: null, signal: tools.signal });
      const built = await buildDeclared(candidate, { ...place, tools, open, read, standsFor: standsFor(sources) });
      units.set(id, built.unit);
      for (const path of built.reads) this.#reads.add(path);
      for (const note of built.sourceNotes.filter((one) => !this.#told.has(one))) {
        this.#told.add(note);
        notes.push(note);
      }
      return this.#broughtBy(built.unit);
    } catch (thrown) {
      if (thrown instanceof NotHere) unjudged.set(id, { why: thrown.message, digest: this.#digestOf(candidate) });
      else failures.set(id, asPlumbError(thrown));
      return [];
    }
  }

  #digestOf({ object }: Candidate): string {
    const known = this.#known();
    const others = wantsOf(object).map(({ findIn }) => findIn(known) ?? null);
    return hashOf([object, others]);
  }

  #broughtBy({ objects }: DeclaredUnit): Candidate[] {
    return objects.flatMap(({ body }) => {
      const candidate = candidateOf(body, null, this.#request.namespace);
      if (candidate === null) return [];
      const before = this.#done.get(unitId(candidate.ref));
      return before?.hash === hashOf(candidate.object) ? [] : [candidate];
    });
  }

  #open(source: UnitSource): Promise<LocalArtifact> {
    const { root, revision, tools } = this.#request;
    const id = JSON.stringify([source.ref, source.content]);
    const known = this.#opened.get(id);
    if (known !== undefined) return known;
    const asked = revision === '' ? {} : { revision };
    const opening = openLocal({ dir: root, source: source.ref, content: source.content, env: tools.env, ...asked });
    this.#opened.set(id, opening);
    return opening;
  }

  /** What a file declares that others are built of is only what they make of it. */
  #dropRead(): void {
    for (const [id, { candidate }] of this.#done) {
      if (candidate.path === null || !this.#isRead(candidate.path) || this.#isBrought(candidate)) continue;
      for (const map of [this.#found.units, this.#found.unjudged, this.#found.failures]) map.delete(id);
    }
  }

  /** A folder that was read stands for all that is in it. */
  #isRead(path: string): boolean {
    const names = path.split('/');
    return (
      names.some((_, index) => this.#reads.has(names.slice(0, names.length - index).join('/'))) || this.#reads.has('')
    );
  }

  /** Whether a build brings it, just as its file has it. */
  #isBrought({ ref }: Candidate): boolean {
    return [...this.#found.units.values()].some(({ objects }) =>
      objects.some(({ key }) => key.kind === ref.kind && key.name === ref.name && key.namespace === ref.namespace),
    );
  }
}

function noUnits({ root, folder, revision }: RepositoryRequest): PlumbError {
  const at = revision === '' ? '' : ` at ${revision}`;
  const where = folder === '' ? root : `folder '${folder}' of ${root}`;
  return userError('invalid-spec', `no file in ${where}${at} declares a Kustomization or HelmRelease of Flux`);
}

function isAbove(object: KubeObject): boolean {
  const { group, kind } = keyOf(object);
  return (group === '' && kind === 'Namespace') || kind === 'CustomResourceDefinition';
}

function standsFor(sources: readonly string[]): (ref: UnitRef) => boolean {
  if (sources.length === 0) return ({ kind }) => kind === GIT_REPOSITORY.kind;
  return (ref) =>
    sources.includes(unitId(ref)) ||
    (ref.kind === GIT_REPOSITORY.kind && sources.includes(`${ref.namespace}/${ref.name}`));
}
