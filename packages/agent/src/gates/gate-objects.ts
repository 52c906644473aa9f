import {
  APPROVAL,
  CHANGE,
  checkApproval,
  CLUSTER_RELEASE_POLICY,
  GATES_LABEL,
  LOCKDOWN,
  RELEASE_POLICY,
  type ApprovalSpec,
  type Change,
  type KindRef,
  type KubeObject,
  type UnitRef,
} from '@plumb/api';
import {
  lockdownFacts,
  policyFacts,
  vouchedSince,
  type ApprovalFacts,
  type LockdownFacts,
  type PolicyFacts,
} from '@plumb/core';
import type { Cluster, ReflectorOptions } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import { OnDemandObjects } from '../runtime/on-demand-objects.ts';

const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1' } as const;
const ADMISSION_KINDS: readonly KindRef[] = [
  { ...ADMISSION, kind: 'ValidatingAdmissionPolicy' },
  { ...ADMISSION, kind: 'ValidatingAdmissionPolicyBinding' },
];
const NAMESPACE = { group: '', version: 'v1', kind: 'Namespace' } as const;

/** How long a run waits for the first lists. Milliseconds. */
const LIST_WITHIN = 5_000;

export interface GateObjectsOptions {
  cluster: Cluster;
  clock: Clock;
  scope: ReflectorOptions;
  /** Told of what may open or close gates: of one unit, or of any. */
  onChange: (unit: UnitRef | null) => void;
  /** Told of each policy that came or changed. */
  onPolicy: (object: KubeObject, facts: PolicyFacts) => void;
}

/** What gates are judged by, as watches bring it: policies, lockdowns, approvals, changes, and what the API server vouches for. */
export class GateObjects {
  readonly #policies: OnDemandObjects;
  readonly #clusterPolicies: OnDemandObjects;
  readonly #lockdowns: OnDemandObjects;
  readonly #approvals: OnDemandObjects;
  readonly #namespaces: OnDemandObjects;
  readonly #admission: readonly OnDemandObjects[];
  readonly changes: OnDemandObjects;
  /** What a policy says, for as long as the object is kept. */
  readonly #read = new WeakMap<KubeObject, PolicyFacts>();
  readonly #readLockdowns = new WeakMap<KubeObject, LockdownFacts>();

  constructor({ cluster, clock, scope, onChange, onPolicy }: GateObjectsOptions) {
    const { namespace: _own, ...everywhere } = scope;
    const namespaced = (kind: KindRef): OnDemandObjects => new OnDemandObjects(cluster, kind, { ...scope, clock });
    const clusterWide = (kind: KindRef, selection: { labelSelector?: string } = {}): OnDemandObjects =>
      new OnDemandObjects(cluster, kind, { ...everywhere, ...selection, clock });
    this.#policies = namespaced(RELEASE_POLICY);
    this.#approvals = namespaced(APPROVAL);
    this.changes = namespaced(CHANGE);
    this.#clusterPolicies = clusterWide(CLUSTER_RELEASE_POLICY);
    this.#lockdowns = clusterWide(LOCKDOWN);
    this.#namespaces = clusterWide(NAMESPACE);
    this.#admission = ADMISSION_KINDS.map((kind) => clusterWide(kind, { labelSelector: GATES_LABEL }));
    for (const objects of [this.#policies, this.#clusterPolicies]) {
      objects.listen((_id, object, before) => {
        if (object !== undefined) onPolicy(object, this.#factsOf(object));
        // What the status says is our own word.
        if (object?.metadata.generation !== before?.metadata.generation) onChange(null);
      });
    }
    for (const objects of [this.#lockdowns, ...this.#admission]) objects.listen(() => onChange(null));
    this.#namespaces.listen((_id, object, before) => {
      if (JSON.stringify(object?.metadata.labels) !== JSON.stringify(before?.metadata.labels)) onChange(null);
    });
    this.#approvals.listen((_id, object, before) => onChange(this.#unitOf(object ?? before)));
  }

  /** Resolves when it is known what there is: `none` where the cluster serves no gates at all; or why it is not known. */
  async known(): Promise<'none' | 'known' | { trouble: string }> {
    const gates = [this.#policies, this.#clusterPolicies, this.#lockdowns, this.#approvals, this.changes];
    await Promise.all(gates.map((objects) => objects.known(LIST_WITHIN)));
    // One that is served is reason enough to ask where the others are: a lockdown must not end with the definition of a policy.
    if (gates.every(({ availability }) => availability === 'not-served')) return 'none';
    const needed = [...gates, ...this.#admission];
    await Promise.all(needed.map((objects) => objects.known(LIST_WITHIN)));
    const unknown = needed.find(({ availability, isBlind }) => availability !== 'listed' || isBlind);
    if (unknown === undefined) return 'known';
    const { kind, availability, trouble } = unknown;
    const why = availability === 'not-served' ? 'the cluster does not serve them' : (trouble ?? 'no answer yet');
    return { trouble: `objects of the kind ${kind.kind} cannot be read: ${why}` };
  }

  get policies(): PolicyFacts[] {
    return [...this.#policies.all(), ...this.#clusterPolicies.all()].map((object) => this.#factsOf(object));
  }

  get lockdowns(): LockdownFacts[] {
    return this.#lockdowns.all().map((object) => this.#lockdownOf(object));
  }

  /** What people said of one change, and why the API server vouches for none of it now; null when it does. */
  approvalsOf(namespace: string, changes: readonly string[]): { approvals: ApprovalFacts[]; distrust: string | null } {
    const vouched = vouchedSince(
      'approvals',
      this.#admission.flatMap((objects) => objects.all()),
    );
    const since = 'flaw' in vouched ? Number.POSITIVE_INFINITY : vouched.since;
    const approvals = this.#approvals.all().flatMap((object): ApprovalFacts[] => {
      if (object.metadata.namespace !== namespace || object.metadata.deletionTimestamp !== undefined) return [];
      if (!changes.includes((object['spec'] as Partial<ApprovalSpec> | undefined)?.change ?? '')) return [];
      const checked = checkApproval(object);
      if (!checked.ok) return [];
      const { by, groups = [], decision, digest, override } = checked.value.spec;
      const at = Date.parse(object.metadata.creationTimestamp ?? '');
      const { name } = object.metadata;
      return [{ name, by, groups, decision, digest, override: override?.reason ?? null, at, vouched: at >= since }];
    });
    return { approvals, distrust: 'flaw' in vouched ? vouched.flaw : null };
  }

  /** The labels of a namespace; null while they are not known. */
  async labelsOf(namespace: string): Promise<Readonly<Record<string, string>> | null> {
    await this.#namespaces.known(LIST_WITHIN);
    if (this.#namespaces.isBlind) return null;
    const object = this.#namespaces.get(`/${namespace}`);
    return object === undefined ? null : (object.metadata.labels ?? {});
  }

  async done(): Promise<void> {
    const all = [
      this.#policies,
      this.#clusterPolicies,
      this.#lockdowns,
      this.#approvals,
      this.#namespaces,
      this.changes,
      ...this.#admission,
    ];
    await Promise.all(all.map((objects) => objects.done()));
  }

  #lockdownOf(object: KubeObject): LockdownFacts {
    const known = this.#readLockdowns.get(object);
    if (known !== undefined) return known;
    const facts = lockdownFacts(object);
    this.#readLockdowns.set(object, facts);
    return facts;
  }

  #factsOf(object: KubeObject): PolicyFacts {
    const known = this.#read.get(object);
    if (known !== undefined) return known;
    const facts = policyFacts(object);
    this.#read.set(object, facts);
    return facts;
  }

  #unitOf(approval: KubeObject | undefined): UnitRef | null {
    const { change = '' } = (approval?.['spec'] ?? {}) as { change?: string };
    const found = this.changes.get(`${approval?.metadata.namespace ?? ''}/${change}`) as Change | undefined;
    return found?.spec.unit ?? null;
  }
}
