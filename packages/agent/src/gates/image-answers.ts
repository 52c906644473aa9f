import { asPlumbError, oneLine } from '@plumb/api';
import { sizeOf, type SignatureEvidence, type VulnerabilityEvidence } from '@plumb/core';
import type { Clock } from '../runtime/clock.ts';
import { Limit } from '../runtime/limit.ts';

/** What is known of an image. Null is what was not asked. */
export interface ImageKnown {
  /** What its name leads to. */
  digest: string;
  signatures: SignatureEvidence | null;
  vulnerabilities: VulnerabilityEvidence | null;
}

/** What was found out; or why nothing was. */
export type Told = ImageKnown | { trouble: string };

interface Entry {
  told: Told | null;
  /** When it was told. Milliseconds by the clock that nobody can set. */
  at: number;
  /** Under way; null when it is not. */
  asking: Promise<void> | null;
}

interface Question {
  /** Names all that the answer depends on. */
  key: string;
  ask: (signal: AbortSignal) => Promise<ImageKnown>;
  /** How long an answer counts, in milliseconds. */
  countsFor: (known: ImageKnown) => number;
}

/** Questions that registries are asked at once. */
const AT_ONCE = 8;
/** A registry that takes longer is as one that is away. Milliseconds. */
const TIMEOUT = 30_000;
/** What is kept: answers, each with what it holds. */
const MOST_KEPT = 100_000;
const LONGEST_REASON = 500;
/** What was told less than this ago is not asked again, whatever it was. Milliseconds. */
const AT_LEAST = 5_000;

/** What was found out about images. The same question is asked once, by however many units, and its answer kept. */
export class ImageAnswers {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();
  readonly #limit = new Limit(AT_ONCE);
  #size = 0;

  /** @param signal ends what is being asked */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Asks, unless what is known still counts. @returns what ends when the answer is there; null when it is */
  ask({ key, ask, countsFor }: Question): Promise<void> | null {
    const entry = this.#entries.get(key) ?? { told: null, at: 0, asking: null };
    this.#keep(key, entry);
    if (entry.asking !== null) return entry.asking;
    if (entry.told !== null) {
      const counts = 'trouble' in entry.told ? AT_LEAST : Math.max(AT_LEAST, countsFor(entry.told));
      if (this.#clock.now() - entry.at < counts) return null;
    }
    entry.asking = this.#limit
      .run(() => this.#told(ask))
      .then((told) => {
        this.#size += weightOf(told) - weightOf(entry.told);
        Object.assign(entry, { told, at: this.#clock.now(), asking: null });
        this.#shrink();
      });
    return entry.asking;
  }

  /** The last answer; null while there is none, or another is being waited for. */
  known(key: string): Told | null {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.asking !== null ? null : entry.told;
  }

  async #told(ask: Question['ask']): Promise<Told> {
    try {
      return await ask(AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT)]));
    } catch (error) {
      return { trouble: oneLine(asPlumbError(error).message).slice(0, LONGEST_REASON) };
    }
  }

  /** As the one that was used last. */
  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  /** Those not used for longest go, but for what is being asked, and for the newest. */
  #shrink(): void {
    for (const [key, { told, asking }] of this.#entries) {
      if (this.#size <= MOST_KEPT || this.#entries.size === 1) return;
      if (asking !== null) continue;
      this.#entries.delete(key);
      this.#size -= weightOf(told);
    }
  }
}

function weightOf(told: Told | null): number {
  if (told === null) return 0;
  const BASE = 10;
  return 'trouble' in told || told.vulnerabilities === null ? BASE : BASE + sizeOf(told.vulnerabilities);
}
