import { basename } from 'node:path';
import type { Engine } from '@plumb/engine';
import { correctable, parseAddress } from './git/address.ts';
import { cloneMessage } from './git/failure.ts';
import type { MirrorSet } from './git/mirror-set.ts';
import type { Mirror } from './git/mirror.ts';
import { formatOf, type ObjectFormat } from './git/object-format.ts';
import { wantedOf, type Wanted } from './git/reference.ts';
import { DamagedMirror, OtherFormat, Remote } from './git/remote.ts';
import type { GitAuth, GitLimits, GitRequest, Resolved } from './git-sources.ts';
import type { Tokens } from './github/tokens.ts';
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

export interface BoundedRequest extends GitRequest {
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

/** Fetches into the mirrors of one source: the repository itself, and its submodules. */
export class Fetcher {
  readonly #context: FetcherContext;
  /** The tree that the last one with submodules became. */
  #composed: { commit: string; address: string; tree: string; helpers: string[] } | undefined;

  constructor(context: FetcherContext) {
    this.#context = context;
  }

  async fetch(request: BoundedRequest): Promise<Fetched> {
    const wanted = wantedOf(request.ref);
    if (request.verify !== undefined && request.verify.mode !== 'HEAD') mustNameTag(wanted);
    const address = parseAddress(request.url);
    return this.#withMirror({ address, wanted, request }, async (mirror) => {
      const { auth, signal, deadline, proxy } = request;
      const bounds = { signal, deadline, ...(proxy && { proxy }) };
      const granted = auth.githubApp ? await this.#context.tokens.of(auth.githubApp, { ...bounds, ca: auth.ca }) : auth;
      const resolved = await this.#verified(
        mirror,
        await this.#ask(mirror, wanted, { ...request, auth: granted }),
        request,
      );
      if (request.submodules !== true) return { resolved, mirror, helpers: [] };
      const { tree, helpers } = await this.#compose(mirror, resolved.commit, { ...request, auth: granted });
      return { resolved: { ...resolved, tree }, mirror, helpers };
    });
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

  async #ask(mirror: Mirror, wanted: Wanted, request: BoundedRequest): Promise<Found> {
    const { scratch, inherited, limits } = this.#context;
    const place = { gitDir: mirror.path, format: mirror.format, scratch, inherited, limits };
    await using remote = await Remote.open({ ...request, ...place });
    const withTag = request.verify !== undefined && request.verify.mode !== 'HEAD';
    return await resolveRef({ remote, mirror, withTag }, wanted);
  }

  async #compose(
    mirror: Mirror,
    commit: string,
    request: BoundedRequest,
  ): Promise<{ tree: string; helpers: string[] }> {
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
    { address, wanted, request }: { address: string; wanted: Wanted; request: BoundedRequest },
    work: (mirror: Mirror) => Promise<T>,
  ): Promise<T> {
    const { mirrors } = this.#context;
    let mirror = await mirrors.of(address, wanted.kind === 'commit' ? formatOf(wanted.commit) : undefined);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(mirror);
      } catch (error) {
        // What a killed git had received would stay on the disk otherwise.
        await mirror.sweep();
        const last = attempt === ATTEMPTS;
        const format = nextFormat(error, mirror);
        if (format === null || last || (error instanceof OtherFormat && wanted.kind === 'commit'))
          throw toldAs(error, request.url);
        mirror = await mirrors.of(address, format);
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

/** The format of the mirror to go on with; null when another mirror would not help. */
function nextFormat(error: unknown, mirror: Mirror): ObjectFormat | null {
  if (error instanceof OtherFormat) return error.format;
  if (error instanceof DamagedMirror) mirror.damaged = true;
  return mirror.damaged ? mirror.format : null;
}

function toldAs(error: unknown, url: string): unknown {
  if (error instanceof DamagedMirror) return error.failure;
  if (!(error instanceof OtherFormat)) return error;
  const words = `its commits have ${error.format} ids, not the kind asked for`;
  return correctable('source-failed', cloneMessage({ url }, words));
}
