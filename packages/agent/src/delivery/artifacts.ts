import type { UnitRef } from '@plumb/api';
import { GIT_REPOSITORY, systemError, unlessAborted } from '@plumb/api';
import type { Artifact, GitSources } from '@plumb/sources';

/** How long an opened artifact may be taken again without looking at the disk, in milliseconds. */
const FRESH = 5_000;

interface Opened {
  revision: string;
  digest: string | null;
  at: number;
  artifact: Promise<Artifact | null>;
}

/** Gets an artifact that somebody else made. @returns null when it is for this replica to make, or is not on offer any more */
export type FetchArtifact = (source: UnitRef, revision: string, digest: string) => Promise<Artifact | null>;

export interface WantedArtifact {
  revision: string;
  digest: string | null;
  /** Ends the wait for it. */
  signal?: AbortSignal;
}

/** Opens artifacts. One commit wakes every unit of its source within a moment: they share what the first of them opened. */
export class Artifacts {
  readonly #sources: Pick<GitSources, 'open'>;
  readonly #now: () => number;
  readonly #fetch: FetchArtifact;
  readonly #opened = new Map<string, Opened>();

  constructor(
    sources: Pick<GitSources, 'open'>,
    now: () => number,
    fetch: FetchArtifact = () => Promise.resolve(null),
  ) {
    this.#sources = sources;
    this.#now = now;
    this.#fetch = fetch;
  }

  /**
   * Without a digest, what was published last of that revision, and nothing is fetched for it.
   * @returns null when it is not on this agent's disk. @throws PlumbError `cancelled` when the signal aborts first
   */
  open(source: UnitRef, wanted: WantedArtifact): Promise<Artifact | null> {
    const { revision, digest, signal } = wanted;
    return unlessAborted(this.#open(source, revision, digest), signal, (reason) =>
      systemError('cancelled', 'the artifact did not come in time', reason),
    );
  }

  #open(source: UnitRef, revision: string, digest: string | null): Promise<Artifact | null> {
    const id = `${source.kind}/${source.namespace}/${source.name}`;
    const known = this.#opened.get(id);
    const now = this.#now();
    if (known?.revision === revision && known.digest === digest && now - known.at < FRESH) return known.artifact;
    const artifact = this.#look(source, revision, digest);
    this.#opened.set(id, { revision, digest, at: now, artifact });
    const forget = (): void => {
      if (this.#opened.get(id)?.artifact === artifact) this.#opened.delete(id);
    };
    // What is not there, or could not be read, is looked for again by the next one.
    artifact.then((found) => found === null && forget(), forget);
    return artifact;
  }

  async #look(source: UnitRef, revision: string, digest: string | null): Promise<Artifact | null> {
    const isGit = source.kind === GIT_REPOSITORY.kind;
    const found = isGit ? await this.#sources.open(source, revision, digest) : null;
    return found ?? (digest === null ? null : this.#fetch(source, revision, digest));
  }
}
