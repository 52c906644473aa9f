import { setTimeout as sleep } from 'node:timers/promises';
import type { ListResult } from './cluster.ts';
import type { Known } from './known.ts';
import { compareVersions } from './versions.ts';

/** Each wait is between 0.9 and 1.1 of what it should be, so that many watches do not ask together. */
const SPREAD = 0.2;
/** How long the watch may be behind a consistent list before that counts as a gap. */
const GRACE_MS = 5_000;
/** After an interruption the next check comes within this part of the interval. */
const SOON = 0.1;

export interface GapCheckParts {
  /** What the watch has shown. */
  readonly known: Known;
  /** What answers of the server have shown, and the watch has not. */
  readonly told: Known;
  /** A consistent list of metadata. */
  readonly list: () => Promise<ListResult>;
  /** The last version that the watch, a list or an answer brought. */
  readonly latest: () => string;
  /** Called with how many objects the watch has lost sight of: list again. */
  readonly onGap: (objects: number) => void;
  readonly signal: AbortSignal;
  /** Milliseconds between checks. */
  readonly interval: number;
}

/**
 * Finds events a watch never brought: no protocol tells of them. Now and then a consistent list of metadata is compared, version by
 * version, with what is known; what still differs when the watch has had time to catch up was lost. A lost event is noticed after 1.1
 * intervals, the grace and the time of the list at the latest; after an interruption a tenth of the interval counts. A check whose list
 * fails finds nothing: what it would have found is for the next one, up to 1.1 intervals later.
 */
export class GapCheck {
  readonly #parts: GapCheckParts;
  #due: number;
  #wake = new AbortController();

  constructor(parts: GapCheckParts) {
    this.#parts = parts;
    this.#due = performance.now() + jittered(parts.interval);
  }

  /** Runs until the signal aborts. A list that fails is tried again at the next turn. */
  async run(): Promise<void> {
    const { signal, interval } = this.#parts;
    while (!signal.aborted) {
      await this.#pause(this.#due - performance.now());
      if (signal.aborted) return;
      if (performance.now() < this.#due) continue;
      this.#due = performance.now() + jittered(interval);
      const lost = await this.#lost().catch(() => 0);
      if (lost > 0 && !signal.aborted) this.#parts.onGap(lost);
    }
  }

  /** The watch was interrupted: what it missed should not wait for the next turn. */
  hasten(): void {
    const soon = performance.now() + jittered(this.#parts.interval * SOON);
    if (soon >= this.#due) return;
    this.#due = soon;
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async #lost(): Promise<number> {
    const { known, told, list, latest, signal, interval } = this.#parts;
    const before = latest();
    const listed = await list();
    // A watch from a version the server has not come to (again) is silent, not refused: this is where a restore of etcd shows.
    if (compareVersions(listed.resourceVersion, before) < 0) return Math.max(1, known.size);
    const suspects = known.differences(listed);
    const unseen = told.upTo(listed.resourceVersion);
    if (suspects.size + unseen.size === 0) return 0;
    await sleep(Math.min(GRACE_MS, interval), undefined, { signal, ref: false });
    return known.countOf(suspects) + told.countOf(unseen);
  }

  async #pause(ms: number): Promise<void> {
    const signal = AbortSignal.any([this.#parts.signal, this.#wake.signal]);
    await sleep(Math.max(0, ms), undefined, { signal, ref: false }).catch(() => {});
  }
}

function jittered(ms: number): number {
  return ms * (1 - SPREAD / 2 + Math.random() * SPREAD);
}
