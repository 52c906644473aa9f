import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlumbError, systemError } from '@plumb/api';
import type { GitAuth, GitLimits, GitProxy } from '../git-sources.ts';
import { correctable, parseAddress, scrubUserInfo } from './address.ts';
import { authorization, gitEnvironment, NO_OTHER_PROXY, remoteSettings, secretsOf } from './environment.ts';
import { diskGuard } from './disk-guard.ts';
import { cloneMessage, gitFailure, saysDamaged, type FailureContext } from './failure.ts';
import { judgeRedirect, locationIn } from './redirect.ts';
import { formatOf, otherThan, type ObjectFormat } from './object-format.ts';
import { runGit, type RunResult } from './run.ts';
import type { SshSettings } from '../ssh/client.ts';
import { writeLauncher } from '../ssh/launcher.ts';
import { onDisk } from '../store/disk.ts';

/** The name of a remote's ref, and the commit it leads to (an annotated tag is peeled; `tag` is the id of its own object). */
export interface RemoteRef {
  ref: string;
  commit: string;
  tag?: string;
}

export interface RemoteOptions {
  url: string;
  auth: GitAuth;
  proxy?: GitProxy;
  gitDir: string;
  /** Of the mirror. */
  format: ObjectFormat;
  limits: GitLimits;
  /** What to ask to be left out: files, or folders too, so that commits alone are sent. A server that cannot do so sends all. */
  without: 'nothing' | 'files' | 'folders';
  /** A folder of ours for files that live as long as one exchange. */
  scratch: string;
  inherited: Readonly<Record<string, string>>;
  /** When all must be done: a reading of performance.now(), which nobody can set. */
  deadline: number;
  timeout: number;
  signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 5;
const FETCH_FLAGS = [
  '--no-tags',
  '--no-write-fetch-head',
  '--no-recurse-submodules',
  '--no-auto-maintenance',
  '--quiet',
  '--force',
];
/** git-rev-list, `--filter`. */
const FILTERS = { files: 'blob:none', folders: 'tree:0' } as const;
const NOT_GIVEN = /unadvertised object|not our ref/;
const TRACE = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1', GIT_TRACE_REDACT: '1' };

/** The mirror is broken: the caller throws it away and starts again. */
export class DamagedMirror extends Error {
  /** What to say when a new mirror does not help. */
  readonly failure: PlumbError;

  constructor(failure: PlumbError) {
    super(failure.message);
    this.failure = failure;
  }
}

/** The remote's object ids are of another format than the mirror's: the caller takes another mirror. */
export class OtherFormat extends Error {
  readonly format: ObjectFormat;

  constructor(format: ObjectFormat) {
    super(`the remote has ${format} ids`);
    this.format = format;
  }
}

/** One exchange after another with one remote, under one deadline. */
export class Remote implements AsyncDisposable {
  #address: string;
  readonly #options: RemoteOptions;
  readonly #env: Record<string, string>;
  readonly #folder: string;

  private constructor(address: string, options: RemoteOptions, env: Record<string, string>, folder: string) {
    this.#address = address;
    this.#options = options;
    this.#env = env;
    this.#folder = folder;
  }

  /** @throws PlumbError `invalid-url`, `storage-failed` */
  static async open(options: RemoteOptions): Promise<Remote> {
    const address = parseAddress(options.url);
    if (/[\u0000-\u001f\u007f]/.test(options.auth.bearerToken ?? '')) {
      throw correctable(
        'authentication-failed',
        'failed to configure authentication options: bearerToken holds a line break or control character',
      );
    }
    return onDisk('preparing the fetch', async () => {
      const folder = await mkdtemp(join(options.scratch, 'exchange-'));
      try {
        return new Remote(address, options, await prepare(address, options, folder), folder);
      } catch (error) {
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  failureContext(ref: string): FailureContext {
    const { auth, proxy, url } = this.#options;
    const authenticated = authorization(auth) !== undefined;
    return { url: scrubUserInfo(url), secrets: secretsOf(auth, proxy), authenticated, ref };
  }

  /** Asks for refs; nothing is transferred but their names. `scope` lets the server leave out the rest. */
  async list(scope: 'heads' | 'tags' | 'all', wanted: string): Promise<RemoteRef[]> {
    const flags = scope === 'all' ? [] : [`--${scope}`];
    const { code, stdout, stderr } = await this.#follow(wanted, (address) => [
      'ls-remote',
      '--quiet',
      ...flags,
      '--end-of-options',
      address,
    ]);
    if (code !== 0) throw this.#failure(stderr, wanted);
    return parseRefs(stdout.toString('utf8'), this.#options.format);
  }

  /**
   * Fetches refspecs into the mirror, with so many generations of commits. Resolves to false when the remote does not give out an unadvertised
   * commit.
   */
  async fetch(refspecs: readonly string[], depth: number | 'whole' | 'unshallow', wanted: string): Promise<boolean> {
    const flags = [...FETCH_FLAGS];
    if (typeof depth === 'number') flags.push(`--depth=${depth}`);
    if (depth === 'unshallow') flags.push('--unshallow');
    const { code, stderr } = await this.#follow(wanted, (address) => this.#fetching(address, flags, refspecs));
    if (code === 0) return true;
    if (NOT_GIVEN.test(stderr)) return false;
    throw this.#failure(stderr, wanted);
  }

  /** Fetches objects by their ids, all in one exchange. Resolves to false when the remote gives out none that way. */
  async fetchObjects(ids: readonly string[]): Promise<boolean> {
    const flags = [...FETCH_FLAGS, '--stdin'];
    const negotiateNothing = ['-c', 'fetch.negotiationAlgorithm=noop'];
    const command = (address: string): string[] => [...negotiateNothing, ...this.#fetching(address, flags, [])];
    const { code, stderr } = await this.#follow('', command, ids.map((id) => `${id}\n`).join(''));
    if (code === 0) return true;
    if (NOT_GIVEN.test(stderr)) return false;
    throw this.#failure(stderr, '');
  }

  /**
   * Git takes missing objects for damage unless they were promised. What makes the remote a promisor stands here alone, so that no git but these ever
   * asks it for one by itself.
   */
  #fetching(address: string, flags: readonly string[], refspecs: readonly string[]): string[] {
    const { without } = this.#options;
    if (without === 'nothing') return ['fetch', ...flags, '--end-of-options', address, ...refspecs];
    const filter = FILTERS[without];
    const settings = [`url=${address}`, 'promisor=true', `partialCloneFilter=${filter}`];
    const config = settings.flatMap((setting) => ['-c', `remote.plumb.${setting}`]);
    return [...config, 'fetch', ...flags, `--filter=${filter}`, '--end-of-options', 'plumb', ...refspecs];
  }

  #failure(stderr: string, wanted: string): Error {
    if (/mismatched algorithms/.test(stderr)) return new OtherFormat(otherThan(this.#options.format));
    const failure = gitFailure(stderr, this.failureContext(wanted));
    return saysDamaged(stderr) ? new DamagedMirror(failure) : failure;
  }

  /** Runs a command, and again where a redirect leads. Git is told not to follow: it would send our header along. */
  async #follow(wanted: string, command: (address: string) => string[], input?: string): Promise<RunResult> {
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const result = await this.#run(command(this.#address), {}, input);
      if (result.code === 0 || !/returned error: 30[12378]\b/.test(result.stderr)) return result;
      this.#address = await this.#redirected(wanted);
    }
    throw correctable(
      'source-failed',
      cloneMessage(this.failureContext(wanted), `more than ${MAX_REDIRECTS} redirects`),
    );
  }

  /** Asks once more and reads the answer's headers; git keeps secrets out of its trace, and we keep the trace to ourselves. */
  async #redirected(wanted: string): Promise<string> {
    const { stderr } = await this.#run(['ls-remote', '--quiet', '--heads', '--end-of-options', this.#address], TRACE);
    const context = this.failureContext(wanted);
    const location = locationIn(stderr);
    const redirect =
      location === undefined
        ? { refused: 'it names no target' }
        : judgeRedirect(this.#address, location, context.authenticated);
    if ('address' in redirect) return redirect.address;
    throw correctable('source-failed', cloneMessage(context, `the server redirects, and ${redirect.refused}`));
  }

  async #run(
    args: readonly string[],
    extra: Readonly<Record<string, string>> = {},
    input?: string,
  ): Promise<RunResult> {
    const { deadline, timeout, signal, gitDir, limits } = this.#options;
    const left = Math.ceil(deadline - performance.now());
    if (left <= 0) throw this.#late(timeout);
    try {
      const guard = args.includes('fetch') ? diskGuard(gitDir, limits) : undefined;
      const bounds = { timeout: left, signal, guard, ...(input !== undefined && { input }) };
      return await runGit(args, { env: { ...this.#env, ...extra }, cwd: gitDir, ...bounds });
    } catch (error) {
      if (error instanceof PlumbError && error.code === 'timeout') throw this.#late(timeout);
      throw error;
    }
  }

  #late(timeout: number): PlumbError {
    const { url } = this.failureContext('');
    return systemError(
      'timeout',
      `failed to checkout and determine revision: unable to clone '${url}': context deadline exceeded after ${timeout / 1000}s`,
    );
  }
}

/** Writes what git must read from files, and gives the environment it runs in. */
async function prepare(address: string, options: RemoteOptions, folder: string): Promise<Record<string, string>> {
  let caFile: string | undefined;
  if (options.auth.ca !== undefined && options.auth.ca !== '') {
    caFile = join(folder, 'ca.crt');
    await writeFile(caFile, options.auth.ca, { mode: 0o600 });
    await mkdir(join(folder, 'empty'), { mode: 0o700 });
  }
  const settings = remoteSettings(options, caFile, join(folder, 'empty'));
  const env = gitEnvironment(options.gitDir, options, settings);
  if (options.proxy) Object.assign(env, NO_OTHER_PROXY);
  if (address.startsWith('ssh:')) Object.assign(env, await writeLauncher(folder, sshSettings(options)));
  return env;
}

function sshSettings({ auth, proxy, url }: RemoteOptions): SshSettings {
  if (auth.ssh === undefined) {
    const words = `no ssh key may be used for '${scrubUserInfo(url)}': it needs one in the secret of spec.secretRef, for its host`;
    throw correctable('authentication-failed', `failed to configure authentication options: ${words}`);
  }
  return { auth: auth.ssh, ...(proxy && { proxy }) };
}

function parseRefs(text: string, expected: ObjectFormat): RemoteRef[] {
  const refs = new Map<string, RemoteRef>();
  for (const line of text.split('\n')) {
    const [id, name] = line.split('\t');
    if (id === undefined || name === undefined) continue;
    const format = formatOf(id);
    if (format === undefined) continue;
    if (format !== expected) throw new OtherFormat(format);
    // A peeled line follows that of its tag and takes its place.
    const peeled = name.endsWith('^{}');
    const ref = peeled ? name.slice(0, -3) : name;
    const tag = peeled ? refs.get(ref)?.commit : undefined;
    refs.set(ref, tag === undefined ? { ref, commit: id } : { ref, commit: id, tag });
  }
  return [...refs.values()];
}
