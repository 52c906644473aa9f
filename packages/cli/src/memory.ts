import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 * 1024;

/** What the agent's parts may hold, in bytes. Those left out have their defaults. */
export interface MemoryShares {
  bodiesLimit?: number;
  engine?: { memoryLimit: number; slots: number };
  /** Of the process that decrypts. */
  decryptorLimit?: number;
}

/**
 * Splits what the machine allows this process and its children (null: no bound). Two thirds of it are for builds: as many at once as fit into that
 * when each takes all it may, and no more than there are cores. An eighth is for decryption.
 */
export function memoryShares(limit: number | null, cores: number): MemoryShares {
  if (limit === null) return {};
  const scarce = limit < 768 * MIB;
  const memoryLimit = between(limit / (scarce ? 2 : 3), 64 * MIB, 768 * MIB);
  return {
    bodiesLimit: between(limit / 16, 4 * MIB, 64 * MIB),
    decryptorLimit: between(limit / 8, 64 * MIB, 512 * MIB),
    engine: { memoryLimit, slots: between((limit * 2) / 3 / memoryLimit, 1, Math.max(cores, 1)) },
  };
}

/**
 * Reads what Node.js says of the cgroup's bound, of version 1 or 2, in bytes: zero where it does not know, more than any machine has where there
 * is none. @returns null for no bound
 */
export function memoryBound(constrained: number): number | null {
  return constrained > 0 && Number.isSafeInteger(constrained) ? constrained : null;
}

/**
 * Gives back what a burst of work left. V8 collects when it allocates and keeps the pages for the next burst, so that an agent at rest would
 * hold three times what it uses. Blocks for about a tenth of a second: for quiet moments only.
 */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

function between(value: number, least: number, most: number): number {
  return Math.floor(Math.min(Math.max(value, least), most));
}
