import { asPlumbError, oneLine } from '@plumb/api';
import type { Clock } from '../runtime/clock.ts';

/** Nothing was found out, and why. */
export interface Trouble {
  trouble: string;
}

/** What is known of one question. */
export interface Known<Told> {
  /** The last answer; null before the first. */
  told: Told | Trouble | null;
  /** When it was told. Milliseconds by the clock that nobody can set. */
  at: number;
  /** Ends, and never fails, when another answer is there; null while none is on its way. */
  asking: Promise<void> | null;
}

interface Question<Told> {
  /** Names all that the answer depends on. */
  key: string;
  ask: () => Promise<Told>;
  /** How long an answer counts, in milliseconds. */
  countsFor: (told: Told | Trouble) => number;
}

interface Options<Told> {
  clock: Clock;
  /** What is kept together, in the weight of each. */
  most: number;
  /** 1 by default. */
  weightOf?: (told: Told | Trouble) => number;
}

const LONGEST_REASON = 500;

/** Answers of somebody who may be slow. The same question is asked once at a time, by however many, and what was told is kept for as long as it counts. */
export class LateAnswers<Told extends object> {
  readonly #options: Options<Told>;
  readonly #known = new Map<string, Known<Told>>();
  #weight = 0;

  constructor(options: Options<Told>) {
    this.#options = options;
  }

  /** Asks, unless what is known still counts. */
  ask({ key, ask, countsFor }: Question<Told>): Known<Told> {
    const { clock } = this.#options;
    const known = this.#known.get(key) ?? { told: null, at: 0, asking: null };
    // As the one that was used last.
    this.#known.delete(key);
    this.#known.set(key, known);
    if (known.asking !== null) return known;
    if (known.told !== null && clock.now() - known.at < countsFor(known.told)) return known;
    known.asking = ask()
      .catch(troubleOf)
      .then((told) => {
        this.#weight += this.#weightOf(told) - this.#weightOf(known.told);
        Object.assign(known, { told, at: clock.now(), asking: null });
        this.#shrink();
      });
    return known;
  }

  /** The answer that counts now; null where it is not there in time. */
  async answerTo(question: Question<Told>, patience: Omit<Patience, 'clock'>): Promise<Told | Trouble | null> {
    const known = this.ask(question);
    const { clock } = this.#options;
    const isTold = known.asking === null || (await isInTime(known.asking, { clock, ...patience }));
    return isTold ? known.told : null;
  }

  /** Ends when nothing is on its way. */
  async done(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ asking }) => asking));
  }

  #weightOf(told: Told | Trouble | null): number {
    if (told === null) return 0;
    const { weightOf = () => 1 } = this.#options;
    return weightOf(told);
  }

  /** Those not used for longest go, but for what is being asked, and for the newest. */
  #shrink(): void {
    for (const [key, { told, asking }] of this.#known) {
      if (this.#weight <= this.#options.most || this.#known.size === 1) return;
      if (asking !== null) continue;
      this.#known.delete(key);
      this.#weight -= this.#weightOf(told);
    }
  }
}

/** In words for people, of a length that they read. */
export function troubleOf(error: unknown): Trouble {
  return { trouble: oneLine(asPlumbError(error).message).slice(0, LONGEST_REASON) };
}

interface Patience {
  clock: Clock;
  /** Milliseconds. */
  within: number;
  /** Told of an answer that was not waited for. */
  onLate: () => void;
}

/** Whether an answer, which never fails, is there in time: nobody who judges waits for who is slow. */
export async function isInTime(answer: Promise<unknown>, { clock, within, onLate }: Patience): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const cancel = clock.after(within, () => late.resolve(false));
  const isTold = await Promise.race([answer.then(() => true), late.promise]);
  cancel();
  if (!isTold) void answer.then(onLate);
  return isTold;
}
