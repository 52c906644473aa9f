import type { UnitRef } from '@plumb/api';
import type { Artifact, GitSources } from '@plumb/sources';

/** How long an opened artifact may be taken again without looking at the disk, in milliseconds. */
const FRESH = 5_000;

interface Opened {
  revision: string;
  digest: string | null;
  at: number;
  artifact: Promise<Artifact | null>;
}

/** Gets an artifact that another replica published. @returns null when it is for this one to publish, or is not on offer any more */
export type FetchArtifact = (source: UnitRef, revision: string, digest: string) => Promise<Artifact | null>;

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

  /** Without a digest, what was published last of that revision. @returns null when it is not on this agent's disk */
  open(source: UnitRef, revision: string, digest: string | null): Promise<Artifact | null> {
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
    const found = await this.#sources.open(source, revision, digest);
    return found ?? (digest === null ? null : this.#fetch(source, revision, digest));
  }
}
