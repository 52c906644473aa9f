import type { Content } from '@plumb/agent';
import { displayKey, type ApprovalRule, type LockdownCheck, type PolicySpec } from '@plumb/api';
import { isAbout, whenRule, type ChangeFacts, type Findings, type Requirement } from '@plumb/core';

/**
 * What came of one rule: `passes`, `denied`, `warned` (told only), `waits` (for people or time), `failed` (it could not be judged, and holds), `unknown` (it
 * cannot be judged here).
 */
export type RuleOutcome = 'passes' | 'denied' | 'warned' | 'waits' | 'failed' | 'unknown';

export interface RuleVerdict {
  policy: string;
  rule: string;
  outcome: RuleOutcome;
  message: string;
  /** Each thing that breaks it, with the file or template that it comes from; empty for what is of none. */
  places: { path: string; message: string }[];
}

/** Rules that are judged without anybody or anything else. */
const OF_CONTENT = /^(?:checks\/|forbid\/|images$|spec$)/;
/** Of these, those that look into the objects. */
const READS_OBJECTS = /^(?:checks\/|forbid\/|images$)/;
/** Rules that wait for people or time. */
const OF_PEOPLE = /^(?:approvals\/|limits\/|windows\b|freeze$|rejected\/|admission$)/;

/** A policy or lockdown. */
export interface Ruling {
  /** As requirements name it. */
  id: string;
  spec: Pick<PolicySpec, 'select' | 'approvals'> & { checks?: LockdownCheck[] };
  flaw: string | null;
}

/** What verdicts are told by. */
export interface Judged {
  change: ChangeFacts;
  /** Those that govern the change. */
  ruling: readonly Ruling[];
  /** As `judgeChange` was given it. */
  found: (policy: string, rule: string) => Findings | undefined;
  contents: readonly Content[];
  /** Whether it is known if the revision is signed. */
  knowsSigned: boolean;
  gaps: Gaps;
}

/** What is not known of the objects of a change, each in words; empty for nothing. */
export interface Gaps {
  /** Of which there are. */
  list: string;
  /** Of what is to be. */
  objects: string;
  /** Of what was there before. */
  before: string;
}

export const NO_GAPS: Gaps = { list: '', objects: '', before: '' };

/** The verdicts on a change, told without what only a cluster knows. */
export function ruleVerdicts(requirements: readonly Requirement[], judged: Judged): RuleVerdict[] {
  const { ruling } = judged;
  const byId = new Map(ruling.map((one) => [one.id, one]));
  const told = requirements.map((requirement): RuleVerdict => {
    const { policy, rule, message } = requirement;
    const facts = byId.get(policy);
    const why = facts === undefined ? null : notJudged(requirement, facts, judged);
    if (why !== null) return unknown(policy, rule, why);
    return { policy, rule, outcome: outcomeOf(requirement, judged), message, places: placesOf(requirement, judged) };
  });
  const isTold = (policy: string, rule: string): boolean =>
    told.some((one) => one.policy === policy && one.rule === rule);
  return [...told, ...ruling.flatMap((facts) => perhapsAsked(facts, judged, isTold))];
}

/** The verdicts on a change as a cluster came to them, which knew all that it asked. */
export function knownVerdicts(
  requirements: readonly Requirement[],
  judged: Pick<Judged, 'found' | 'contents'>,
): RuleVerdict[] {
  return requirements.map((requirement) => {
    const { policy, rule, message } = requirement;
    return { policy, rule, outcome: outcomeOf(requirement, judged), message, places: placesOf(requirement, judged) };
  });
}

/** What rules over the content say begins with the object that they say it of. */
function placesOf(
  { policy, rule }: Requirement,
  { found, contents }: Pick<Judged, 'found' | 'contents'>,
): RuleVerdict['places'] {
  const finding = found(policy, rule);
  if (finding === undefined || !('broken' in finding)) return [];
  return finding.broken.map((message) => {
    const of = contents.find(({ key }) => [':', ' from '].some((next) => message.startsWith(displayKey(key) + next)));
    return { path: of?.path ?? '', message };
  });
}

function unknown(policy: string, rule: string, why: string): RuleVerdict {
  return { policy, rule, outcome: 'unknown', message: why, places: [] };
}

/** Approvals that are not asked for only because something is not known here. */
function perhapsAsked(facts: Ruling, judged: Judged, isTold: (policy: string, rule: string) => boolean): RuleVerdict[] {
  const policy = facts.id;
  const rules = (facts.spec.approvals ?? []).filter(({ causes }) =>
    isAbout(causes, { cause: judged.change.cause, isEmergency: false }),
  );
  return rules.flatMap(({ name, when = '' }) => {
    const rule = `approvals/${name}`;
    const why = facts.flaw === null && !isTold(policy, rule) ? unknownIn(when, judged) : null;
    return why !== null && (ASKS_WHETHER.test(when) || VERIFIED.test(when)) ? [unknown(policy, rule, why)] : [];
  });
}

function outcomeOf({ policy, rule, verdict }: Requirement, { found }: Pick<Judged, 'found'>): RuleOutcome {
  const condition = found(policy, `${rule}/when`);
  if (verdict === 'Missing' && condition !== undefined && 'trouble' in condition) return 'failed';
  switch (verdict) {
    case 'Met':
    case 'Overridden':
      return 'passes';
    case 'Denied':
      return 'denied';
    case 'Warned':
      return 'warned';
    case 'Missing':
      return OF_CONTENT.test(rule) ? 'failed' : 'waits';
  }
}

/** Why a rule cannot be judged here; null where it can. */
function notJudged({ policy, rule, verdict, message }: Requirement, facts: Ruling, judged: Judged): string | null {
  const { change, found } = judged;
  if (!OF_CONTENT.test(rule) && !OF_PEOPLE.test(rule)) return verdict === 'Missing' ? message : null;
  if (verdict !== 'Met' && facts.spec.select?.namespaceSelector !== undefined && change.namespaceLabels === null)
    return `whether ${policy} is about this unit depends on the labels of namespace ${change.unit.namespace}, which nothing here declares; if it is: ${message}`;
  const expression = expressionOf(facts, rule);
  const gap = verdict === 'Met' ? gapIn(rule, expression, judged.gaps) : '';
  if (gap !== '') return gap;
  return expression === null ? null : unsettledBy(expression, found(policy, expression.rule), judged);
}

/** What an expression asks for that is not known, where that may have to do with what came of it. */
function unsettledBy({ text }: Expression, finding: Findings | undefined, judged: Judged): string | null {
  const what = unknownIn(text, judged);
  if (what === null) return null;
  const isTrouble = finding !== undefined && 'trouble' in finding;
  return isTrouble || ASKS_WHETHER.test(text) || VERIFIED.test(text) ? what : null;
}

/** One that asks whether something is there holds, or does not, also for want of it only. */
const ASKS_WHETHER = /\bhas\s*\(|\.\?|\[\?|\bin\b/;

/** What is told of it here is a guess, whatever comes of it. */
const VERIFIED = /\bsource\.(?:verified|signer)\b/;

interface Expression {
  /** Under which its finding is kept. */
  rule: string;
  text: string;
  isOverChange: boolean;
}

function expressionOf({ spec }: Ruling, rule: string): Expression | null {
  const check = (spec.checks ?? []).find((one: LockdownCheck) => rule === `checks/${one.name}`);
  if (check !== undefined) return { rule, text: check.expression, isOverChange: check.over === 'Change' };
  const approval = (spec.approvals ?? []).find((one: ApprovalRule) => rule === `approvals/${one.name}`);
  return approval?.when === undefined ? null : { rule: whenRule(approval), text: approval.when, isOverChange: true };
}

/** Of a rule that holds for all that is known, what is not. */
function gapIn(rule: string, expression: Expression | null, { list, objects, before }: Gaps): string {
  if (!READS_OBJECTS.test(rule)) return '';
  if (expression?.isOverChange === true) return list;
  if (objects !== '') return objects;
  return expression !== null && /\boldObject\b/.test(expression.text) ? before : '';
}

/** What an expression asks for that is not known of this change. */
function unknownIn(expression: string, { change, knowsSigned }: Judged): string | null {
  const { authors, namespaceLabels, unit } = change;
  if (!knowsSigned && VERIFIED.test(expression))
    return 'whether the revision is signed as its source asks is not looked at';
  if ('unknown' in authors && /\bsource\.(?:authors|message)\b/.test(expression))
    return `whose work it is cannot be told: ${authors.unknown}`;
  if (namespaceLabels === null && /\bunit\.namespaceLabels\b/.test(expression))
    return `the labels of namespace ${unit.namespace} are not known`;
  return null;
}
