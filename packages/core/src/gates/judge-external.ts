import { formatTime, type ExternalRule } from '@plumb/api';
import { externalName, systemOf } from './external.ts';
import type { Findings, Requirement } from './facts.ts';

interface Judgement {
  policy: string;
  generation: number;
  findings: (policy: string, rule: string) => Findings | undefined;
  /** Milliseconds since the epoch. */
  now: number;
  clockTrouble: string | null;
}

/** What other systems say of a change. Whatever is no yes is waited for: it never refuses, and never lets pass. */
export function judgeExternal(
  rules: readonly ExternalRule[],
  { policy, generation, findings, now, clockTrouble }: Judgement,
): { requirements: Requirement[]; opensAt: number | null } {
  const times: number[] = [];
  const requirements = rules.map((rule): Requirement => {
    const name = externalName(rule);
    const base = { policy, generation, rule: name, evidence: [] };
    const missing = (message: string): Requirement => ({ ...base, verdict: 'Missing', message });
    const found = findings(policy, name) ?? { trouble: 'it was not asked' };
    if ('trouble' in found) return missing(`an answer of ${systemOf(rule)}: ${found.trouble}`);
    if ('waits' in found) return missing(found.waits);
    const { broken, evidence = [], during } = found;
    if (broken.length > 0) return missing(`${systemOf(rule)} to say yes: ${broken.join('; ')}`);
    if (during === undefined) return { ...base, verdict: 'Met', message: 'let pass', evidence };
    const { from, to, of } = during;
    const told = (moment: number): string => formatTime(new Date(moment));
    if (clockTrouble !== null) return missing(`a trusted clock, to tell whether it is time for ${of}: ${clockTrouble}`);
    if (now >= to) return missing(`another time for ${of}, which ended ${told(to)}`);
    if (now >= from) return { ...base, verdict: 'Met', message: `let pass until ${told(to)}`, evidence };
    times.push(from);
    return missing(`the start of ${of}, ${told(from)}`);
  });
  return { requirements, opensAt: times.length === 0 ? null : Math.min(...times) };
}
