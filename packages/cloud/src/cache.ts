/** What is good until a moment, in milliseconds since the epoch. */
interface Perishable {
  readonly expiresAt: number;
}

interface Entry<T> {
  value: T | null;
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
 * the new one; a failure is shared too, for a few seconds.
 */
export class Cache<T extends Perishable> {
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(now: () => number) {
    this.#now = now;
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
    const { value, failure } = entry;
    if (value !== null && now < entry.renewAt) return value;
    if (failure !== null && now < failure.until) {
      if (value !== null && now < value.expiresAt) return value;
      throw failure.error;
    }
    const making = entry.making ?? this.#make(entry, make);
    if (value === null || now >= value.expiresAt) return making;
    making.catch(() => undefined);
    return value;
  }

  /** What is kept under keys that begin so is no good any more, failures too, nor is what is being got. */
  forget(prefix: string): void {
    const none = { value: null, failure: null, making: null };
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) Object.assign(entry, none);
  }

  #make(entry: Entry<T>, make: () => Promise<T>): Promise<T> {
    const begun = this.#now();
    const making: Promise<T> = make().then(
      (value) => {
        if (entry.making !== making) return value;
        const left = (value.expiresAt - begun) * (1 - RENEW_AT);
        Object.assign(entry, { value, failure: null, making: null });
        entry.renewAt = value.expiresAt - Math.max(LEAST_LEFT_MS, left);
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
    const entry: Entry<T> = { value: null, renewAt: 0, making: null, failure: null };
    this.#entries.set(key, entry);
    return entry;
  }

  /** Nobody asked for these in time. */
  #sweep(): void {
    const now = this.#now();
    for (const [key, { value, making }] of this.#entries) {
      if (making === null && (value === null || value.expiresAt <= now)) this.#entries.delete(key);
    }
  }
}
