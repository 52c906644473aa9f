import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { EngineError } from './engine.ts';
import { encodeFrame, FrameReader } from './frame.ts';
import type { Frame } from './frame.ts';
import { isAnswer, isHello, protocolVersion } from './protocol.ts';
import type { Answer, Call, Hello, Reply, Usage } from './protocol.ts';
import { usageOf } from './process-usage.ts';

/** Milliseconds a new process may take to say hello, and one that is told to stop to be gone. */
const startTimeout = 10_000;
const stopTimeout = 2_000;
/** Milliseconds a cancelled call may go on before its process is killed. */
const cancelGrace = 200;
const keptStderr = 4_096;

interface Pending {
  id: number;
  settle(outcome: { answer: Answer; body: Buffer } | EngineError): void;
}

/** One helper process. It runs one call at a time; after `broken` it takes no more. */
export class Helper {
  /** Calls answered. */
  calls = 0;
  /** True once the process is gone, was killed, or asked to be replaced. */
  broken = false;
  usage: Usage = { cpuSeconds: 0, peakRssBytes: 0 };
  readonly ready: Promise<Hello>;
  readonly exited: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #frames = new FrameReader();
  #stderr = '';
  #pending: Pending | undefined;
  #nextId = 1;
  #hello: ((outcome: Hello | EngineError) => void) | undefined;

  constructor(path: string, memoryLimit: number, environment: Readonly<Record<string, string>>) {
    // No other variable of ours reaches the child, and with an empty PATH it finds no program to start.
    const env = { ...environment, PATH: '' };
    this.#child = spawn(path, [`--memory=${memoryLimit}`], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.fail('timeout', `the helper did not start within ${startTimeout} ms`),
        startTimeout,
      );
      this.#hello = (outcome) => {
        clearTimeout(timer);
        this.#hello = undefined;
        if (outcome instanceof EngineError) reject(outcome);
        else resolve(outcome);
      };
    });
    this.ready.catch(() => {});
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.fail('crashed', `the helper ended (${signal ?? `exit code ${code}`})${this.#lastWords()}`);
        resolve();
      });
      this.#child.on('error', (error) => {
        this.fail('crashed', `the helper could not be started: ${error.message}`);
        if (this.#child.pid === undefined) resolve();
      });
    });
    this.#child.stdin.on('error', () => {});
    this.#child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptStderr);
    });
  }

  /**
   * Runs one call, for which `left` milliseconds of its deadline are left. Failures are EngineError;
   * after `timeout`, `crashed` and `protocol` the process is gone.
   */
  async call(call: Call, left: number): Promise<Reply> {
    const id = this.#nextId++;
    const files = call.files.map((file) => ({ path: file.path, size: file.content.byteLength }));
    const header = { id, op: call.op, deadline: left, args: call.args, files };
    const frame = encodeFrame(
      header,
      call.files.map((file) => file.content),
    );
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const timer = setTimeout(() => this.fail('timeout', tookLonger(call)), left);
    const cancel = (): void => {
      reject(new EngineError('cancelled', `${call.op} was cancelled`, call.signal?.reason));
      this.#write(encodeFrame({ id, op: 'cancel' }));
      setTimeout(() => this.#pending?.id === id && this.kill(), cancelGrace).unref();
    };
    const done = new Promise<void>((settled) => {
      this.#pending = {
        id,
        settle: (outcome) => {
          this.#pending = undefined;
          clearTimeout(timer);
          call.signal?.removeEventListener('abort', cancel);
          if (outcome instanceof EngineError) reject(outcome);
          else finish(call, outcome.answer, outcome.body, { resolve, reject });
          settled();
        },
      };
    });
    this.idle = done;
    call.signal?.addEventListener('abort', cancel, { once: true });
    this.#write(frame);
    return await promise;
  }

  /** Resolves when the process has nothing to do: it may still work on a call that its caller gave up. */
  idle: Promise<void> = Promise.resolve();

  /** Fails what is waiting and ends the process. */
  fail(code: 'timeout' | 'crashed' | 'protocol', message: string): void {
    const error = new EngineError(code, message);
    this.kill();
    this.#hello?.(error);
    this.#pending?.settle(error);
  }

  kill(): void {
    // What the process spent on a call that it will not answer counts too.
    if (!this.broken && this.#pending !== undefined) this.usage = usageOf(this.#child.pid, this.usage);
    this.broken = true;
    this.#child.kill('SIGKILL');
  }

  /** Lets the process end by itself (its input closes); kills it when it does not. */
  async stop(): Promise<void> {
    this.broken = true;
    this.#child.stdin.end();
    const timer = setTimeout(() => this.kill(), stopTimeout);
    await this.exited;
    clearTimeout(timer);
  }

  #write(chunks: readonly Buffer[]): void {
    this.#child.stdin.cork();
    for (const chunk of chunks) this.#child.stdin.write(chunk);
    this.#child.stdin.uncork();
  }

  #receive(chunk: Buffer): void {
    if (this.#child.killed) return;
    try {
      for (const frame of this.#frames.push(chunk)) this.#take(frame);
    } catch (error) {
      this.fail('protocol', error instanceof Error ? error.message : String(error));
    }
  }

  #take({ header, body }: Frame): void {
    if (this.#hello !== undefined) return this.#greet(header);
    if (!isAnswer(header)) throw new EngineError('protocol', 'the helper sent a frame that answers nothing');
    this.usage = header.usage;
    if (header.id !== this.#pending?.id)
      throw new EngineError('protocol', `the helper answered call ${header.id}, which is not running`);
    this.calls += 1;
    if (header.recycle === true) this.broken = true;
    this.#pending.settle({ answer: header, body });
  }

  #greet(header: unknown): void {
    if (!isHello(header)) throw new EngineError('protocol', 'the helper did not say hello');
    if (header.protocol !== protocolVersion) {
      throw new EngineError(
        'protocol',
        `the helper speaks protocol ${header.protocol}, not ${protocolVersion}: build it again`,
      );
    }
    this.usage = header.usage;
    this.#hello?.(header);
  }

  #lastWords(): string {
    const said = this.#stderr.trim();
    return said === '' ? '' : `: ${said.split('\n')[0]}`;
  }
}

/** Names the limit: how much of the deadline was left when the helper got the call is nothing the reader can act on. */
export function tookLonger(call: Call): string {
  return `${call.op} took longer than ${Math.min(call.deadline, call.longest ?? call.deadline)} ms`;
}

function finish(
  call: Call,
  answer: Answer,
  body: Buffer,
  to: { resolve(reply: Reply): void; reject(error: EngineError): void },
): void {
  if (answer.error !== undefined) {
    const { code, message } = answer.error;
    return to.reject(new EngineError(code, code === 'timeout' ? tookLonger(call) : message));
  }
  to.resolve({ result: answer.result, warnings: answer.warnings ?? [], body });
}
