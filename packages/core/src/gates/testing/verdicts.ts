import type { PolicySpec } from '@plumb/api';
import type { Cause } from '../../plan.ts';
import { judgeChange } from '../evaluate.ts';
import type { GateInput } from '../judging.ts';
import { toldOfHeld } from '../told.ts';
import { approval, input } from './facts.ts';

export const HOUR = 3_600_000;
export const CAUSES: Cause[] = ['routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'];
export const bob = approval('b', 'bob');
export const fire = approval('o', 'olga', { groups: ['oncall'], override: 'fire' });

/** NOW is a Tuesday at noon in UTC. */
export const open = { type: 'Allow', timeZone: 'UTC', cron: '0 12 * * 2', duration: '6h' } as const;
export const closed = { type: 'Allow', timeZone: 'UTC', cron: '0 14 * * 2', duration: '4h' } as const;
export const SRE = { approvals: [{ name: 'one', count: 1, groups: ['sre'] }] } satisfies PolicySpec;
export const GLASS = { groups: ['oncall'], expiry: '1h' };

/** The state, and each rule with its verdict. */
export function verdicts(parts: Partial<GateInput>): [string, Record<string, string>] {
  const { state, requirements } = judgeChange(input(parts));
  return [state, Object.fromEntries(requirements.map(({ rule, verdict }) => [rule, verdict]))];
}
export const waits = (parts: Partial<GateInput>): string => toldOfHeld(judgeChange(input(parts)));
