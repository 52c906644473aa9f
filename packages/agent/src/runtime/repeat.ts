import type { Clock } from './clock.ts';

/** Does some work again and again, `every` milliseconds after the last time ended. It must not throw. @returns ends it */
export function repeat(clock: Clock, every: number, work: () => Promise<void>): () => void {
  let ended = false;
  let cancel: () => void = () => undefined;
  const turn = async (): Promise<void> => {
    await work();
    wait();
  };
  const wait = (): void => {
    if (!ended) cancel = clock.after(every, () => void turn());
  };
  wait();
  return () => {
    ended = true;
    cancel();
  };
}
