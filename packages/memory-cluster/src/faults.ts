import type { PlumbError } from '@plumb/api';

/** What reached the in-memory API server. `name` is empty for lists and watches. */
export interface MemoryRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'apply' | 'create' | 'update' | 'patch' | 'delete' | 'discover' | 'raw';
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly dryRun: boolean;
  /** The impersonated user; empty for the connection's own identity. */
  readonly user: string;
}

export interface Fault {
  /** Which requests it meets; all when left out. */
  matches?: (request: MemoryRequest) => boolean;
  /** How many requests it meets before it is spent. Default 1. */
  times?: number;
  /** Runs before the request does anything: throw to refuse it, wait to delay it. */
  before?: (request: MemoryRequest) => Promise<void> | void;
  /** Runs when the request has been carried out: throw to lose the answer. */
  after?: (request: MemoryRequest) => Promise<void> | void;
}

interface Armed extends Fault {
  left: number;
}

/** Trouble on order. */
export class Faults {
  readonly #armed: Armed[] = [];

  /** @returns takes the fault away again */
  add(fault: Fault): () => void {
    const armed = { ...fault, left: fault.times ?? 1 };
    this.#armed.push(armed);
    return () => {
      armed.left = 0;
    };
  }

  /** Refuses the next `times` requests that match. */
  fail(error: PlumbError, times = 1, matches?: (request: MemoryRequest) => boolean): () => void {
    const before = (): never => {
      throw error;
    };
    return this.add({ times, before, ...(matches === undefined ? {} : { matches }) });
  }

  /** The first fault that meets a request; it is used up by one. */
  take(request: MemoryRequest): Fault | null {
    const found = this.#armed.find((fault) => fault.left > 0 && (fault.matches?.(request) ?? true));
    if (found === undefined) return null;
    found.left -= 1;
    return found;
  }
}
