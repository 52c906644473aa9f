import type { Said } from '@plumb/api';
import { ownMessages, say } from '@plumb/api';
import { dependenciesOf, dependencyCycle } from '@plumb/core';
import type { Dependable, Dependency } from '@plumb/core';

interface Sight {
  /** Every object a dependency names, by its id. */
  dependency: (id: string) => Dependable | undefined;
  settings: { additiveReadyExpr: boolean };
}

/** Why a unit has to wait for what it depends on: a cycle, or the first flaw in the order of its spec; null for nothing. */
export function dependenciesFlaw(
  unit: Parameters<typeof dependenciesOf>[0],
  { dependency: find, settings }: Sight,
  flawOf: (dependency: Dependency) => Said | null,
): Said | null {
  const cycle = dependencyCycle(unit, find, settings.additiveReadyExpr);
  if (cycle !== null) return say(ownMessages.dependencyCycle, { cycle });
  for (const dependency of dependenciesOf(unit)) {
    const said = flawOf(dependency);
    if (said !== null) return said;
  }
  return null;
}
