/** The only source of time and chance in this package, so that tests own both. */
export interface Clock {
  /** Milliseconds since the epoch by a clock that nobody can set: for intervals, deadlines and what else is counted from one moment to another. */
  now(): number;
  /** Milliseconds since the epoch as the system has it, right or wrong: for what people read. */
  time(): number;
  /** Runs `fn` once after `ms`. @returns a function that cancels it */
  after(ms: number, fn: () => void): () => void;
  /** A number in [0, 1). */
  random(): number;
}

const STARTED = Date.now() - performance.now();

export const systemClock: Clock = {
  now: () => Math.round(STARTED + performance.now()),
  time: () => Date.now(),
  after(ms, fn) {
    // Node fires timers beyond 2^31 ms at once.
    const timer = setTimeout(fn, Math.min(ms, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
