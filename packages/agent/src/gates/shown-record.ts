import type { ChangePlan } from '@plumb/api';
import type { Elsewhere, Findings, GateRecord, LockdownFacts, PolicyFacts, SignedAs } from '@plumb/core';
import { hidingSecrets } from '../delivery/hide-secrets.ts';

type Hide = (text: string) => string;

/**
 * What a verdict was made from, as it may be shown (I8): what was found and said is told without these texts, as the requirements of the Change are. What decides is left as it is: names of people
 * and of rules, and how many texts there are.
 */
export function shownRecord(record: GateRecord, secrets: readonly string[]): Pick<Required<ChangePlan>, 'judged'> {
  const hide = hidingSecrets(secrets);
  const or = (text: string | null): string | null => (text === null ? null : hide(text));
  const shown: GateRecord = {
    ...record,
    policies: record.policies.map((policy) => shownPolicy(policy, or)),
    lockdowns: record.lockdowns.map((lockdown) => shownLockdown(lockdown, hide)),
    approvals: record.approvals.map((one) => ({ ...one, override: or(one.override) })),
    distrust: or(record.distrust),
    findings: record.findings.map((one) => ({ ...one, told: shownFindings(one.told, hide) })),
    endorsements: record.endorsements.map((one) => ({ ...one, told: shownElsewhere(one.told, hide) })),
    clockTrouble: or(record.clockTrouble),
  };
  return { judged: shown as unknown as NonNullable<ChangePlan['judged']> };
}

/** Of one that cannot be judged by only what it selects counts. An address tells of another system by its host; what is behind that may be a key to it. */
function shownPolicy({ spec, flaw, ...policy }: PolicyFacts, or: (text: string | null) => string | null): PolicyFacts {
  const { select, external } = spec;
  if (flaw !== null) return { ...policy, spec: select === undefined ? {} : { select }, flaw: or(flaw) };
  if (external === undefined) return { ...policy, spec, flaw };
  const rules = external.map((rule) => ({
    ...rule,
    ...(rule.jira && { jira: withoutPath(rule.jira) }),
    ...(rule.serviceNow && { serviceNow: withoutPath(rule.serviceNow) }),
    ...(rule.webhook && { webhook: withoutPath(rule.webhook) }),
  }));
  return { ...policy, spec: { ...spec, external: rules }, flaw };
}

function withoutPath<System extends { url: string }>(system: System): System {
  return { ...system, url: URL.parse(system.url)?.origin ?? '' };
}

function shownLockdown({ spec, flaw, ...lockdown }: LockdownFacts, hide: Hide): LockdownFacts {
  const reason = typeof spec.reason === 'string' ? hide(spec.reason) : spec.reason;
  return { ...lockdown, spec: { ...spec, reason }, flaw: flaw === null ? null : hide(flaw) };
}

function shownFindings(found: Findings, hide: Hide): Findings {
  if ('trouble' in found) return { trouble: hide(found.trouble) };
  if ('waits' in found) return { waits: hide(found.waits) };
  const { broken, evidence, during } = found;
  return {
    broken: broken.map(hide),
    ...(evidence !== undefined && { evidence: evidence.map(hide) }),
    ...(during !== undefined && { during: { ...during, of: hide(during.of) } }),
  };
}

function shownElsewhere({ reviews, signed }: Elsewhere, hide: Hide): Elsewhere {
  return {
    ...(reviews !== undefined && { reviews: shownReviews(reviews, hide) }),
    ...(signed !== undefined && { signed: shownSigned(signed, hide) }),
  };
}

function shownReviews(reviews: NonNullable<Elsewhere['reviews']>, hide: Hide): NonNullable<Elsewhere['reviews']> {
  if ('trouble' in reviews) return { trouble: hide(reviews.trouble) };
  const parts = reviews.parts.map(({ wanted, by, notes }) => ({
    wanted: hide(wanted),
    by: by.map((one) => ({ ...one, evidence: hide(one.evidence) })),
    ...(notes !== undefined && { notes: notes.map(hide) }),
  }));
  return { parts };
}

function shownSigned(signed: NonNullable<Elsewhere['signed']>, hide: Hide): NonNullable<Elsewhere['signed']> {
  if ('trouble' in signed) return { trouble: hide(signed.trouble) };
  const { tags, head } = signed;
  return {
    ...signed,
    tags: tags.map((tag) => ({ ...tag, signed: shownSignature(tag.signed, hide) })),
    head: head === null ? null : { ...head, signed: shownSignature(head.signed, hide) },
  };
}

function shownSignature(signed: SignedAs, hide: Hide): SignedAs {
  return 'problem' in signed ? { problem: hide(signed.problem) } : signed;
}
