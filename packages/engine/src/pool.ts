import { EngineError } from './engine.ts';
import { Helper, tookLonger } from './helper.ts';
import type { Call, Reply } from './protocol.ts';

export interface PoolOptions {
  path: string;
  slots: number;
  idleTimeout: number;
  memoryLimit: number;
  environment: Readonly<Record<string, string>>;
}

/** A process is replaced after so many calls, or once it has needed so much memory. */
const maxCalls = 5_000;
const maxRss = 256 * 1024 * 1024;

interface Slot {
  helper: Helper | undefined;
  timer: NodeJS.Timeout | undefined;
}

interface Waiter {
  tenant: string | undefined;
  grant(slot: Slot): void;
  refuse(error: EngineError): void;
}

/** Hands calls to helper processes, one call at a time each. Processes start on demand and stop when idle. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #all: Slot[];
  /** The slot that worked last is taken first, so that few calls keep few processes. */
  readonly #free: Slot[];
  readonly #waiting: Waiter[] = [];
  /** Of each tenant, which turn it had last. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  readonly #leaving = new Set<Promise<void>>();
  #ended = { cpuSeconds: 0, peakRssBytes: 0 };
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#all = Array.from({ length: options.slots }, () => ({ helper: undefined, timer: undefined }));
    this.#free = [...this.#all];
  }

  /** The deadline counts from here on, waiting for a slot included. */
  async call(call: Call): Promise<Reply> {
    const until = performance.now() + call.deadline;
    const slot = await this.#acquire(call);
    let helper: Helper | undefined;
    try {
      helper = this.#helperOf(slot);
      const hello = await helper.ready;
      if (!hello.operations.includes(call.op))
        throw new EngineError('protocol', `the helper does not know ${call.op}: build it again`);
      const left = Math.ceil(until - performance.now());
      if (left <= 0) throw new EngineError('timeout', tookLonger(call));
      if (call.signal?.aborted === true) throw cancelled(call);
      return await helper.call(call, Math.min(left, call.longest ?? left));
    } finally {
      void this.#release(slot, helper);
    }
  }

  usage(): { cpuSeconds: number; peakRssBytes: number; running: number } {
    const helpers = this.#all.flatMap((slot) => (slot.helper === undefined ? [] : [slot.helper]));
    return {
      cpuSeconds: helpers.reduce((sum, helper) => sum + helper.usage.cpuSeconds, this.#ended.cpuSeconds),
      peakRssBytes: Math.max(this.#ended.peakRssBytes, ...helpers.map((helper) => helper.usage.peakRssBytes)),
      running: helpers.filter((helper) => !helper.broken).length,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(closedError());
    for (const slot of this.#all) this.#dismiss(slot);
    await Promise.all(this.#leaving);
  }

  async #acquire(call: Call): Promise<Slot> {
    if (this.#closed) throw closedError();
    if (call.signal?.aborted === true) throw cancelled(call);
    const { tenant } = call;
    const free = this.#free.pop();
    if (free !== undefined) {
      clearTimeout(free.timer);
      this.#note(tenant);
      return free;
    }
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const waiter: Waiter = { tenant, grant: resolve, refuse: reject };
    const leave = (error: EngineError): void => {
      const at = this.#waiting.indexOf(waiter);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(error);
    };
    const onAbort = (): void => leave(cancelled(call));
    const timer = setTimeout(
      () => leave(new EngineError('timeout', `${call.op} waited ${call.deadline} ms for a helper`)),
      call.deadline,
    );
    call.signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(waiter);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #release(slot: Slot, helper: Helper | undefined): Promise<void> {
    if (helper !== undefined) {
      await helper.idle;
      if (helper.broken || helper.calls >= maxCalls || helper.usage.peakRssBytes > maxRss) this.#dismiss(slot);
    }
    const next = this.#nextWaiter();
    if (next !== undefined) return next.grant(slot);
    this.#free.push(slot);
    if (this.#closed) return this.#dismiss(slot);
    slot.timer = setTimeout(() => this.#dismiss(slot), this.#options.idleTimeout);
    slot.timer.unref();
  }

  /**
   * Of those that wait, the first of the tenant whose last turn is the longest ago: who asks a lot keeps nobody else waiting. What is nobody's, the
   * check of a signature, is short and goes first.
   */
  #nextWaiter(): Waiter | undefined {
    const lastTurn = ({ tenant }: Waiter): number => (tenant === undefined ? -1 : (this.#turns.get(tenant) ?? -1));
    const earliest = Math.min(...this.#waiting.map(lastTurn));
    const at = this.#waiting.findIndex((waiter) => lastTurn(waiter) === earliest);
    const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
    this.#note(next?.tenant);
    return next;
  }

  /** The tenant has its turn. */
  #note(tenant: string | undefined): void {
    if (tenant !== undefined) this.#turns.set(tenant, this.#turn++);
  }

  #helperOf(slot: Slot): Helper {
    if (slot.helper?.broken === true) this.#dismiss(slot);
    const { path, memoryLimit, environment } = this.#options;
    slot.helper ??= new Helper(path, memoryLimit, environment);
    return slot.helper;
  }

  #dismiss(slot: Slot): void {
    const helper = slot.helper;
    clearTimeout(slot.timer);
    if (helper === undefined) return;
    slot.helper = undefined;
    this.#ended.cpuSeconds += helper.usage.cpuSeconds;
    this.#ended.peakRssBytes = Math.max(this.#ended.peakRssBytes, helper.usage.peakRssBytes);
    const leaving = helper.stop().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}

function cancelled(call: Call): EngineError {
  return new EngineError('cancelled', `${call.op} was cancelled`, call.signal?.reason);
}

function closedError(): EngineError {
  return new EngineError('cancelled', 'the engine is closed');
}
