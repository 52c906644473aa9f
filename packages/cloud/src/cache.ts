/** What is good until a moment, in milliseconds since the epoch by the time of day. */
interface Perishable {
  readonly expiresAt: number;
}

interface Entry<T> {
  value: T | null;
  /** By the clock that nobody can set, as all below. */
  endsAt: number;
  /** From then on another is asked for. */
  renewAt: number;
  making: Promise<T> | null;
  failure: { error: unknown; until: number } | null;
}

/** Another is asked for when a fifth of the life is left, and a minute before the end at the latest. */
const RENEW_AT = 0.8;
const LEAST_LEFT_MS = 60_000;
/** One that cannot be had is asked for again after this long, whoever wants it meanwhile. */
const PAUSE_MS = 5_000;
const MOST = 2_000;

/**
 * Keeps what perishes until shortly before its end. One exchange serves all who ask meanwhile; while the old one is still good nobody waits for
 * the new one; a failure is shared too, for a few seconds. The time of day says how long it lives when it is got, and nothing after that.
 */
export class Cache<T extends Perishable> {
  readonly #now: () => number;
  readonly #time: () => number;
  readonly #entries = new Map<string, Entry<T>>();

  /**
   * @param now milliseconds by a clock that nobody can set
   * @param time milliseconds since the epoch by the time of day
   */
  constructor(now: () => number, time: () => number) {
    this.#now = now;
    this.#time = time;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is at hand and good; undefined when it has to be got. It is renewed in time as long as somebody asks. */
  peek(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.value === null || this.#now() >= entry.renewAt) return undefined;
    return entry.value;
  }

  async get(key: string, make: () => Promise<T>): Promise<T> {
    const entry = this.#entry(key);
    const now = this.#now();
    const { value, failure, endsAt } = entry;
    if (value !== null && now < entry.renewAt) return value;
    if (failure !== null && now < failure.until) {
      if (value !== null && now < endsAt) return value;
      throw failure.error;
    }
    const making = entry.making ?? this.#make(entry, make);
    if (value === null || now >= endsAt) return making;
    making.catch(() => undefined);
    return value;
  }

  /** What is kept under keys that begin so is no good any more, failures too, nor is what is being got. */
  forget(prefix: string): void {
    const none = { value: null, failure: null, making: null };
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) Object.assign(entry, none);
  }

  #make(entry: Entry<T>, make: () => Promise<T>): Promise<T> {
    const begun = { now: this.#now(), time: this.#time() };
    const making: Promise<T> = make().then(
      (value) => {
        if (entry.making !== making) return value;
        const life = value.expiresAt - begun.time;
        const endsAt = begun.now + life;
        Object.assign(entry, { value, endsAt, failure: null, making: null });
        entry.renewAt = endsAt - Math.max(LEAST_LEFT_MS, life * (1 - RENEW_AT));
        return value;
      },
      (error: unknown) => {
        if (entry.making === making)
          Object.assign(entry, { failure: { error, until: this.#now() + PAUSE_MS }, making: null });
        throw error;
      },
    );
    entry.making = making;
    return making;
  }

  #entry(key: string): Entry<T> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (this.#entries.size >= MOST) this.#sweep();
    const entry: Entry<T> = { value: null, endsAt: 0, renewAt: 0, making: null, failure: null };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Nobody asked for these in time. */
  #sweep(): void {
    const now = this.#now();
    for (const [key, { value, making, endsAt }] of this.#entries) {
      if (making === null && (value === null || endsAt <= now)) this.#entries.delete(key);
    }
  }
}
