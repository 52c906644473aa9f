import { PlumbError, systemError } from '@plumb/api';
import { sshTrouble } from '../ssh/words.ts';
import { nextStep, withoutPaths } from '../store/disk.ts';
import { correctable, scrub } from './address.ts';

export interface FailureContext {
  /** As in spec.url. */
  url: string;
  secrets: readonly string[];
  /** Whether credentials were sent. */
  authenticated: boolean;
  /** What was asked for: `couldn't find remote ref "<ref>"` names it. */
  ref: string;
}

/** The words before each failure; Flux users know them. */
const PREFIX = 'failed to checkout and determine revision: unable to clone';

/** `failed to checkout and determine revision: unable to clone '<url>': <what>` */
export function cloneMessage(context: Pick<FailureContext, 'url'>, what: string): string {
  return `${PREFIX} '${context.url}': ${what}`;
}

export function refNotFound(context: FailureContext): PlumbError {
  return correctable('source-failed', cloneMessage(context, `couldn't find remote ref "${context.ref}"`));
}

/** Turns what git said into one short line without secrets. The end of the line is git's own, so that a search engine finds it. */
export function gitFailure(stderr: string, context: FailureContext): PlumbError {
  const text = scrub(stderr, context.secrets);
  const told = localFailure(context, text) ?? sshFailure(context, sshTrouble(text));
  if (told !== undefined) return told;
  const status = Number(/The requested URL returned error: (\d{3})/.exec(text)?.[1] ?? 0);
  if (
    /could not read (Username|Password)|Authentication failed|HTTP Basic: Access denied/i.test(text) ||
    status === 401
  ) {
    return refused(context, 'authentication required', 401);
  }
  if (status === 403) return refused(context, 'authorization failed', 403);
  if (status === 404 || NO_REPOSITORY.test(text)) {
    return correctable('source-failed', cloneMessage(context, 'repository not found'), 404);
  }
  if (/couldn't find remote ref|remote ref .* not found/i.test(text)) return refNotFound(context);
  const malformed = /^error: object (.+)$/m.exec(text)?.[1];
  if (malformed !== undefined)
    return correctable('source-failed', cloneMessage(context, `the repository holds a malformed object: ${malformed}`));
  const beyondMemory = memoryFailure(context, text);
  if (beyondMemory !== undefined) return beyondMemory;
  return status >= 300 ? httpFailure(context, status) : otherFailure(context, text);
}

/** Git speaks of bytes and of the limit it was given. */
function memoryFailure(context: FailureContext, text: string): PlumbError | undefined {
  const [, bytes, limit] = /attempting to allocate (\d+) over limit (\d+)/.exec(text) ?? [];
  if (bytes !== undefined) {
    const next = 'split the folder, the commit message or the file that is as large';
    const words = `the repository is beyond a limit: it holds an object of ${bytes} bytes, more than ${limit}; ${next}`;
    return correctable('source-failed', cloneMessage(context, words));
  }
  if (!/out of memory/i.test(text)) return undefined;
  return systemError('storage-failed', cloneMessage(context, "git is out of memory: the agent's limits are too small"));
}

function otherFailure(context: FailureContext, text: string): PlumbError {
  const unreachable = /unable to access '[^']*': (.+)/.exec(text)?.[1];
  if (unreachable !== undefined)
    return systemError('source-failed', cloneMessage(context, connectionWords(unreachable)));
  return systemError('source-failed', cloneMessage(context, lastLine(text)));
}

function sshFailure(context: FailureContext, found: ReturnType<typeof sshTrouble>): PlumbError | undefined {
  if (found === undefined) return undefined;
  const { trouble, words } = found;
  if (trouble === 'connect') return systemError('source-failed', cloneMessage(context, `host unreachable: ${words}`));
  if (trouble === 'identity')
    return correctable('authentication-failed', cloneMessage(context, `the ssh identity cannot be used: ${words}`));
  const what = trouble === 'denied' ? 'authentication required' : 'the host is not trusted';
  return correctable('authentication-failed', cloneMessage(context, `${what}: ${words}`));
}

function refused(context: FailureContext, words: string, status: number): PlumbError {
  const next = context.authenticated
    ? 'the credentials were not accepted'
    : 'no credentials were given, set spec.secretRef';
  return correctable('authentication-failed', cloneMessage(context, `${words}: ${next}`), status);
}

function httpFailure(context: FailureContext, status: number): PlumbError {
  const message = cloneMessage(context, `the server answered with HTTP status ${status}`);
  return new PlumbError('source-failed', message, { fault: 'system', policy: 'retry', status });
}

/** What git says of the agent's own disk, memory or limits; its last line speaks of what failed after that. */
function localFailure(context: FailureContext, text: string): PlumbError | undefined {
  const said = text.match(/^(?:fatal|error): .+$/gm)?.map((line) => line.replace(/^(fatal|error): /, '')) ?? [];
  // A program that is killed says nothing itself.
  const isKilled = said.length === 1 && said[0] === 'fetch-pack: invalid index-pack output';
  const words = isKilled ? 'git index-pack was killed' : said.find((line) => nextStep(line) !== undefined);
  if (words === undefined) return undefined;
  const told = `${withoutPaths(words).slice(0, 300)}: ${nextStep(words) ?? ''}`;
  return systemError('storage-failed', cloneMessage(context, told));
}

/** curl's words, told apart by what to do next. */
function connectionWords(words: string): string {
  const said = words.trim();
  if (/could not resolve/i.test(said)) return `host not found: ${said}`;
  if (/certificate|SSL|TLS/i.test(said)) return `TLS failed: ${said}`;
  if (/too slow|timed out/i.test(said)) return `the server is too slow: ${said}`;
  return `host unreachable: ${said}`;
}

function lastLine(text: string): string {
  const all = text.split('\n').map((line) => line.trim());
  // What ssh servers say stands before it, and says more.
  const lines = all.filter(
    (line) => !/^(fatal: Could not read from remote|Please make sure|and the repository ex)/.test(line),
  );
  const told =
    lines.findLast((line) => /^(fatal|error|remote):/.test(line)) ?? lines.findLast((line) => line !== '') ?? '';
  const line = told.replace(/^(fatal|error): /, '');
  return line === '' ? 'git failed without a message' : line.slice(0, 500);
}

const NO_REPOSITORY = /repository '.*' not found|repository not found|does not appear to be a git repository/i;

const DAMAGE = [
  /object file .* is empty/,
  /(object|packfile) .* is corrupt/,
  /^(fatal|error): bad object/,
  /unable to read (tree|sha1 file|[0-9a-f]{40})/,
  /not a git repository/,
  /packfile .* (cannot be accessed|claims to have|index unavailable|does not match index)/,
  /(non-monotonic index|wrong index v\d file size|index file .* is too small)/,
  /bad (shallow|config) line/,
  /invalid shallow line/,
  /did not send all necessary objects/,
];

/** True when the mirror, not the remote, is what is wrong. */
export function saysDamaged(stderr: string): boolean {
  const own = stderr.split('\n').filter((line) => !line.startsWith('remote:'));
  return own.some((line) => DAMAGE.some((pattern) => pattern.test(line)));
}
