import type { Clock } from './clock.ts';

/** Tells, once, when nothing was worked on for a while after some work. */
export class Quiet {
  readonly #clock: Clock;
  readonly #after: number;
  readonly #tell: () => void;
  #worked = 0;
  #cancel: (() => void) | null = null;

  /** `after` in milliseconds. */
  constructor(options: { clock: Clock; after: number; tell: () => void }) {
    this.#clock = options.clock;
    this.#after = options.after;
    this.#tell = options.tell;
  }

  /** Something was worked on. Costs next to nothing, for it is called at every turn. */
  worked(): void {
    this.#worked = this.#clock.now();
    this.#cancel ??= this.#clock.after(this.#after, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    this.#cancel = null;
    const left = this.#worked + this.#after - this.#clock.now();
    if (left <= 0) this.#tell();
    else this.#cancel = this.#clock.after(left, () => this.#look());
  }
}
