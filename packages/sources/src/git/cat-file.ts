import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { systemError } from '@plumb/api';
import { formatOf, idOf } from './object-format.ts';
import { countGitProcess, killGroup } from './run.ts';

/** One answer. `body` is null when only the size was asked for, or when the object is larger than the limit. */
export interface GitObject {
  id: string;
  type: string;
  size: number;
  body: Buffer | null;
}

interface Pending {
  what: string;
  contents: boolean;
  limit: number;
  /** Asked a second time, after a process died over it or over one before it. */
  again: boolean;
  resolve: (object: GitObject | null) => void;
  reject: (error: Error) => void;
}

interface Incoming {
  object: GitObject;
  at: number;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export interface CatFileOptions {
  env: Record<string, string>;
  cwd: string;
  /** Milliseconds without a request after which the process is stopped. */
  idleTimeout: number;
}

const MAX_HEADER = 64 * 1024;
const STALL_TIMEOUT = 60_000;

/**
 * One long-lived `git cat-file --batch-command --buffer`. Requests of one turn of the event loop go out together, answers come
 * back in order. When the process dies, what it owed is asked once more of another one.
 */
export class CatFile {
  readonly #options: CatFileOptions;
  #child: Child | undefined;
  #pending: Pending[] = [];
  #outgoing: string[] = [];
  #head: Buffer = Buffer.alloc(0);
  #incoming: Incoming | undefined;
  #stderr = '';
  #idle: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: CatFileOptions) {
    this.#options = options;
  }

  /** Type and size; null when there is no such object. `what` is an object id or a fixed revision expression. */
  info(what: string): Promise<GitObject | null> {
    return this.#ask({ what, contents: false, limit: 0 });
  }

  /** The object itself, checked against its id; its `body` is null when it is larger than `limit` bytes. */
  async contents(what: string, limit: number): Promise<GitObject | null> {
    const object = await this.#ask({ what, contents: true, limit });
    if (object?.body) verify(object, object.body);
    return object;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Ends the process as the system would; what it owes is asked again. */
  kill(): void {
    killGroup(this.#child?.pid);
  }

  /** Ends the process; open requests fail, and so do later ones. */
  close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (child === undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once('close', () => resolve());
    this.#stop(child);
    return promise;
  }

  #ask(question: Pick<Pending, 'what' | 'contents' | 'limit'>): Promise<GitObject | null> {
    const { promise, resolve, reject } = Promise.withResolvers<GitObject | null>();
    this.#enqueue({ ...question, again: false, resolve, reject });
    return promise;
  }

  #enqueue(pending: Pending): void {
    if (this.#closed) {
      pending.reject(systemError('cancelled', 'the mirror is closed'));
      return;
    }
    const child = this.#child ?? this.#start();
    clearTimeout(this.#idle);
    this.#pending.push(pending);
    if (this.#outgoing.length === 0) setImmediate(() => this.#send(child));
    this.#outgoing.push(`${pending.contents ? 'contents' : 'info'} ${pending.what}\n`);
  }

  #send(child: Child): void {
    if (this.#child !== child) return;
    const batch = this.#outgoing.join('');
    this.#outgoing = [];
    this.#watch(child);
    child.stdin.write(`${batch}flush\n`);
  }

  #start(): Child {
    countGitProcess();
    const child = spawn('git', ['cat-file', '--batch-command', '--buffer'], {
      cwd: this.#options.cwd,
      env: this.#options.env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#head = Buffer.alloc(0);
    this.#incoming = undefined;
    this.#stderr = '';
    // A write to a process that just died: its end is reported by 'close'.
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-2048)));
    child.stdout.on('data', (chunk: Buffer) => this.#read(child, chunk));
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('close', () => this.#ended(child, this.#stderr.trim()));
    return child;
  }

  #read(child: Child, chunk: Buffer): void {
    if (this.#child !== child) return;
    this.#watch(child);
    let rest = chunk;
    while (rest.length > 0 && this.#child === child)
      rest = this.#incoming ? this.#body(this.#incoming, rest) : this.#header(child, rest);
    if (this.#pending.length === 0) this.#rest(child);
  }

  #header(child: Child, chunk: Buffer): Buffer {
    const end = chunk.indexOf(0x0a);
    const line = Buffer.concat([this.#head, end < 0 ? chunk : chunk.subarray(0, end)]);
    if (end < 0) {
      this.#head = line;
      if (line.length > MAX_HEADER) this.#stop(child);
      return Buffer.alloc(0);
    }
    this.#head = Buffer.alloc(0);
    const pending = this.#pending[0];
    const match = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(line.toString('latin1'));
    if (match === null || pending === undefined) {
      this.#pending.shift()?.resolve(null);
      return chunk.subarray(end + 1);
    }
    const [, id = '', type = '', digits = ''] = match;
    const size = Number(digits);
    const body = pending.contents && size <= pending.limit ? Buffer.allocUnsafe(size) : null;
    if (pending.contents) this.#incoming = { object: { id, type, size, body }, at: 0 };
    else this.#pending.shift()?.resolve({ id, type, size, body });
    return chunk.subarray(end + 1);
  }

  #body(incoming: Incoming, chunk: Buffer): Buffer {
    const { object } = incoming;
    const wanted = object.size - incoming.at;
    if (wanted > 0) object.body?.set(chunk.subarray(0, wanted), incoming.at);
    incoming.at += Math.min(chunk.length, wanted + 1);
    if (incoming.at <= object.size) return Buffer.alloc(0);
    this.#incoming = undefined;
    this.#pending.shift()?.resolve(object);
    return chunk.subarray(wanted + 1);
  }

  /** Kills a process that owes answers and stays silent. */
  #watch(child: Child): void {
    if (this.#stall) this.#stall.refresh();
    else this.#stall = setTimeout(() => this.#stop(child), STALL_TIMEOUT);
  }

  #rest(child: Child): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#stop(child), this.#options.idleTimeout);
  }

  #stop(child: Child): void {
    killGroup(child.pid);
    this.#ended(child, 'stopped');
  }

  #ended(child: Child, why: string): void {
    if (this.#child !== child) return;
    clearTimeout(this.#stall);
    clearTimeout(this.#idle);
    this.#stall = undefined;
    this.#child = undefined;
    this.#outgoing = [];
    const pending = this.#pending;
    this.#pending = [];
    for (const owed of pending) {
      if (!owed.again && !this.#closed) this.#enqueue({ ...owed, again: true });
      else owed.reject(failed(owed.what, why, this.#closed));
    }
  }
}

function failed(what: string, why: string, closed: boolean): Error {
  if (closed) return systemError('cancelled', 'the mirror is closed');
  return systemError('storage-failed', `reading git object ${what} failed: ${why === '' ? 'git cat-file ended' : why}`);
}

/** A pack that rots on disk must not become a manifest. */
function verify(object: GitObject, body: Buffer): void {
  const format = formatOf(object.id);
  if (format === undefined || idOf(format, object.type, body) !== object.id)
    throw systemError('storage-failed', `git object ${object.id} is damaged on disk`);
}
