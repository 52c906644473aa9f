import { some, type ApprovalRule } from '@plumb/api';
import type { Cause } from '../plan.ts';
import { judgeApprovals } from './approvals.ts';
import { isAbout, type Occasion } from './causes.ts';
import type { Findings, PolicyFacts, Requirement } from './facts.ts';
import { imageRules } from './images.ts';
import { endorsementsOf } from './signed.ts';
import { occasionOf, type RuleContext } from './judging.ts';

/** The name under which the condition of a rule is evaluated: broken where the approvals are not needed. */
export const whenRule = (rule: ApprovalRule): string => `approvals/${rule.name}/when`;

export function askApprovals(rule: ApprovalRule, { policy, generation, among, input }: RuleContext): Requirement[] {
  const base = { policy, generation, rule: `approvals/${rule.name}` };
  if (rule.when !== undefined) {
    const found = input.findings(policy, whenRule(rule));
    if (found === undefined || !('broken' in found)) {
      const message = `${base.rule}, whose condition could not be evaluated: ${troubleOf(found)}`;
      return [{ ...base, verdict: 'Missing', message, evidence: [] }];
    }
    if (found.broken.length > 0) return [];
  }
  const elsewhere = endorsementsOf(rule, input.endorsements(policy, base.rule), among.identities ?? []);
  return [{ ...base, ...judgeApprovals(rule, among, elsewhere) }];
}

function troubleOf(found: Exclude<Findings, { broken: readonly string[] }> | undefined): string {
  if (found === undefined) return 'no answer';
  return 'trouble' in found ? found.trouble : `it waits for ${found.waits}`;
}

/** The names of rules over the content are made here and where they are evaluated. */
export function judgeContent(facts: PolicyFacts, context: RuleContext): Requirement[] {
  return contentRules(facts, occasionOf(context.input)).map((rule) => judgeFindings(rule, context));
}

export function judgeFindings(
  { rule, action }: { rule: string; action: 'Deny' | 'Warn' },
  { policy, generation, input }: RuleContext,
): Requirement {
  const found = input.findings(policy, rule);
  if (found === undefined || !('broken' in found)) {
    const unknown = `${rule} in ${policy}, which could not be evaluated: ${troubleOf(found)}`;
    const message = found !== undefined && 'waits' in found ? found.waits : unknown;
    return { policy, generation, rule, verdict: 'Missing', message, evidence: [] };
  }
  const { evidence = [] } = found;
  const base = { policy, generation, rule, evidence };
  if (found.broken.length === 0) return { ...base, verdict: 'Met', message: 'passes' };
  const verdict = action === 'Warn' ? 'Warned' : 'Denied';
  return { ...base, verdict, message: some(found.broken, TOLD, { between: '; ', last: '; and ' }) };
}

const TOLD = 5;

/** The rules of a policy that ask what the objects hold, for such changes. */
export function contentRules(
  { spec }: Pick<PolicyFacts, 'spec'>,
  occasion: Occasion,
): { rule: string; action: 'Deny' | 'Warn' }[] {
  const { checks = [], forbid = [], images } = spec;
  const named = (kind: string, rules: readonly { name: string; action?: 'Deny' | 'Warn'; causes?: Cause[] }[]) =>
    rules
      .filter(({ causes }) => isAbout(causes, occasion))
      .map(({ name, action = 'Deny' }) => ({ rule: `${kind}/${name}`, action }));
  return [...named('checks', checks), ...named('forbid', forbid), ...imageRules(images, occasion)];
}
