import { PlumbError, systemError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import { MirrorSet } from '../git/mirror-set.ts';
import type { Mirror } from '../git/mirror.ts';
import { wantedOfAny, type Wanted } from '../git/reference.ts';
import { Fetcher, type BoundedRequest } from '../fetcher.ts';
import type { GitLimits } from '../git-sources.ts';
import { Tokens } from '../github/tokens.ts';
import type { RemoteRepository, RemoteRequest, RemoteTree } from '../remote-bases.ts';
import { GitTree, NO_EXCLUSIONS } from '../tree/git-tree.ts';
import { Lookups, untilCancelled } from '../net/shared.ts';

export interface BaseMirrorContext {
  /** Of this repository alone. */
  folder: string;
  scratch: string;
  inherited: Readonly<Record<string, string>>;
  idleTimeout: number;
  limits: GitLimits;
}

/** One repository that kustomizations name: a mirror of it, shared by all of its refs. Its operations run one after the other. */
export class BaseMirror {
  readonly #url: string;
  readonly #mirrors: MirrorSet;
  readonly #fetcher: Fetcher;
  readonly #lookups = new Lookups<RemoteTree>();
  readonly #end = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  /** A reading of performance.now(). */
  usedAt = performance.now();

  constructor(url: string, { folder, scratch, ...shared }: BaseMirrorContext) {
    this.#url = url;
    this.#mirrors = new MirrorSet(folder, shared);
    this.#fetcher = new Fetcher({
      ...shared,
      mirrors: this.#mirrors,
      scratch,
      tokens: new Tokens(),
      engine: undefined,
    });
  }

  tree({ ref, submodules }: Omit<RemoteRepository, 'url'>, request: RemoteRequest): Promise<RemoteTree> {
    const asked = performance.now();
    this.usedAt = asked;
    const { timeout, since = asked, known, signal } = request;
    const look = (): Promise<RemoteTree> =>
      this.#next(async () => {
        const wanted = wantedOfAny(ref);
        const bounds = {
          url: this.#url,
          auth: {},
          timeout,
          deadline: performance.now() + timeout,
          signal: this.#end.signal,
        };
        return this.#look(wanted, { ...bounds, submodules, known });
      });
    const key = JSON.stringify([ref, submodules, known ?? null]);
    return untilCancelled(this.#lookups.ask(key, since, look), signal);
  }

  /** Frees what is not needed for these commits, once that is worth it. */
  tidy(commits: ReadonlySet<string>): Promise<void> {
    return this.#next(async () => {
      await this.#mirrors.removeDamaged();
      const held = new Map<Mirror, string[]>();
      for (const commit of commits) {
        const mirror = await this.#mirrors.holding(commit);
        if (mirror !== null) held.set(mirror, [...(held.get(mirror) ?? []), commit]);
      }
      for (const [mirror, kept] of held) await mirror.tidy(kept, this.#end.signal);
    });
  }

  remove(): Promise<void> {
    this.#end.abort();
    return this.#after(() => this.#mirrors.removeAll());
  }

  close(): Promise<void> {
    this.#end.abort();
    return this.#after(() => this.#mirrors.close());
  }

  async #look(wanted: Wanted, request: BoundedRequest & { known: string | undefined }): Promise<RemoteTree> {
    const held = request.known ?? (wanted.kind === 'commit' ? wanted.commit : undefined);
    const here = held === undefined ? null : await this.#mirrors.holding(held);
    if (held !== undefined && here !== null) return this.#whole(here, held, request);
    const asked: Wanted = request.known === undefined ? wanted : { kind: 'commit', commit: request.known, ref: '' };
    const { resolved, mirror } = await this.#fetcher.find(asked, { ...request, submodules: false });
    this.#mirrors.use(mirror);
    return this.#whole(mirror, resolved.commit, request);
  }

  /** Most repositories have no submodules: then their folders need not be looked through for them. */
  async #whole(mirror: Mirror, commit: string, request: BoundedRequest): Promise<RemoteTree> {
    const root = (await mirror.objects.commit(commit))?.tree ?? '';
    const { byName } = await mirror.objects.tree(root);
    const composed = request.submodules === true && byName.has('.gitmodules');
    const id = composed ? (await this.#fetcher.compose(mirror, commit, request)).tree : root;
    return { revision: commit, tree: new GitTree(mirror.objects, id, NO_EXCLUSIONS) };
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    return this.#after(() => {
      if (this.#end.signal.aborted) throw systemError('cancelled', 'the remote bases are closed');
      return work().catch((error: unknown) => Promise.reject(toldOf(error, this.#url)));
    });
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

const PREFIX = 'failed to checkout and determine revision: ';

/** The words for a GitRepository speak of its spec, which a base has not. */
function toldOf(error: unknown, url: string): unknown {
  if (!(error instanceof PlumbError)) return error;
  const { code, fault, policy, message, status, cause } = error;
  if (code === 'authentication-failed') {
    const words = `unable to clone '${url}': authentication required: no credentials are sent for a remote base, give it a GitRepository of its own`;
    return correctable(code, words, status);
  }
  if (code === 'invalid-url' || !message.startsWith(PREFIX)) return error;
  const detail = { fault, policy, cause, ...(status === undefined ? {} : { status }) };
  return new PlumbError(code, message.slice(PREFIX.length), detail);
}
