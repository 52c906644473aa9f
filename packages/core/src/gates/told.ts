import type { Requirement } from './facts.ts';
import type { GateVerdict } from './evaluate.ts';

/** What a held change is told as: `waits for 1 more approval by group sre, and for the window …`. */
export function toldOfHeld({ requirements }: Pick<GateVerdict, 'requirements'>): string {
  const denied = requirements.filter(({ verdict }) => verdict === 'Denied').map(nameDenied);
  const missing = requirements.filter(({ verdict }) => verdict === 'Missing').map(({ message }) => message);
  const waits = missing.length === 0 ? [] : [`waits for ${[...new Set(missing)].join(', and for ')}`];
  return [...denied, ...waits].join('; ');
}

function nameDenied({ policy, rule, message }: Requirement): string {
  return policy === 'approvals' ? `refused: ${message}` : `refused by ${rule} in ${policy}: ${message}`;
}
