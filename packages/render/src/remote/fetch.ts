import { PlumbError, systemError } from '@plumb/api';
import type { RemoteFile, RemoteRepository, RemoteTree } from '@plumb/sources';
import type { RemoteRead, RemoteTreeRead } from '../bundle.ts';
import { buildError } from '../errors.ts';
import type { BuildOptions, Remotes } from '../renderer.ts';

/** Asks for remote bases on behalf of one build, within its time. */
export class Fetch {
  readonly #remotes: Remotes;
  readonly #until: number;
  readonly #signal: AbortSignal | undefined;

  constructor(remotes: Remotes, { deadline, signal }: Pick<BuildOptions, 'deadline' | 'signal'>) {
    this.#remotes = remotes;
    this.#until = performance.now() + deadline;
    this.#signal = signal;
  }

  /** `timeout` in milliseconds, where the entry sets one. */
  tree(repository: RemoteRepository, timeout: number | null): Promise<RemoteTree> {
    const known = this.#remotes.asLast === true ? this.lastTree(repository)?.revision : undefined;
    return this.#remotes.bases.tree(repository, { ...this.#bounds(timeout), known });
  }

  file(url: string): Promise<RemoteFile | { status: number }> {
    const last = this.#last.find((read) => 'digest' in read && read.url === url);
    const known = this.#remotes.asLast === true && last !== undefined && 'digest' in last ? last.digest : undefined;
    return this.#remotes.bases.file(url, { ...this.#bounds(null), known });
  }

  /** What the last build found of a repository. */
  lastTree({ url, ref, submodules }: RemoteRepository): RemoteTreeRead | undefined {
    return this.#last
      .filter(isTree)
      .find((read) => read.url === url && read.ref === ref && read.submodules === submodules);
  }

  get #last(): readonly RemoteRead[] {
    return this.#remotes.last ?? [];
  }

  #bounds(timeout: number | null): { timeout: number; since: number; signal: AbortSignal | undefined } {
    const left = Math.max(1, Math.ceil(this.#until - performance.now()));
    return { timeout: Math.min(left, timeout ?? left), since: this.#remotes.since, signal: this.#signal };
  }
}

export function isTree(read: RemoteRead): read is RemoteTreeRead {
  return 'ref' in read;
}

/** A ref that is a commit leads to the same for ever. */
export function isPinned(read: RemoteRead): boolean {
  return isTree(read) && /^(?:[\da-f]{40}|[\da-f]{64})$/.test(read.ref);
}

/** What could not be fetched, as the failure of a build: whether it may pass is for the fetch to say. */
export function fetchError(place: string, error: unknown): Error {
  if (!(error instanceof PlumbError)) return systemError('internal', `${place}: ${String(error)}`, error);
  if (error.code === 'cancelled') return error;
  const { message } = buildError(place, error.message);
  return new PlumbError('build-failed', message, { fault: error.fault, policy: 'retry', cause: error });
}
