import { formatTime, type ApprovalRule, type LockdownCheck, type PolicyWindow } from '@plumb/api';
import type { Cause } from '../plan.ts';
import { isConsent, judgeApprovals, ofOthers, overrideOf } from './approvals.ts';
import { isAbout, isGoverned, isKept, namesEmergency, type Occasion } from './causes.ts';
import { evidenceOf, type ApprovalInput } from './counting.ts';
import type {
  ApprovalFacts,
  ChangeFacts,
  Endorsements,
  Findings,
  Identity,
  LockdownFacts,
  PolicyFacts,
  Requirement,
} from './facts.ts';
import { policyId } from './facts.ts';
import { imageRules } from './images.ts';
import { beyondLimits, DEFAULT_LIMITS } from './limits.ts';
import { judgeLost, type Earlier } from './lost.ts';
import { describePeople, isOneOf } from './people.ts';
import { governs, isCertain } from './select.ts';
import { describeWindow } from './describe-window.ts';
import { judgeExternal } from './judge-external.ts';
import { judgeWindows } from './judge-windows.ts';
import { compileWindow, type Window } from './window.ts';

/** All that a verdict is made from: the same input, the same verdict. */
export interface GateInput {
  change: ChangeFacts;
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  /** Approvals of any change; only those of this digest count. */
  approvals: readonly ApprovalFacts[];
  /** Why no approval can be believed; null when they can. Rejections always are. */
  distrust: string | null;
  /** The mapping of authors to users that a ConfigMap holds; null where it cannot be read. */
  identities: (reference: { namespace: string; name: string }) => readonly Identity[] | null;
  /** What rules over the content found, by policy and rule; undefined where they were not evaluated. */
  findings: (policy: string, rule: string) => Findings | undefined;
  /** What was said of the change elsewhere, by policy and rule of approvals; undefined where the rule asks nobody there. */
  endorsements: (policy: string, rule: string) => Endorsements | undefined;
  /** What was found of this very change before, as its record has it. */
  earlier: readonly Earlier[];
  /** Milliseconds since the epoch. */
  now: number;
  /** Why `now` cannot be believed; null when it can. Nothing opens by the time then, and no lockdown ends. */
  clockTrouble: string | null;
}

/** Whether a change may be carried out now. */
export interface GateVerdict {
  state: 'open' | 'held' | 'rejected';
  /** Somebody who may has broken the glass for it. */
  isEmergency: boolean;
  requirements: readonly Requirement[];
  /** When a held one may open without anybody doing anything, in milliseconds since the epoch; null: never. */
  opensAt: number | null;
}

/** The name under which the condition of a rule is evaluated: broken where the approvals are not needed. */
export const whenRule = (rule: ApprovalRule): string => `approvals/${rule.name}/when`;

/** What keeps running as it is goes on in a lockdown. */
const LOCKED_CAUSES: readonly Cause[] = ['routine', 'emergency', 'rollback', 'prune'];

/** The policies that select a change. */
export function governing(policies: readonly PolicyFacts[], change: ChangeFacts): PolicyFacts[] {
  return policies.filter(
    (policy) =>
      (policy.namespace === '' || policy.namespace === change.unit.namespace) && governs(policy.spec.select, change),
  );
}

/** The lockdowns that are in force for a change. Without a time that can be believed none has ended, and one whose end cannot be read never does. */
export function locking(
  lockdowns: readonly LockdownFacts[],
  change: ChangeFacts,
  now: number | null,
  isEmergency: boolean,
): LockdownFacts[] {
  return lockdowns.filter(
    ({ spec }) =>
      (now === null || !(Date.parse(spec.until) <= now)) &&
      isAbout(spec.causes, { cause: change.cause, isEmergency }, LOCKED_CAUSES) &&
      governs(spec.select, change),
  );
}

/** What a lockdown asks for. What it is about is what its rules are about; what none of them is about stands still. */
export function lockdownRules(
  { approvals = [], checks = [] }: LockdownFacts['spec'],
  occasion: Occasion,
): { approvals: ApprovalRule[]; checks: LockdownCheck[] } {
  const isOwn = ({ causes }: { causes?: Cause[] }): boolean => isAbout(causes, occasion, [occasion.cause]);
  return { approvals: approvals.filter(isOwn), checks: checks.filter(isOwn) };
}

/** The verdict on a change. Pure: nothing but the input counts. */
export function judgeChange(input: GateInput): GateVerdict {
  const approvals = input.approvals.filter(({ digest }) => digest === input.change.digest).toSorted(byAge);
  const isBelieved = ({ vouched }: ApprovalFacts): boolean => vouched && input.distrust === null;
  // To forge a rejection opens nothing, to lose one does.
  const believed = approvals.filter((one) => isBelieved(one) || one.decision === 'Reject');
  const policies = sortedBy(governing(input.policies, input.change), policyId);
  const kept = isKept(input.change.cause);
  const isEmergency = !kept && policies.some((policy) => isBroken(policy, { ...input, approvals: believed }));
  const narrowed = { ...input, approvals: believed, isEmergency };
  const time = input.clockTrouble === null ? input.now : null;
  const lockdowns = sortedBy(locking(input.lockdowns, input.change, time, isEmergency), ({ name }) => name);
  const judged = [
    ...lockdowns.map((lockdown) => judgeLockdown(lockdown, narrowed)),
    ...policies.map((policy) => ofObject(judgePolicy(policy, narrowed), policy)),
    judgeDefaults(policies, narrowed),
  ];
  const requirements = judged.flatMap((one) => one.requirements);
  const { cause } = input.change;
  requirements.push(
    ...judgeLost({ ...narrowed, governing: policies, judged: [...requirements], occasion: { cause, isEmergency } }),
  );
  const rejections = kept ? [] : narrowed.approvals.filter(({ decision }) => decision === 'Reject');
  requirements.push(...rejections.map(rejected));
  if (requirements.some(isAskingPeople)) {
    requirements.push(
      ...distrusted(
        input.distrust,
        approvals.filter((one) => !believed.includes(one)),
      ),
    );
  }
  const opensAt = earliest(judged.map((one) => one.opensAt));
  return { state: stateOf(requirements), isEmergency, requirements, opensAt };
}

function earliest(moments: readonly (number | null)[]): number | null {
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Whether somebody who may has broken the glass of a policy, and that still counts. */
function isBroken({ flaw, spec }: PolicyFacts, input: GateInput): boolean {
  return flaw === null && overrideOf(spec.breakGlass, input)?.isInTime === true;
}

/** What the rules of a policy or lockdown are judged by. */
interface Judging extends GateInput {
  isEmergency: boolean;
}

function occasionOf({ change, isEmergency }: Judging): Occasion {
  return { cause: change.cause, isEmergency };
}

function byAge(a: ApprovalFacts, b: ApprovalFacts): number {
  return a.at - b.at || (a.name < b.name ? -1 : 1);
}

/** In whichever order a watch brought them, the verdict reads the same. */
function sortedBy<Item>(items: readonly Item[], idOf: (item: Item) => string): Item[] {
  return items.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

interface Judged {
  requirements: Requirement[];
  opensAt: number | null;
}

/** A policy that is made anew begins to count its generations again. */
function ofObject({ requirements, opensAt }: Judged, { uid }: PolicyFacts): Judged {
  return uid === undefined
    ? { requirements, opensAt }
    : { requirements: requirements.map((one) => ({ ...one, uid })), opensAt };
}

function stateOf(requirements: readonly Requirement[]): GateVerdict['state'] {
  if (requirements.some(({ verdict }) => verdict === 'Denied')) return 'rejected';
  return requirements.some(({ verdict }) => verdict === 'Missing') ? 'held' : 'open';
}

/** The rule of a window that waits for an approval by one of those who may pass in it. */
const WHO = 'windows/who';

/** Whether an approval could meet it. */
function isAskingPeople({ rule, verdict }: Requirement): boolean {
  return verdict === 'Missing' && (/^(approvals|limits|deleted|edited)\b/.test(rule) || rule === WHO);
}

/** Whoever approved is told why that does not count. */
function distrusted(why: string | null, approvals: readonly ApprovalFacts[]): Requirement[] {
  const base = { policy: 'approvals', generation: 0, rule: 'admission', verdict: 'Missing' } as const;
  if (why !== null) {
    return [{ ...base, message: `a cluster in which approvals can be believed: ${why}`, evidence: [] }];
  }
  if (approvals.length === 0) return [];
  const names = approvals.map(({ name, by }) => `${name} by ${by}`).join(', ');
  const message = `new approvals in place of ${names}, made before the API server vouched for who makes them`;
  return [{ ...base, message, evidence: [] }];
}

function rejected(approval: ApprovalFacts): Requirement {
  const message = `${approval.by} rejected it`;
  const evidence = [evidenceOf(approval)];
  return {
    policy: 'approvals',
    generation: 0,
    rule: `rejected/${approval.name}`,
    verdict: 'Denied',
    message,
    evidence,
  };
}

function approvalInput(
  input: Judging,
  reference: { namespace?: string; name: string } | undefined,
  namespace: string,
): ApprovalInput {
  const { change, approvals, now, clockTrouble } = input;
  const base = { change, approvals, now, clockTrouble };
  if (reference === undefined) return { ...base, identities: null, identitiesName: null };
  const place = { name: reference.name, namespace: namespace === '' ? (reference.namespace ?? '') : namespace };
  const identitiesName = `ConfigMap ${place.namespace}/${place.name}`;
  return { ...base, identities: input.identities(place), identitiesName };
}

function judgeLockdown({ name, at, generation, spec, flaw }: LockdownFacts, { ...input }: Judging): Judged {
  const policy = `Lockdown/${name}`;
  const base = { policy, generation, verdict: 'Missing', evidence: [] } as const;
  if (flaw !== null) {
    const message = `a mend or the deletion of ${policy}, which cannot be read: ${flaw}`;
    return { requirements: [{ ...base, rule: 'spec', message }], opensAt: null };
  }
  const until = Date.parse(spec.until);
  const opensAt = input.clockTrouble === null ? until : null;
  const rules = lockdownRules(spec, occasionOf(input));
  if (rules.approvals.length + rules.checks.length === 0) {
    const end = formatTime(new Date(until));
    const message = `the end of lockdown ${name} by ${spec.by} (${spec.reason}), ${end} at the latest`;
    return { requirements: [{ ...base, rule: 'freeze', message }], opensAt };
  }
  // What was approved before says nothing of what made somebody lock down.
  input.approvals = input.approvals.filter((one) => one.at >= at);
  const context = { policy, generation, among: approvalInput(input, spec.identitiesRef, ''), input };
  const requirements = [
    ...rules.checks.map((check) => judgeFindings({ rule: `checks/${check.name}`, action: 'Deny' }, context)),
    ...rules.approvals.flatMap((rule) => askApprovals(rule, context)),
  ];
  const isMet = requirements.every(({ verdict }) => verdict === 'Met');
  return { requirements, opensAt: isMet ? null : opensAt };
}

function judgePolicy(facts: PolicyFacts, input: Judging): Judged {
  const { spec, generation, namespace, flaw } = facts;
  const policy = policyId(facts);
  if (flaw !== null) {
    const message = `a mend of ${policy}, which cannot be judged by: ${flaw}`;
    return {
      requirements: [{ policy, generation, rule: 'spec', verdict: 'Missing', message, evidence: [] }],
      opensAt: null,
    };
  }
  const among = approvalInput(input, spec.identitiesRef, namespace);
  const context = { policy, generation, among, input };
  const breaking = overrideOf(spec.breakGlass, among);
  const skip = (one: Requirement, causes?: readonly Cause[]): Requirement =>
    breaking === null || namesEmergency(causes) ? one : overridden(one, breaking, among);
  const approvals = (spec.approvals ?? [])
    .filter(({ causes }) => isAbout(causes, occasionOf(input)))
    .flatMap((rule) => askApprovals(rule, context).map((one) => skip(one, rule.causes)));
  const external = (spec.external ?? [])
    .filter(({ causes }) => isAbout(causes, occasionOf(input)))
    .map((rule) => {
      const { requirements, opensAt } = judgeExternal([rule], { policy, generation, ...input });
      const isOver = breaking !== null && !namesEmergency(rule.causes);
      return { requirements: requirements.map((one) => skip(one, rule.causes)), opensAt: isOver ? null : opensAt };
    });
  const groups = windowGroups(spec.windows ?? [], { ...occasionOf(input), isBroken: breaking !== null });
  const usual = judgeWindowsOf(groups.usual, context);
  const firm = judgeWindowsOf(groups.firm, context);
  const windows = [...usual.requirements.map((one) => skip(one)), ...firm.requirements];
  const own = [...judgeContent(facts, context), ...judgeLimits(facts, context)];
  return {
    requirements: [...own, ...approvals, ...external.flatMap(({ requirements }) => requirements), ...windows],
    opensAt: earliest([
      ...external.map(({ opensAt }) => opensAt),
      breaking === null ? usual.opensAt : null,
      firm.opensAt,
    ]),
  };
}

/** The windows that a broken glass skips, and those that it does not: one group never makes up for the other. */
function windowGroups(
  windows: readonly PolicyWindow[],
  { cause, isEmergency, isBroken }: Occasion & { isBroken: boolean },
): Record<'usual' | 'firm', PolicyWindow[]> {
  const own = windows.filter(({ causes }) => isGoverned(causes, cause));
  const named = windows.filter(({ causes }) => namesEmergency(causes));
  const added = isEmergency ? named.filter((window) => !own.includes(window)) : [];
  if (!isBroken) return { usual: own, firm: added };
  return {
    usual: own.filter((window) => !named.includes(window)),
    firm: [...own.filter((window) => named.includes(window)), ...added],
  };
}

interface RuleContext {
  policy: string;
  generation: number;
  among: ApprovalInput;
  input: Judging;
}

function overridden(
  requirement: Requirement,
  { approval, isInTime }: NonNullable<ReturnType<typeof overrideOf>>,
  { clockTrouble }: ApprovalInput,
): Requirement {
  if (requirement.verdict !== 'Missing') return requirement;
  if (!isInTime) {
    const why = `the override by ${approval.by} counts once a clock can be believed: ${clockTrouble}`;
    return { ...requirement, message: `${requirement.message} (${why})` };
  }
  const message = `overridden by ${approval.by}: ${approval.override ?? ''}`;
  return { ...requirement, verdict: 'Overridden', message, evidence: [evidenceOf(approval)] };
}

function askApprovals(rule: ApprovalRule, { policy, generation, among, input }: RuleContext): Requirement[] {
  const base = { policy, generation, rule: `approvals/${rule.name}` };
  if (rule.when !== undefined) {
    const found = input.findings(policy, whenRule(rule));
    if (found === undefined || !('broken' in found)) {
      const message = `the verdict of ${base.rule}, whose condition could not be evaluated: ${troubleOf(found)}`;
      return [{ ...base, verdict: 'Missing', message, evidence: [] }];
    }
    if (found.broken.length > 0) return [];
  }
  return [{ ...base, ...judgeApprovals(rule, among, input.endorsements(policy, base.rule)) }];
}

function troubleOf(found: Exclude<Findings, { broken: readonly string[] }> | undefined): string {
  if (found === undefined) return 'no answer';
  return 'trouble' in found ? found.trouble : `it waits for ${found.waits}`;
}

/** The names of rules over the content are made here and where they are evaluated. */
function judgeContent(facts: PolicyFacts, context: RuleContext): Requirement[] {
  return contentRules(facts, occasionOf(context.input)).map((rule) => judgeFindings(rule, context));
}

function judgeFindings(
  { rule, action }: { rule: string; action: 'Deny' | 'Warn' },
  { policy, generation, input }: RuleContext,
): Requirement {
  const found = input.findings(policy, rule);
  if (found === undefined || !('broken' in found)) {
    const unknown = `the verdict of ${rule} in ${policy}, which could not be had: ${troubleOf(found)}`;
    const message = found !== undefined && 'waits' in found ? found.waits : unknown;
    return { policy, generation, rule, verdict: 'Missing', message, evidence: [] };
  }
  const { evidence = [] } = found;
  const base = { policy, generation, rule, evidence };
  if (found.broken.length === 0) return { ...base, verdict: 'Met', message: 'holds' };
  const verdict = action === 'Warn' ? 'Warned' : 'Denied';
  return { ...base, verdict, message: some(found.broken) };
}

const TOLD = 5;

function some(texts: readonly string[]): string {
  const shown = texts.slice(0, TOLD).join('; ');
  return texts.length <= TOLD ? shown : `${shown}; and ${texts.length - TOLD} more`;
}

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

function judgeLimits({ spec }: PolicyFacts, { policy, generation, among, input }: RuleContext): Requirement[] {
  const { limits } = spec;
  if (limits === undefined || !isAbout(limits.causes, occasionOf(input))) return [];
  const people = limits.approvers ?? approversOf(spec.approvals);
  const isForOthers = limits.approvers === undefined && spec.approvals?.some(({ notAuthor }) => notAuthor === true);
  const approvals = isForOthers === true ? ofOthers(among.approvals, among) : among.approvals;
  return beyondLimits(limits, input.change).map((what, index) =>
    judgeBeyond(what, { policy, generation, rule: `limits/${index}`, people, approvals }),
  );
}

/** Whoever may approve by one of the rules; nobody named: everybody. */
function approversOf(rules: readonly ApprovalRule[] = []): { users: string[]; groups: string[] } {
  return { users: rules.flatMap(({ users = [] }) => users), groups: rules.flatMap(({ groups = [] }) => groups) };
}

function judgeBeyond(
  what: string,
  context: Pick<Requirement, 'policy' | 'generation' | 'rule'> & {
    people: { users?: string[]; groups?: string[] };
    approvals: readonly ApprovalFacts[];
  },
): Requirement {
  const { policy, generation, rule, people, approvals } = context;
  const approval = approvals.find((one) => isConsent(one) && isOneOf(people, one));
  if (approval !== undefined) {
    return {
      policy,
      generation,
      rule,
      verdict: 'Met',
      message: `${what} is approved`,
      evidence: [evidenceOf(approval)],
    };
  }
  const message = `an approval by ${describePeople(people)} of ${what}`;
  return { policy, generation, rule, verdict: 'Missing', message, evidence: [] };
}

/** Whether a change has the limits that every unit has by default. `policies`: those that govern it. */
export function hasDefaultLimits(policies: readonly PolicyFacts[], change: ChangeFacts): boolean {
  const isOff = policies.some(
    ({ kind, flaw, spec }) =>
      kind === 'ClusterReleasePolicy' &&
      flaw === null &&
      spec.limits?.defaults === 'Off' &&
      isCertain(spec.select, change),
  );
  return !isOff && isGoverned(undefined, change.cause);
}

function judgeDefaults(policies: readonly PolicyFacts[], input: Judging): Judged {
  if (!hasDefaultLimits(policies, input.change)) return { requirements: [], opensAt: null };
  const requirements = beyondLimits(DEFAULT_LIMITS, input.change).map((what, index) =>
    judgeBeyond(what, {
      policy: 'default-limits',
      generation: 0,
      rule: `limits/${index}`,
      people: {},
      approvals: input.approvals,
    }),
  );
  return { requirements, opensAt: null };
}

/** Windows that were compiled, for as long as their policy is kept. */
const compiled = new WeakMap<PolicyWindow, Window>();

function windowOf(spec: PolicyWindow): Window {
  const known = compiled.get(spec);
  if (known !== undefined) return known;
  const window = compileWindow(spec);
  compiled.set(spec, window);
  return window;
}

function judgeWindowsOf(own: readonly PolicyWindow[], { policy, generation, among, input }: RuleContext): Judged {
  if (own.length === 0) return { requirements: [], opensAt: null };
  const base = { policy, generation, rule: 'windows', evidence: [] };
  const counting = own.filter((window) => isOfUse(window, among));
  const allows = own.filter(({ type }) => type === 'Allow');
  if (allows.length > 0 && !counting.some(({ type }) => type === 'Allow')) {
    const people = [...new Set(allows.map(({ who }) => describePeople(who)))].join(' or ');
    const message = `a change of ${people}: nobody else's passes in ${allows.map(describeWindow).join(', ')}`;
    return { requirements: [{ ...base, rule: WHO, verdict: 'Missing', message }], opensAt: null };
  }
  if (input.clockTrouble !== null) {
    const message = `a clock that can be believed, to tell whether a window is open: ${input.clockTrouble}`;
    return { requirements: [{ ...base, verdict: 'Missing', message }], opensAt: null };
  }
  const judged = judgeWindows(
    counting.map((spec) => ({ spec, window: windowOf(spec) })),
    input.now,
  );
  const by = judged.by === null ? '' : describeWindow(judged.by);
  if (judged.open)
    return { requirements: [{ ...base, verdict: 'Met', message: by === '' ? 'open' : `open: ${by}` }], opensAt: null };
  const opens = judged.opensAt === null ? 'which never comes' : `opens ${formatTime(new Date(judged.opensAt))}`;
  const isDeny = judged.by?.type === 'Deny';
  const message = isDeny ? `the end of the closed time ${by}, ${opens}` : `the window ${by}, ${opens}`;
  return { requirements: [{ ...base, verdict: 'Missing', message }], opensAt: judged.opensAt };
}

/** An Allow window that lets this change pass, or a Deny window that stops it. */
function isOfUse({ type, who }: PolicyWindow, among: ApprovalInput): boolean {
  if (who === undefined) return true;
  return isTheirs(who, among) === (type === 'Allow');
}

/** Who wrote a commit anybody may claim: only an approval, which the API server vouches for, makes a change somebody's. */
function isTheirs(who: NonNullable<PolicyWindow['who']>, { approvals }: ApprovalInput): boolean {
  return approvals.some((one) => isConsent(one) && isOneOf(who, one));
}
