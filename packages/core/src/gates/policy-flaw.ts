import {
  asPlumbError,
  checkClusterReleasePolicy,
  checkLockdown,
  checkReleasePolicy,
  parseDuration,
  unknownGateField,
  type KubeObject,
  type ApprovalRule,
  type ImageRule,
  type PolicySpec,
  type ReviewRule,
} from '@plumb/api';
import { externalProblem } from './external-problem.ts';
import type { LockdownFacts, PolicyFacts } from './facts.ts';
import { forbiddenProblem } from './forbidden.ts';
import { signersProblem } from './image-signers.ts';
import { selectionProblem } from './select.ts';
import { windowProblem } from './window.ts';

/** A policy as it is judged by. One that cannot be read says why, and holds what it selects; where not even that can be read, all. */
export function policyFacts(object: KubeObject): PolicyFacts {
  const kind = object.kind === 'ReleasePolicy' ? 'ReleasePolicy' : 'ClusterReleasePolicy';
  const { name, namespace = '', generation = 0, uid } = object.metadata;
  const checked = kind === 'ReleasePolicy' ? checkReleasePolicy(object) : checkClusterReleasePolicy(object);
  const base = { kind, namespace, name, generation, ...(uid !== undefined && { uid }) } as const;
  if (!checked.ok) return { ...base, spec: {}, flaw: told(checked.problems) };
  const spec: PolicySpec = checked.value.spec;
  return { ...base, spec, flaw: notKnown(object) ?? specProblem(spec, namespace) };
}

/** A lockdown as it is judged by. One that cannot be read says why, and stops what it selects; where not even that can be read, all. */
export function lockdownFacts(object: KubeObject): LockdownFacts {
  const { name, generation = 0, creationTimestamp = '' } = object.metadata;
  const checked = checkLockdown(object);
  const at = Date.parse(creationTimestamp);
  if (!checked.ok)
    return { name, at, generation, spec: { reason: '', by: '', until: '' }, flaw: told(checked.problems) };
  const { spec } = checked.value;
  const { select, until, approvals = [], checks = [], identitiesRef } = spec;
  const problems = [
    notKnown(object),
    select === undefined ? null : selectionProblem(select),
    Number.isNaN(Date.parse(until)) ? `until: ${until} is no time, as 2026-11-03T12:00:00Z` : null,
    ...[approvals, checks].map(twiceNamed),
    identitiesRef !== undefined && identitiesRef.namespace === undefined ? 'identitiesRef.namespace is required' : null,
    ...expiryProblems(approvals),
    ...elsewhereProblems(approvals, true),
  ];
  return { name, at, generation, spec, flaw: problems.find((problem) => problem !== null) ?? null };
}

function notKnown(object: KubeObject): string | null {
  const field = unknownGateField(object);
  return field === null ? null : `${field} is not known to this version`;
}

function told(problems: readonly { path: string; message: string }[]): string {
  return problems.map(({ path, message }) => `${path} ${message}`).join('; ');
}

/** What the schema cannot say. */
function specProblem(spec: PolicySpec, namespace: string): string | null {
  const {
    select,
    windows = [],
    forbid = [],
    approvals = [],
    checks = [],
    identitiesRef,
    breakGlass,
    external = [],
    images,
  } = spec;
  const problems = [
    select === undefined ? null : selectionProblem(select),
    ...windows.map((window, index) => prefixed(`windows[${index}]`, windowProblem(window))),
    ...forbid.map((rule, index) => prefixed(`forbid[${index}]`, forbiddenProblem(rule.pattern))),
    ...external.map((rule, index) => prefixed(`external[${index}]`, externalProblem(rule, namespace))),
    ...[approvals, checks, forbid, external].map(twiceNamed),
    identitiesRef !== undefined && namespace === '' && identitiesRef.namespace === undefined
      ? 'identitiesRef.namespace is required'
      : null,
    ...expiryProblems(approvals),
    ...elsewhereProblems(approvals, namespace === ''),
    noTime('breakGlass.expiry', breakGlass?.expiry),
    ...imageProblems(images, namespace),
  ];
  return problems.find((problem) => problem !== null) ?? null;
}

function imageProblems(images: ImageRule | undefined, namespace: string): (string | null)[] {
  if (images === undefined) return [];
  const { signatures, vulnerabilities, pullSecretRefs = [], fields = [] } = images;
  const { signedBy } = vulnerabilities ?? {};
  const references = [signatures, signedBy].flatMap((signers) => [
    ...(signers?.keys ?? []).map(({ secretRef }) => secretRef),
    signers?.trustedRootRef,
  ]);
  const isLost = [...references, ...pullSecretRefs].some((one) => one !== undefined && one.namespace === undefined);
  return [
    signatures === undefined ? null : signersProblem('images.signatures', signatures),
    signedBy === undefined ? null : signersProblem('images.vulnerabilities.signedBy', signedBy),
    vulnerabilities !== undefined && (signedBy ?? signatures) === undefined
      ? 'images.vulnerabilities needs signedBy, or images.signatures: a report that nobody signed is worth nothing'
      : null,
    noTime('images.vulnerabilities.maxAge', vulnerabilities?.maxAge),
    // What it names would be told, to whoever may look at a Change.
    fields.some(({ group, kind }) => kind === 'Secret' && group === undefined)
      ? 'images.fields: a Secret names no images'
      : null,
    namespace === '' && isLost ? 'images: each Secret and ConfigMap that is named needs its namespace' : null,
  ];
}

function prefixed(path: string, problem: string | null): string | null {
  return problem === null ? null : `${path}: ${problem}`;
}

function expiryProblems(approvals: readonly ApprovalRule[]): (string | null)[] {
  return approvals.map(({ expiry }, index) => noTime(`approvals[${index}].expiry`, expiry));
}

function elsewhereProblems(approvals: readonly ApprovalRule[], isAbove: boolean): (string | null)[] {
  return approvals.flatMap((rule, index) => [
    prefixed(`approvals[${index}].reviews`, reviewProblem(rule, isAbove)),
    isAbove && rule.signed !== undefined && rule.signed.signersRef.namespace === undefined
      ? `approvals[${index}].signed: signersRef.namespace is required`
      : null,
  ]);
}

/** Who may review must not be up to whoever is reviewed. */
function reviewProblem({ reviews, users = [], groups = [] }: ApprovalRule, isAbove: boolean): string | null {
  if (reviews === undefined) return null;
  const { provider, repository, secretRef, reviewers = [] } = reviews;
  const problem = placeProblem(reviews);
  if (problem !== null) return problem;
  if (isAbove && secretRef.namespace === undefined) return 'secretRef.namespace is required';
  if (reviewers.length > 0) return null;
  if (provider === 'Bitbucket') return 'reviewers are required for Bitbucket, which does not tell who may write';
  if (users.length + groups.length > 0)
    return 'reviewers are required where users or groups are named: a forge does not know who they are';
  if (isAbove && repository === undefined)
    return 'repository or reviewers are required: who may write to a repository that a unit names is up to whoever owns it';
  return null;
}

function placeProblem({ provider, url, repository = '' }: ReviewRule): string | null {
  if (url === undefined && provider === 'Gitea') return 'url is required for Gitea';
  if (url !== undefined && !isSafeAddress(url))
    return `url: ${url} is no address with https (http is for this machine alone)`;
  const isRelative = repository.split('/').some((part) => part === '.' || part === '..');
  return isRelative ? `repository: ${repository} is no name of a repository, as shop/apps` : null;
}

/** A token goes there. */
function isSafeAddress(address: string): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname))
  );
}

function noTime(path: string, duration: string | undefined): string | null {
  if (duration === undefined) return null;
  try {
    return parseDuration(duration) > 0 ? null : `${path} must be longer than ${duration}`;
  } catch (error) {
    return `${path}: ${asPlumbError(error).message}`;
  }
}

function twiceNamed(rules: readonly { name: string }[]): string | null {
  const names = rules.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? null : `the name ${twice} is given to two rules`;
}
