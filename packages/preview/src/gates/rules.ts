import type {
  ApprovalRule,
  ExternalRule,
  ImageRule,
  LimitRule,
  LockdownSpec,
  PolicyCheck,
  PolicySpec,
  PolicyWindow,
  Selection,
  SignedRule,
} from '@plumb/api';
import { describePeople, describeWindow, externalName, signersText, systemOf } from '@plumb/core';

/** A rule as it is declared, in words. */
export interface Rule {
  /** As requirements name it: `approvals/two`. */
  name: string;
  text: string;
}

/** Every rule of a policy, in the order in which they are judged. */
export function rulesOf({
  checks = [],
  forbid = [],
  images,
  limits,
  approvals = [],
  external = [],
  windows = [],
}: PolicySpec): Rule[] {
  return [
    ...checks.map((check) => ({ name: `checks/${check.name}`, text: checkText(check) })),
    ...forbid.map(({ name, pattern, action, causes }) => ({
      name: `forbid/${name}`,
      text: sentence([`no object holds /${pattern}/`, warns(action), on(causes)]),
    })),
    ...imageTexts(images),
    ...(limits === undefined ? [] : [{ name: 'limits', text: limitText(limits) }]),
    ...approvals.map((rule) => ({ name: `approvals/${rule.name}`, text: approvalText(rule) })),
    ...external.map((rule) => ({ name: externalName(rule), text: externalText(rule) })),
    ...(windows.length === 0 ? [] : [{ name: 'windows', text: windows.map(windowText).join('; ') }]),
  ];
}

function checkText({ expression, over, action, causes }: PolicyCheck): string {
  return sentence([`${over === 'Change' ? 'the change' : 'each object'}: ${expression}`, warns(action), on(causes)]);
}

function imageTexts(images: ImageRule | undefined): Rule[] {
  if (images === undefined) return [];
  const { registries, digests, signatures, vulnerabilities, action, causes } = images;
  const end = [warns(action), on(causes)];
  const from = registries === undefined ? '' : `only from ${registries.join(', ')}`;
  const rules = [{ name: 'images', text: sentence([from, digests === true ? 'by digest' : '', ...end]) }];
  if (signatures !== undefined) {
    const text = sentence([`every image is signed by ${signersText(signatures)}`, ...end]);
    rules.push({ name: 'images/signatures', text });
  }
  if (vulnerabilities !== undefined) {
    const { maxAge, maxSeverity, signedBy = signatures ?? {} } = vulnerabilities;
    const report = `every image has a vulnerability report by ${signersText(signedBy)}`;
    const text = sentence([report, `no older than ${maxAge}`, `with nothing above ${maxSeverity}`, ...end]);
    rules.push({ name: 'images/vulnerabilities', text });
  }
  return rules;
}

function approvalText(rule: ApprovalRule): string {
  const { count, notAuthor, when, expiry, causes, reviews, signed } = rule;
  return sentence([
    `${count} approval${count === 1 ? '' : 's'} by ${describePeople(rule)}`,
    reviews === undefined ? '' : `or as many reviews at ${reviews.provider}${byReviewers(reviews.reviewers)}`,
    signed === undefined ? '' : `or as many signed in Git${signedText(signed)}`,
    notAuthor === true ? 'none of them by an author' : '',
    when === undefined ? '' : `where ${when}`,
    expiry === undefined ? '' : `each good for ${expiry}`,
    on(causes),
  ]);
}

function externalText(rule: ExternalRule): string {
  const { jira, serviceNow, webhook, causes } = rule;
  const system = systemOf(rule);
  const statuses = [...(jira?.statuses ?? []), ...(jira?.statusCategories ?? []).map((one) => `in category ${one}`)];
  const states = serviceNow?.states ?? ['implement'];
  return sentence([
    jira === undefined ? '' : `the issue of ${system} is ${statuses.join(' or ')}`,
    serviceNow === undefined ? '' : `the change request of ${system} is approved, in state ${states.join(' or ')}`,
    serviceNow === undefined ? '' : 'and it is its time',
    webhook === undefined ? '' : `${system} answers so that ${webhook.expression}`,
    on(causes),
  ]);
}

function signedText({ tags, trailer, signersRef }: SignedRule): string {
  const by = [tags === undefined ? [] : `a tag ${tags}`, trailer === undefined ? [] : `a trailer ${trailer}`].flat();
  return ` by ${by.join(' or ')} of somebody in ${signersRef.kind ?? 'ConfigMap'} ${signersRef.name}`;
}

function byReviewers(reviewers: readonly string[] = []): string {
  return reviewers.length === 0 ? '' : ` by ${reviewers.join(' or ')}`;
}

function windowText(window: PolicyWindow): string {
  const { type, name, who, exceptDates = [], causes } = window;
  const days = exceptDates.length === 0 ? '' : `but not on ${exceptDates.join(', ')}`;
  const meant = type === 'Allow' ? 'only for' : 'but not for';
  return sentence([
    `${type} ${describeWindow(window)}${name === undefined ? '' : ` (${name})`}`,
    days,
    who === undefined ? '' : `${meant} ${describePeople(who)}`,
    on(causes),
  ]);
}

function limitText({
  defaults,
  maxDeletes,
  maxDeletePercent,
  protected: guarded,
  approvers,
  causes,
}: LimitRule): string {
  const kinds = (guarded ?? []).map(({ kind, namespace, name }) => [kind, namespace, name].filter(Boolean).join('/'));
  return sentence([
    defaults === 'Off' ? 'takes the default limits away' : '',
    maxDeletes === undefined ? '' : `at most ${maxDeletes} deletion${maxDeletes === 1 ? '' : 's'}`,
    maxDeletePercent === undefined ? '' : `at most ${maxDeletePercent} percent deleted`,
    kinds.length === 0 ? '' : `no deletion of ${kinds.join(', ')}`,
    approvers === undefined ? '' : `more by an approval of ${describePeople(approvers)}`,
    on(causes),
  ]);
}

/** What a selection chooses, in words: `all Kustomizations named web-* in namespace shop`. */
export function selectionText(selection: Selection | undefined): string {
  const { kinds, names, namespaces, labelSelector, namespaceSelector, sources, clusters, touches } = selection ?? {};
  const what = kinds === undefined || kinds.length !== 1 ? 'all units' : `all ${kinds[0]}s`;
  const from = (sources ?? []).map(({ kind = 'source', namespace, name = '*' }) =>
    [kind, namespace, name].filter((part) => part !== undefined).join('/'),
  );
  const chosen = [
    what,
    names === undefined ? '' : `named ${names.join(' or ')}`,
    namespaces === undefined ? '' : `in namespace ${namespaces.join(' or ')}`,
    labelSelector === undefined ? '' : `with labels ${labelSelector}`,
    namespaceSelector === undefined ? '' : `in namespaces with labels ${namespaceSelector}`,
    from.length === 0 ? '' : `from ${from.join(' or ')}`,
    clusters === undefined ? '' : `for cluster ${clusters.join(' or ')}`,
  ].filter((part) => part !== '');
  return sentence([chosen.join(' '), ...touchesText(touches)]);
}

function touchesText({ kinds, namespaces, deletes }: NonNullable<Selection['touches']> = {}): string[] {
  return [
    kinds === undefined ? '' : `changes that touch ${kinds.join(' or ')}`,
    namespaces === undefined ? '' : `changes in namespace ${namespaces.join(' or ')}`,
    deletes === undefined ? '' : deletes ? 'changes that delete something' : 'changes that delete nothing',
  ];
}

/** What a lockdown is about, in words. */
export function lockdownSubject({ select, causes }: Pick<LockdownSpec, 'select' | 'causes'>): string {
  return sentence([selectionText(select), on(causes)]);
}

/** The same, and what lets a change pass in spite of it. */
export function lockdownText(spec: LockdownSpec): string {
  const { approvals = [], checks = [] } = spec;
  const needs = [
    ...approvals.map(approvalText),
    ...checks.map((check) => `${check.name} holding of ${checkText(check)}`),
  ];
  const about = lockdownSubject(spec);
  return needs.length === 0 ? about : `${about}; passing only with ${needs.join('; and with ')}`;
}

/** Every rule of a lockdown, in the order in which they are judged. Where none of them is about a change, that stands still. */
export function lockdownRulesOf(spec: LockdownSpec): Rule[] {
  const { approvals = [], checks = [] } = spec;
  if (approvals.length + checks.length === 0) return [{ name: 'freeze', text: lockdownSubject(spec) }];
  return [
    ...checks.map((check) => ({ name: `checks/${check.name}`, text: checkText(check) })),
    ...approvals.map((rule) => ({ name: `approvals/${rule.name}`, text: approvalText(rule) })),
  ];
}

/** What kind of a lockdown it is, in words. */
export function lockdownKind({ approvals = [], checks = [] }: Pick<LockdownSpec, 'approvals' | 'checks'>): string {
  if (approvals.length === 0) return checks.length === 0 ? 'freeze' : 'checks';
  return checks.length === 0 ? 'approvals' : 'approvals, checks';
}

function on(causes: readonly string[] | undefined): string {
  return causes === undefined ? '' : `for ${causes.join(', ')} only`;
}

function warns(action: 'Deny' | 'Warn' | undefined): string {
  return action === 'Warn' ? 'told only' : '';
}

function sentence(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}
