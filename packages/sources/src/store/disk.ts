import { PlumbError, systemError } from '@plumb/api';

/** What to do about what is said of the agent's own disk or limits: git has words for it, Node has codes. */
const NEXT: readonly (readonly [said: RegExp, next: string])[] = [
  [/\bENOSPC\b|No space left on device/, 'free space or inodes on the disk of the data directory'],
  [/\bEDQUOT\b|Disk quota exceeded/, 'free space in the data directory, or raise its quota'],
  [/\b(EACCES|EPERM)\b/, 'let the agent write to its data directory'],
  [/\bEROFS\b|Read-only file system/, 'let the data directory be written to'],
  [
    /\b(EMFILE|ENFILE|EFBIG)\b|Too many open files|File too large|Cannot allocate memory|died of signal|was killed/,
    "the agent's disk or limits are too small",
  ],
];

/** What to do next where the system, not the remote, has failed; undefined where these words do not say so. */
export function nextStep(words: string): string | undefined {
  return NEXT.find(([said]) => said.test(words))?.[1];
}

/** Where things lie on this machine is nobody's business. */
export function withoutPaths(words: string): string {
  return words.replaceAll(/(?<![\w:/.])\/[^\s'",:]+/g, '…');
}

/** What git said when it failed on files of our own. `what`: `making a mirror`. */
export function storageFailure(what: string, stderr: string): PlumbError {
  const lines = stderr.split('\n').map((line) => line.trim());
  const told = lines.find((line) => nextStep(line) !== undefined) ?? lines.findLast((line) => line !== '') ?? '';
  const words = withoutPaths(told.replace(/^(fatal|error): /, '')).slice(0, 300);
  const next = nextStep(words);
  return systemError('storage-failed', `${what} failed: ${words}${next === undefined ? '' : `: ${next}`}`);
}

/**
 * Works on files of our own. `what` says it in a message: `writing the artifact`.
 * @throws PlumbError `storage-failed` for what the file system refuses, with what to do and without a path
 */
export async function onDisk<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isOfSystem(error) ? fileFailure(what, error) : error;
  }
}

/** Node's words are `ENOSPC: no space left on device, write '/a/path'`. */
function fileFailure(what: string, error: Error): PlumbError {
  const [words = ''] = error.message.split(', ', 1);
  const next = nextStep(words) ?? 'check the disk of the data directory';
  return systemError('storage-failed', `${what} failed: ${withoutPaths(words)}: ${next}`, error);
}

/** Whether the file system refused something. */
export function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && !(error instanceof PlumbError) && 'syscall' in error && 'code' in error;
}
