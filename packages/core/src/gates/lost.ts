import type { PolicySpec } from '@plumb/api';
import type { Cause } from '../plan.ts';
import { isConsent } from './approvals.ts';
import { isAbout, type Occasion } from './causes.ts';
import { evidenceOf } from './counting.ts';
import { policyId, type ApprovalFacts, type PolicyFacts, type Requirement } from './facts.ts';

/** What was found of a change before. */
export interface Earlier
  extends Pick<Requirement, 'policy' | 'rule' | 'verdict'>, Partial<Pick<Requirement, 'generation' | 'message'>> {
  evidence?: readonly string[];
  uid?: string;
}

interface Input {
  earlier: readonly Earlier[];
  policies: readonly PolicyFacts[];
  /** Those that select the change. */
  governing: readonly PolicyFacts[];
  /** What they say of it now. */
  judged: readonly Requirement[];
  occasion: Occasion;
  approvals: readonly ApprovalFacts[];
  distrust: string | null;
}

/** A rule that held the change, in words of another generation than the one there is. */
interface Holding {
  rule: string;
  generation: number;
}

type Loss = 'deleted' | 'edited';

const LOSSES: readonly string[] = ['deleted', 'edited'] satisfies Loss[];
const UNSEEN = '/unseen';
const FLAW = 'spec';

/**
 * A policy that held this very change opens nothing by being deleted, by losing the rule that held, or by selecting the change no longer: somebody has
 * to say so, and after it went. Whoever may edit it may word a rule otherwise; what passes by that is told.
 */
export function judgeLost(input: Input): Requirement[] {
  const held = input.earlier.filter((one) => isHolding(one) || isLoss(one)).map(({ policy }) => policy);
  const ids = [...new Set(held)].filter((policy) => /^(Cluster)?ReleasePolicy\//.test(policy));
  return ids.toSorted().flatMap((policy) => judgeOne(policy, input));
}

function judgeOne(policy: string, input: Input): Requirement[] {
  const own = input.earlier.filter((one) => one.policy === policy);
  const facts = input.policies.find((one) => policyId(one) === policy);
  const holdings = holdingsOf(own, facts);
  if (facts === undefined) {
    const message = `an approval, for ${policy} held it and was deleted`;
    return [judgeLoss({ policy, generation: 0, rule: 'deleted', message }, { own, holdings, lost: holdings }, input)];
  }
  // What holds stays so until the policy can be judged by again.
  if (facts.flaw !== null) return own.filter(({ rule }) => rule !== FLAW).flatMap(carried);
  const isSelecting = input.governing.includes(facts);
  const { spec, generation } = facts;
  const isLost = ({ rule }: Holding): boolean => rule !== FLAW && !(isSelecting && hasRule(spec, rule, input.occasion));
  const lost = holdings.filter(isLost);
  const passed = holdings.filter((one) => !isLost(one) && !isHeldBy(one.rule, input.judged, policy));
  const base = { policy, generation, rule: 'edited' };
  if (lost.length > 0) {
    const rules = lost.map(({ rule }) => rule).join(', ');
    const message = `an approval, for ${policy} held it by ${rules} and was edited`;
    return [judgeLoss({ ...base, message }, { own, holdings: [...lost, ...passed], lost }, input)];
  }
  if (passed.length === 0) return [];
  const generations = [...new Set(passed.map((one) => one.generation))].join(', ');
  const message = `held by generation ${generations}, passed by generation ${generation}`;
  return [{ ...base, verdict: 'Met', message, evidence: passed.map(toldHolding) }];
}

function isHolding({ verdict, rule }: Earlier): boolean {
  return (verdict === 'Missing' || verdict === 'Denied') && !isLoss({ rule });
}

function isLoss({ rule }: Pick<Earlier, 'rule'>): boolean {
  return LOSSES.includes(rule) || LOSSES.some((loss) => rule === loss + UNSEEN);
}

/** @param facts what there is of the policy now; undefined: nothing */
function holdingsOf(own: readonly Earlier[], facts: PolicyFacts | undefined): Holding[] {
  const isOfNow = ({ generation, uid }: Earlier): boolean =>
    facts !== undefined && generation === facts.generation && (uid === undefined || uid === facts.uid);
  const direct = own
    .filter((one) => isHolding(one) && !isOfNow(one))
    .map(({ rule, generation = 0 }): Holding => ({ rule, generation }));
  const told = own
    .filter(isLoss)
    .flatMap(({ evidence = [] }) => evidence)
    .flatMap(readHolding)
    .filter(({ rule }) => !direct.some((one) => one.rule === rule));
  return [...direct, ...told];
}

function toldHolding({ rule, generation }: Holding): string {
  return `held by ${rule} of generation ${generation}`;
}

function readHolding(text: string): Holding[] {
  const [, rule, generation] = /^held by (.+) of generation (\d+)$/.exec(text) ?? [];
  return rule === undefined ? [] : [{ rule, generation: Number(generation) }];
}

function carried(one: Earlier): Requirement[] {
  if (!isHolding(one) && !isLoss(one)) return [];
  const { policy, generation = 0, rule, verdict, message = rule, evidence = [], uid } = one;
  return [{ policy, generation, rule, verdict, message, evidence, ...(uid !== undefined && { uid }) }];
}

/** Whether a policy still has a rule for changes of this cause, whatever it says. Limits and windows are one rule each. */
function hasRule(spec: PolicySpec, rule: string, occasion: Occasion): boolean {
  type Part = { name?: string; causes?: Cause[] };
  const [kind = '', ...name] = rule.split('/');
  const part = (spec as Record<string, unknown>)[kind] as Part | Part[] | undefined;
  const parts = [part ?? []].flat();
  const meant = WHOLE.has(kind) ? parts : parts.filter((one) => one.name === name.join('/'));
  return meant.some(({ causes }) => isAbout(causes, occasion));
}

/** What has no rules with names of their own. */
const WHOLE: ReadonlySet<string> = new Set(['images', 'limits', 'windows']);

function isHeldBy(rule: string, judged: readonly Requirement[], policy: string): boolean {
  const nameOf = (text: string): string => {
    const [kind = ''] = text.split('/');
    return WHOLE.has(kind) ? kind : text;
  };
  return judged.some((one) => one.policy === policy && isHolding(one) && nameOf(one.rule) === nameOf(rule));
}

function judgeLoss(
  { message, ...base }: Pick<Requirement, 'policy' | 'generation' | 'rule' | 'message'>,
  { own, holdings, lost }: { own: readonly Earlier[]; holdings: readonly Holding[]; lost: readonly Holding[] },
  { approvals, distrust }: Input,
): Requirement {
  const lines = holdings.map(toldHolding);
  const before = lastLoss(own, lost);
  const isTold = ({ name }: ApprovalFacts): boolean =>
    before?.evidence?.some((text) => text.startsWith(`Approval/${name} by `)) === true;
  // What is told of one that waits are the approvals that were there already; of one that was let go, the one that did it.
  const isLettingGo = (one: ApprovalFacts): boolean =>
    isConsent(one) && before !== undefined && isTold(one) === (before.verdict === 'Met');
  const approval = approvals.find(isLettingGo);
  if (approval !== undefined)
    return { ...base, verdict: 'Met', message: 'let go by an approval', evidence: [evidenceOf(approval), ...lines] };
  // Which approvals were there already cannot be told yet.
  if (before === undefined && distrust !== null)
    return { ...base, rule: base.rule + UNSEEN, verdict: 'Missing', message, evidence: lines };
  const there = before?.verdict === 'Missing' ? (before.evidence ?? []) : approvals.map(evidenceOf);
  const evidence = [...there.filter((text) => readHolding(text).length === 0), ...lines];
  return { ...base, verdict: 'Missing', message, evidence };
}

/** What was found of a loss before; undefined where less was lost then. */
function lastLoss(own: readonly Earlier[], lost: readonly Holding[]): Earlier | undefined {
  const before = own.find(({ rule }) => LOSSES.includes(rule));
  const told = (before?.evidence ?? []).flatMap(readHolding).map(({ rule }) => rule);
  return lost.every(({ rule }) => told.includes(rule)) ? before : undefined;
}
