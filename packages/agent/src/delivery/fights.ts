import type { DriftSeries } from '@plumb/core';
import { driftCorrected, driftDueAt, isDriftLoop, isForgotten } from '@plumb/core';

/** An object that somebody changes again and again; times in milliseconds. */
export interface Fight {
  corrections: number;
  within: number;
  next: number;
}

/** Up to this many objects nobody looks whether some were left alone for long enough to be let go of. */
const SWEEP_FROM = 256;

/**
 * How often the objects of one unit were put right lately, each by itself: whoever insists on one does not slow down the repair of the
 * others. Only what was left alone for long enough is let go of, never what is fought over: there are at most twice as many as were put right
 * lately, or SWEEP_FROM. A fixed bound would let who changes more objects than that in turn be met at once each time.
 */
export class Fights {
  readonly #series = new Map<string, DriftSeries>();
  /** For how many corrections each fight was told already. */
  readonly #told = new Map<string, number>();
  #sweepAt = SWEEP_FROM;

  /** Objects remembered. */
  get size(): number {
    return this.#series.size;
  }

  /** When a drifted object may be put right. */
  dueAt(id: string, now: number): number {
    return driftDueAt(this.#series.get(id), now);
  }

  corrected(id: string, now: number): void {
    if (this.#series.size >= this.#sweepAt) this.#sweep(now);
    this.#series.set(id, driftCorrected(this.#series.get(id), now));
  }

  /** The fight over an object that was changed again, once for each correction; null when there is none, or it was told. */
  news(id: string, now: number): Fight | null {
    const series = this.#series.get(id);
    if (series === undefined || !isDriftLoop(series, now) || this.#told.get(id) === series.corrections) return null;
    this.#told.set(id, series.corrections);
    const { corrections, since, last } = series;
    return { corrections, within: last - since, next: Math.max(0, this.dueAt(id, now) - now) };
  }

  /** Objects somebody insists on now. */
  count(now: number): number {
    let loops = 0;
    for (const series of this.#series.values()) if (isDriftLoop(series, now)) loops += 1;
    return loops;
  }

  #sweep(now: number): void {
    for (const [id, series] of this.#series) {
      if (!isForgotten(series, now)) continue;
      this.#series.delete(id);
      this.#told.delete(id);
    }
    this.#sweepAt = Math.max(SWEEP_FROM, 2 * this.#series.size);
  }
}
