import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asPlumbError } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import { correctable, parseAddress } from './git/address.ts';
import { cloneMessage } from './git/failure.ts';
import type { MirrorKind, MirrorSet } from './git/mirror-set.ts';
import { Mirror } from './git/mirror.ts';
import { formatOf, type ObjectFormat } from './git/object-format.ts';
import { wantedOf, type Wanted } from './git/reference.ts';
import { DamagedMirror, OtherFormat, Remote } from './git/remote.ts';
import { bringFiles } from './partial/bring-files.ts';
import { isPartial } from './partial/part.ts';
import type { GitAuth, GitLimits, GitRequest, Resolved } from './git-sources.ts';
import type { Tokens } from './github/tokens.ts';
import { IDLE_TIMEOUT } from './limits.ts';
import { resolveRef, type Found } from './resolve.ts';
import { mustNameTag, verify } from './signature/verify.ts';
import { sameHost } from './submodules/address.ts';
import { withSubmodules } from './submodules/fetch.ts';

export interface FetcherContext {
  mirrors: MirrorSet;
  /** A folder for files that live as long as one exchange. */
  scratch: string;
  inherited: Readonly<Record<string, string>>;
  limits: GitLimits;
  tokens: Tokens;
  engine: Pick<Engine, 'openpgpVerify'> | undefined;
}

export interface BoundedRequest extends Omit<GitRequest, 'ref'> {
  /** A reading of performance.now(), which nobody can set. */
  deadline: number;
  signal: AbortSignal;
}

/** What a fetch brought, and the folder names of the mirrors of submodules it needed. */
export interface Fetched {
  resolved: Resolved;
  mirror: Mirror;
  helpers: string[];
}

/** A damaged mirror, or one of another object format, is replaced and the work done again. */
const ATTEMPTS = 3;

/** Bytes that a fetch of commits alone may add to the disk. */
const MOST_HISTORY = 64 * 1024 * 1024;

/** Commits of a repository of that format, without files, or without folders too. */
export interface CommitsAsked {
  format: ObjectFormat;
  without: 'files' | 'folders';
}

/** Commits are fetched into `mirror`, without what they hold, as far as that was asked for. */
export interface CommitExchange {
  mirror: Mirror;
  remote: Remote;
  /** A reading of performance.now(). */
  deadline: number;
  signal: AbortSignal;
}

/** A server that leaves files out, but gives out none by itself. */
class NoSingleFiles extends Error {}

/** Fetches into the mirrors of one source: the repository itself, and its submodules. */
export class Fetcher {
  readonly #context: FetcherContext;
  /** Remotes that must be mirrored whole, by address. */
  readonly #whole = new Set<string>();
  /** What was brought last into a partial mirror. */
  #brought = '';
  /** The tree that the last one with submodules became. */
  #composed: { commit: string; address: string; tree: string; helpers: string[] } | undefined;

  constructor(context: FetcherContext) {
    this.#context = context;
  }

  async fetch(request: BoundedRequest & Pick<GitRequest, 'ref'>): Promise<Fetched> {
    const wanted = wantedOf(request.ref);
    if (request.verify !== undefined && request.verify.mode !== 'HEAD') mustNameTag(wanted);
    return this.find(wanted, request);
  }

  async find(wanted: Wanted, request: BoundedRequest): Promise<Fetched> {
    const address = parseAddress(request.url);
    const partial = isPartial(request, wanted) && !this.#whole.has(address);
    const fetched = this.#withMirror({ address, wanted, request, partial }, async (mirror) => {
      const asked = await this.#granted(request);
      const resolved = await this.#verified(mirror, await this.#ask(mirror, wanted, asked), request);
      if (mirror.partial) await this.#bring(mirror, resolved.commit, asked);
      if (request.submodules !== true) return { resolved, mirror, helpers: [] };
      const { tree, helpers } = await this.compose(mirror, resolved.commit, asked);
      return { resolved: { ...resolved, tree }, mirror, helpers };
    });
    return fetched.catch((error: unknown) => {
      this.#forgetRefused(error, request);
      throw error;
    });
  }

  /** Commits alone, in a repository that is there for as long as `work` takes: what a mirror is made of knows nothing of them. */
  async commits<T>(
    request: BoundedRequest,
    { format, without }: CommitsAsked,
    work: (exchange: CommitExchange) => Promise<T>,
  ): Promise<T> {
    const { scratch, inherited, limits: all } = this.#context;
    const limits = { ...all, fetchBytes: Math.min(all.fetchBytes, MOST_HISTORY), setBy: {} };
    const path = join(scratch, `history-${randomBytes(6).toString('hex')}.git`);
    const mirror = await Mirror.open({ path, inherited, idleTimeout: IDLE_TIMEOUT, format, partial: true, limits });
    try {
      const asked = await this.#granted(request);
      const options = { ...asked, gitDir: path, format, without, scratch, inherited, limits };
      await using remote = await Remote.open(options);
      return await work({ mirror, remote, deadline: request.deadline, signal: request.signal });
    } catch (error) {
      this.#forgetRefused(error, request);
      throw toldAs(error, request.url);
    } finally {
      await mirror.close();
      await rm(path, { recursive: true, force: true });
    }
  }

  /** A GitHub App is asked for a token. */
  async #granted(request: BoundedRequest): Promise<BoundedRequest> {
    const { auth, signal, deadline, proxy } = request;
    if (auth.githubApp === undefined) return request;
    const bounds = { signal, deadline, ca: auth.ca, ...(proxy && { proxy }) };
    return { ...request, auth: await this.#context.tokens.of(auth.githubApp, bounds) };
  }

  #forgetRefused(error: unknown, { auth: { githubApp } }: BoundedRequest): void {
    if (githubApp && asPlumbError(error).code === 'authentication-failed') this.#context.tokens.forget(githubApp);
  }

  /** What is not signed as it must be goes no further. */
  async #verified(mirror: Mirror, { tag, ...resolved }: Found, request: BoundedRequest): Promise<Resolved> {
    if (request.verify === undefined) return resolved;
    const { deadline, signal } = request;
    const { engine } = this.#context;
    const context = { objects: mirror.objects, engine, deadline, signal };
    const verified = await verify({ commit: resolved.commit, tag: tag ?? null }, request.verify, context);
    return { ...resolved, verified };
  }

  /** The files of a commit that are wanted. */
  async #bring(mirror: Mirror, commit: string, request: BoundedRequest): Promise<void> {
    const { only = {} } = request;
    const key = JSON.stringify([mirror.path, commit, only.sparse, only.ignore]);
    if (this.#brought === key) return;
    const fetch = async (ids: readonly string[]): Promise<void> => {
      await using remote = await this.#open(mirror, request);
      if (!(await remote.fetchObjects(ids))) throw new NoSingleFiles();
    };
    const { limits } = this.#context;
    await bringFiles(mirror, await treeOf(mirror, commit), only, { limits, fetch });
    this.#brought = key;
  }

  #open(mirror: Mirror, request: BoundedRequest): Promise<Remote> {
    const { scratch, inherited, limits } = this.#context;
    const { path: gitDir, format, partial } = mirror;
    const without = partial ? 'files' : 'nothing';
    return Remote.open({ ...request, gitDir, format, without, scratch, inherited, limits });
  }

  async #ask(mirror: Mirror, wanted: Wanted, request: BoundedRequest): Promise<Found> {
    await using remote = await this.#open(mirror, request);
    const withTag = request.verify !== undefined && request.verify.mode !== 'HEAD';
    return await resolveRef({ remote, mirror, withTag }, wanted);
  }

  /** A commit's tree with the content of its submodules in it. */
  async compose(mirror: Mirror, commit: string, request: BoundedRequest): Promise<{ tree: string; helpers: string[] }> {
    const top = parseAddress(request.url);
    const known = this.#composed;
    if (known?.commit === commit && known.address === top && (await mirror.objects.has(known.tree))) return known;
    const helpers = new Set<string>();
    const { limits } = this.#context;
    const root = await treeOf(mirror, commit);
    const tree = await withSubmodules(mirror, root, top, {
      limits,
      signal: request.signal,
      fetched: async (address, pin, work) => {
        const wanted: Wanted = { kind: 'commit', commit: pin, ref: '' };
        const asked = { ...request, url: address, auth: await authFor(address, top, request.auth) };
        return this.#withMirror({ address, wanted, request: asked }, async (helper) => {
          helpers.add(basename(helper.path));
          if ((await helper.objects.commit(pin)) === null) await this.#ask(helper, wanted, asked);
          return work(helper, await treeOf(helper, pin));
        });
      },
    });
    this.#composed = { commit, address: top, tree, helpers: [...helpers] };
    return this.#composed;
  }

  async #withMirror<T>(
    { address, wanted, request, partial = false }: Target,
    work: (mirror: Mirror) => Promise<T>,
  ): Promise<T> {
    const { mirrors } = this.#context;
    const format = wanted.kind === 'commit' ? formatOf(wanted.commit) : undefined;
    let mirror = await mirrors.of(address, { format, partial });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(mirror);
      } catch (error) {
        // What a killed git had received would stay on the disk otherwise.
        await mirror.sweep();
        const last = attempt === ATTEMPTS;
        if (error instanceof NoSingleFiles) this.#whole.add(address);
        const next = nextKind(error, mirror);
        if (next === null || last || (error instanceof OtherFormat && wanted.kind === 'commit'))
          throw toldAs(error, request.url);
        mirror = await mirrors.of(address, next);
      }
    }
  }
}

/** Credentials are for the host of the repository alone. */
async function authFor(address: string, top: string, auth: GitAuth): Promise<GitAuth> {
  if (!sameHost(top, address)) return {};
  return auth.login === undefined ? auth : { ...auth, ...(await auth.login(address)) };
}

async function treeOf(mirror: Mirror, commit: string): Promise<string> {
  return (await mirror.objects.commit(commit))?.tree ?? '';
}

interface Target {
  address: string;
  wanted: Wanted;
  request: BoundedRequest;
  partial?: boolean;
}

/** The mirror to go on with; null when another one would not help. */
function nextKind(error: unknown, mirror: Mirror): MirrorKind | null {
  const { format, partial } = mirror;
  if (error instanceof OtherFormat) return { format: error.format, partial };
  if (error instanceof NoSingleFiles) return { format, partial: false };
  if (error instanceof DamagedMirror) mirror.damaged = true;
  return mirror.damaged ? { format, partial } : null;
}

function toldAs(error: unknown, url: string): unknown {
  if (error instanceof DamagedMirror) return error.failure;
  if (!(error instanceof OtherFormat)) return error;
  const words = `its commits have ${error.format} ids, not the kind asked for`;
  return correctable('source-failed', cloneMessage({ url }, words));
}
