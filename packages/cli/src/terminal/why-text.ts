import type { Approval, Change, ChangeRequirement } from '@plumb/api';
import { lockdownKind, lockdownSubject, type RuleStanding, type Why } from '@plumb/preview';
import { ago, verdictLines } from './change-text.ts';
import type { Paint } from './paint.ts';
import { visible } from './visible.ts';
import { shortRevision } from './words.ts';

const STATES: Readonly<Record<Why['state'], string>> = {
  held: 'is held',
  suspended: 'is suspended: nothing is applied, whatever gates say',
  ready: 'is not held: it is ready',
  working: 'is not held: it is being worked on',
  failed: 'is not held by a gate: it failed',
  new: 'is not held: no agent has said anything of it yet',
};

/** Why a unit is held, or that it is not: what it says itself, then every rule with its verdict and what that is made from. */
export function whyText(why: Why, now: number, paint: Paint): string {
  const { unit, changes, policies, others, lockdowns } = why;
  const title = `${unit.kind} ${unit.namespace}/${unit.name} ${STATES[why.state]}`;
  const lines = [
    paint('bold', `${visible(title)}${why.since === null ? '' : `, since ${why.since} (${ago(why.since, now)})`}`),
    ...(why.message === '' ? [] : [`  ${visible(why.message)}`]),
    ...(why.applied === '' ? [] : [`  runs ${visible(shortRevision(why.applied))}`]),
    ...changes.flatMap((change) => changeLines(change, why.approvals, now)),
    ...lockdownLines(lockdowns, changes.length > 0, now, paint),
    ...(why.gated
      ? policyLines(policies, changes.length > 0, now, paint)
      : ['the cluster serves no gates: nothing can hold it']),
    ...otherLines(others, now, paint),
  ];
  return `${lines.join('\n')}\n`;
}

function changeLines(change: Change, approvals: Why['approvals'], now: number): string[] {
  const { metadata, spec, status } = change;
  const { create = 0, change: changed = 0, delete: gone = 0 } = status?.counts ?? {};
  const wrote = spec.authors.map(({ name, email }) => `${name} <${email}>`).join(', ');
  const facts = [
    `change ${metadata.name}, ${status?.phase ?? 'not judged yet'}, made ${ago(metadata.creationTimestamp ?? '', now)}`,
    `  ${spec.cause} to ${shortRevision(spec.revision)}: ${create} created, ${changed} changed, ${gone} deleted`,
    `  authors: ${wrote || 'not known'}`,
    ...approvalLines(change, approvals, now).map((line) => `  ${line}`),
  ];
  return facts.map((line) => `  ${visible(line)}`);
}

function approvalLines({ metadata, spec }: Change, approvals: Why['approvals'], now: number): string[] {
  if ('trouble' in approvals) return [`who approved it is not known: ${approvals.trouble}`];
  const own = approvals.filter(({ spec: about }) => about.change === metadata.name);
  if (own.length === 0) return ['nobody has approved or rejected it'];
  return own.map((one) => approvalText(one, spec.digest, now));
}

function approvalText({ metadata, spec }: Approval, digest: string, now: number): string {
  const { by, groups = [], decision, comment, override } = spec;
  const groupText = groups.length === 0 ? '' : ` (${groups.join(', ')})`;
  return [
    `${decision === 'Approve' ? 'approved' : 'rejected'} by ${by}${groupText} ${ago(metadata.creationTimestamp ?? '', now)}`,
    override === undefined ? '' : `overriding: ${override.reason}`,
    comment ?? '',
    spec.digest === digest ? '' : 'for another digest, so that it does not count',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function policyLines(policies: Why['policies'], isOpen: boolean, now: number, paint: Paint): string[] {
  if ('trouble' in policies) return [`what policies say is not known: ${visible(policies.trouble)}`];
  if (policies.length === 0) return ['no policy selects it: only the default limits hold'];
  return policies.flatMap((policy) => [
    paint('bold', visible(policy.policy)),
    ...(policy.maybe ? ['  governs only changes that touch what it names'] : []),
    ...(policy.flaw === null ? [] : [`  invalid, and holds all that it selects: ${visible(policy.flaw)}`]),
    ...ruleLines(policy.rules, isOpen, now, paint),
  ]);
}

function ruleLines(rules: readonly RuleStanding[], isOpen: boolean, now: number, paint: Paint): string[] {
  return rules.flatMap(({ name, text, verdicts }) => [
    `  ${visible(name)}${text === '' ? '' : `: ${visible(text)}`}`,
    ...verdicts.flatMap((one) => verdictLines(one, now, paint)),
    ...(isOpen && verdicts.length === 0 ? [`    ${paint('dim', 'asks nothing of this change')}`] : []),
  ]);
}

function otherLines(others: readonly ChangeRequirement[], now: number, paint: Paint): string[] {
  return others.flatMap((one) => [
    paint('bold', visible(`${one.policy}: ${one.rule}`)),
    ...verdictLines(one, now, paint),
  ]);
}

function lockdownLines(lockdowns: Why['lockdowns'], isOpen: boolean, now: number, paint: Paint): string[] {
  if ('trouble' in lockdowns) return [`which lockdowns are in force is not known: ${visible(lockdowns.trouble)}`];
  return lockdowns.flatMap(({ lockdown: { metadata, spec }, flaw, rules }) =>
    flaw === null
      ? [
          paint('red', visible(`Lockdown/${metadata.name} by ${spec.by} until ${spec.until}: ${spec.reason}`)),
          // A freeze is one rule, and says itself what it is about.
          ...(lockdownKind(spec) === 'freeze' ? [] : [visible(`  about ${lockdownSubject(spec)}`)]),
          ...ruleLines(rules, isOpen, now, paint),
        ]
      : [
          paint('red', visible(`Lockdown/${metadata.name}`)),
          `  stops all it selects, for it cannot be read: ${visible(flaw)}`,
          ...ruleLines(rules, isOpen, now, paint),
        ],
  );
}
