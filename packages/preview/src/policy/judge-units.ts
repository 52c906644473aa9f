import { changeDigest, contentFindings, findingsIn, type Content } from '@plumb/agent';
import { keyId, type KubeObject } from '@plumb/api';
import {
  governing,
  judgeChange,
  locking,
  parseIdentity,
  policyId,
  type ApprovalFacts,
  type Authorship,
  type ChangeFacts,
  type GateVerdict,
  type Identity,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { clusterNameOf, sourceOf } from '../gates/subject.ts';
import type { UnitChange } from './compare-units.ts';
import { lockdownId } from './read-policies.ts';
import { NO_GAPS, ruleVerdicts, type Gaps, type RuleVerdict, type Ruling } from './rule-verdicts.ts';

/** Somebody who is taken to have approved. */
export interface Approver {
  user: string;
  groups: readonly string[];
}

/** What changes are judged by, beside themselves. */
export interface Circumstances {
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  /** ConfigMaps that say who authors are. */
  objects: readonly KubeObject[];
  approvedBy: readonly Approver[];
  /** Milliseconds since the epoch. */
  now: number;
  engine: Pick<Engine, 'celEval'>;
  signal: AbortSignal;
}

/** What is known of all units of a repository. */
export interface Declared {
  authors: Authorship;
  revision: string;
  /** Of a namespace; null where nobody knows. */
  labelsOf: (namespace: string) => Readonly<Record<string, string>> | null;
}

/** What came of one change. */
export interface UnitVerdict {
  unit: ChangeFacts['unit'];
  cluster: string;
  cause: ChangeFacts['cause'];
  counts: { create: number; change: number; delete: number };
  /** As the gates of a cluster would have it, if they knew no more. */
  state: GateVerdict['state'];
  /** Policies that govern it, and lockdowns in force for it. */
  policies: string[];
  rules: RuleVerdict[];
  /** What had to be taken for granted, a sentence each. */
  notes: readonly string[];
}

/** A change as it is known outside of the cluster that it is for. */
export interface KnownChange {
  facts: ChangeFacts;
  /** When gates were asked, in milliseconds since the epoch; left out where they were not, or nobody wrote it down. */
  at?: number;
  contents: readonly Content[];
  /** Objects as they were, by keyId. */
  before: ReadonlyMap<string, KubeObject>;
  /** Whether it is known if the revision is signed. */
  knowsSigned: boolean;
  /** What is not known of its objects. */
  gaps: Gaps;
  /** A text without what must not be shown. */
  hide: (text: string) => string;
  /** What had to be taken for granted, a sentence each. */
  notes: readonly string[];
}

/** Judges what becomes of a unit by the agent's own code, by what can be known of it outside of a cluster. */
export function judgeUnit(change: UnitChange, circumstances: Circumstances & Declared): Promise<UnitVerdict> {
  const { contents, before, secrets, unit } = change;
  const hide = (text: string): string => secrets.reduce((shown, one) => one.message(shown), text);
  const facts = factsOf(change, circumstances);
  const whole = { contents, before, knowsSigned: false, gaps: NO_GAPS, hide, notes: unit.notes };
  return judgeKnown({ facts, ...whole }, circumstances);
}

/** Judges a change by the agent's own code. */
export async function judgeKnown(known: KnownChange, circumstances: Circumstances): Promise<UnitVerdict> {
  const { facts, contents, before, knowsSigned, gaps, hide, notes } = known;
  const { policies, lockdowns, engine, signal, objects, now } = circumstances;
  const governed = governing(policies, facts);
  const locked = locking(lockdowns, facts, now, false);
  const found = findingsIn(
    await contentFindings({
      policies: governed,
      lockdowns,
      change: facts,
      contents: () => Promise.resolve(contents),
      live: ({ key }) => Promise.resolve(before.get(keyId(key)) ?? null),
      engine,
      signal,
    }),
  );
  const verdict = judgeChange({
    change: facts,
    policies,
    lockdowns,
    approvals: approvalsOf(facts, circumstances),
    distrust: null,
    identities: (place) => identitiesIn(objects, place),
    findings: found,
    // Neither forges nor tags are asked for from here: what was said there shows when the change is to pass.
    endorsements: () => undefined,
    earlier: [],
    now,
    clockTrouble: null,
  });
  const ruling = [
    ...locked.map((one): Ruling => ({ id: lockdownId(one), spec: one.spec, flaw: one.flaw })),
    ...governed.map((one): Ruling => ({ id: policyId(one), spec: one.spec, flaw: one.flaw })),
  ];
  const judged = { change: facts, ruling, found, contents, knowsSigned, gaps };
  return {
    unit: facts.unit,
    cluster: facts.cluster,
    cause: facts.cause,
    counts: countsOf(facts),
    state: verdict.state,
    policies: ruling.map(({ id }) => id),
    rules: ruleVerdicts(verdict.requirements, judged).map((rule) => masked(rule, hide)),
    notes,
  };
}

export function countsOf({ objects }: ChangeFacts): UnitVerdict['counts'] {
  const counted = (action: string): number => objects.filter((one) => one.action === action).length;
  return { create: counted('create'), change: counted('change'), delete: counted('delete') };
}

function masked(rule: RuleVerdict, hide: KnownChange['hide']): RuleVerdict {
  const places = rule.places.map((place) => ({ ...place, message: hide(place.message) }));
  return { ...rule, message: hide(rule.message), places };
}

function factsOf(change: UnitChange, { authors, revision, labelsOf }: Declared): ChangeFacts {
  const { ref, unit } = change.unit;
  const subject = { kind: ref.kind, namespace: ref.namespace, name: ref.name };
  const { bundleDigest, leaving } = change;
  return {
    unit: { ...subject, labels: unit.metadata.labels ?? {} },
    namespaceLabels: labelsOf(ref.namespace),
    cluster: clusterNameOf(unit),
    source: { ...sourceOf(unit), revision },
    cause: change.cause,
    digest: changeDigest({ unit: { ...subject, uid: '' }, place: '', bundleDigest, leaving }),
    authors: change.unit.authorless === null ? authors : { unknown: change.unit.authorless },
    objects: change.objects,
    owned: change.owned,
  };
}

function approvalsOf({ digest }: ChangeFacts, { approvedBy, now }: Circumstances): ApprovalFacts[] {
  return approvedBy.map(({ user, groups }, index) => ({
    name: `approval-${index + 1}`,
    by: user,
    groups,
    decision: 'Approve',
    digest,
    override: null,
    at: now,
    vouched: true,
  }));
}

function identitiesIn(
  objects: readonly KubeObject[],
  { namespace, name }: { namespace: string; name: string },
): Identity[] | null {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name && metadata.namespace === namespace,
  );
  const data = (found?.['data'] ?? null) as Record<string, string> | null;
  return data === null ? null : Object.values(data).map(parseIdentity);
}
