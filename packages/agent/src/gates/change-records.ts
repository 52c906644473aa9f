import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  asPlumbError,
  CHANGE,
  displayKey,
  formatTime,
  GATES_MANAGER,
  HELM_RELEASE,
  KUSTOMIZATION,
  apiVersionOf,
  type Change,
  type ChangePhase,
  type ChangeRequirement,
  type ChangeSpec,
  type ChangeStatus,
  type JsonObject,
  type KubeObject,
  type ObjectKey,
  type PlanStatus,
} from '@plumb/api';
import { isOver, toldOfHeld, type ChangeFacts, type GateVerdict, type Requirement } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { mergePatch } from '../runtime/merge-patch.ts';
import type { OnDemandObjects } from '../runtime/on-demand-objects.ts';

type Unit = Pick<ChangeSpec['unit'], 'kind' | 'namespace' | 'name'>;

function unitId({ kind, namespace, name }: Unit): string {
  return `${kind}/${namespace}/${name}`;
}

/** What identifies a change: two with the same do the same to the same objects. */
export interface ChangeIdentity {
  unit: ChangeSpec['unit'];
  /** Names the cluster it goes to; empty for the agent's own. */
  place: string;
  bundleDigest: string;
  /** keyIds of what leaves the unit. */
  leaving: readonly string[];
}

/** The digest that an approval is bound to. */
export function changeDigest({ unit, place, bundleDigest, leaving }: ChangeIdentity): string {
  const text = JSON.stringify([
    unit.kind,
    unit.namespace,
    unit.name,
    unit.uid,
    place,
    bundleDigest,
    leaving.toSorted(),
  ]);
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

const SHORT: Readonly<Record<ChangeSpec['unit']['kind'], string>> = { Kustomization: 'ks', HelmRelease: 'hr' };
const LONGEST_NAME = 200;

export function changeName({ kind, name }: ChangeSpec['unit'], digest: string): string {
  const short = name.slice(0, LONGEST_NAME).replace(/[.-]+$/, '');
  return `${SHORT[kind]}-${short}-${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

const HELD: ReadonlySet<ChangePhase> = new Set(['Pending', 'Approved', 'Rejected']);
/** Ended changes that are kept of one unit. */
const KEPT = 20;
const MOST_OBJECTS = 500;

/** The Changes in the cluster, as the agent writes them. What is known of one is what the last answer or the watch showed. */
export class ChangeRecords {
  readonly #changes: OnDemandObjects;
  readonly #time: () => number;
  /** Of each unit its changes, by name: those in view, and those that we have made and are not in view yet. */
  readonly #known = new Map<string, Map<string, Change>>();

  constructor(changes: OnDemandObjects, time: () => number) {
    this.#changes = changes;
    this.#time = time;
    changes.listen((_id, object, before) => {
      if (object !== undefined) this.#put(object as unknown as Change);
      else if (before !== undefined) this.#drop(before as unknown as Change);
    });
  }

  /** How many are held now. */
  get held(): number {
    const all = [...this.#known.values()].flatMap((changes) => [...changes.values()]);
    return all.filter(({ status }) => status !== undefined && HELD.has(status.phase)).length;
  }

  find(unit: Unit, name: string): Change | undefined {
    return this.#known.get(unitId(unit))?.get(name);
  }

  /** The name under which a change is recorded. How one came about that is over stays as it is written, whatever is put right of it later. */
  nameOf({ unit, digest, cause }: Pick<ChangeSpec, 'unit' | 'digest' | 'cause'>): string {
    const name = changeName(unit, digest);
    const phase = this.find(unit, name)?.status?.phase;
    return !isNews(cause) && phase !== undefined && isOver(phase) ? `${name}-${cause}` : name;
  }

  /** The changes of a unit that are being applied, as far as their records say. */
  applying(unit: Unit): Change[] {
    const all = this.#known.get(unitId(unit))?.values() ?? [];
    return [...all].filter(({ status }) => status?.phase === 'Applying');
  }

  /** Whether another change of a unit than this one is not over yet. */
  isOpen({ unit, digest }: Pick<ChangeSpec, 'unit' | 'digest'>): boolean {
    const all = this.#known.get(unitId(unit))?.values() ?? [];
    return [...all].some(({ spec, status }) => spec.digest !== digest && !isOver(status?.phase ?? 'Pending'));
  }

  /** Records that a change is held, and why. */
  async hold(spec: ChangeSpec, facts: ChangeFacts, verdict: GateVerdict, cluster: Cluster): Promise<Change> {
    const known = this.find(spec.unit, this.nameOf(spec));
    const change = await this.#make(spec, cluster);
    const phase: ChangePhase = verdict.state === 'rejected' ? 'Rejected' : isApproved(verdict) ? 'Approved' : 'Pending';
    const { endedAt: _ended, decidedAt: _decided, plan, ...before } = change.status ?? {};
    const counts = countsOf(facts);
    const objects = facts.objects
      .slice(0, MOST_OBJECTS)
      .map(({ key, action }) => ({ object: displayKey(key), action }));
    const status: ChangeStatus = {
      ...before,
      phase,
      message: toldOfHeld(verdict).slice(0, 8_192),
      requirements: this.#requirements(verdict.requirements, change.status?.requirements ?? []),
      counts,
      objects,
      ...(plan !== undefined && isSame(known, { spec, counts, objects }) && { plan }),
    };
    return this.#write(change, status, cluster);
  }

  /** Records where the plan of a change is kept, or why it is not. */
  async notePlan(change: Change, plan: PlanStatus, cluster: Cluster): Promise<void> {
    const { status } = change;
    if (status !== undefined) await this.#write(change, { ...status, plan }, cluster);
  }

  /** The gate is open for a change that was held, or it has ended. */
  async move(
    change: Change,
    to: {
      phase: ChangePhase;
      message: string;
      requirements?: readonly Requirement[];
      cause?: ChangeSpec['cause'];
    },
    cluster: Cluster,
  ): Promise<void> {
    const now = formatTime(new Date(this.#time()));
    const { phase, message, requirements, cause = change.spec.cause } = to;
    const told = await this.#describe(change, { ...change.spec, cause }, cluster);
    const { endedAt: _ended, ...before } = told.status ?? {};
    const status: ChangeStatus = {
      ...before,
      phase,
      message: message.slice(0, 8_192),
      ...(requirements && { requirements: this.#requirements(requirements, change.status?.requirements ?? []) }),
      ...(phase === 'Applying' && { decidedAt: change.status?.decidedAt ?? now }),
      ...(isOver(phase) && { endedAt: now }),
    };
    await this.#write(told, status, cluster);
  }

  /** Every other change of the unit that is not over is of the past; and the oldest that ended go. */
  async supersede({ unit, digest }: Pick<ChangeSpec, 'unit' | 'digest'>, cluster: Cluster): Promise<void> {
    const known = this.#known.get(unitId(unit))?.values() ?? [];
    const others = [...known].filter(({ spec }) => spec.digest !== digest);
    for (const other of others.filter(({ status }) => status === undefined || !isOver(status.phase))) {
      await this.move(other, { phase: 'Superseded', message: 'something newer is to be applied' }, cluster);
    }
    const ended = others
      .filter(({ status }) => status?.endedAt !== undefined)
      .toSorted((a, b) => (b.status?.endedAt ?? '').localeCompare(a.status?.endedAt ?? ''));
    for (const old of ended.slice(KEPT)) await cluster.delete(keyOfChange(old));
  }

  /** A change that was kept until its unit goes along with it from now on. */
  async leave({ metadata, spec }: Change, cluster: Cluster): Promise<void> {
    if (!outlives(spec)) return;
    const options = { type: 'merge', fieldManager: GATES_MANAGER } as const;
    const { unit } = spec;
    const answer = await cluster.patch(
      keyOfChange({ metadata }),
      { metadata: ownedBy(unit) as unknown as JsonObject },
      options,
    );
    this.#changes.note(answer);
  }

  async #make(spec: ChangeSpec, cluster: Cluster): Promise<Change> {
    const { unit } = spec;
    const name = this.nameOf(spec);
    const known = this.find(unit, name);
    if (known !== undefined) return this.#describe(known, spec, cluster);
    const object = {
      apiVersion: 'plumb.dev/v1',
      kind: 'Change',
      metadata: { name, namespace: unit.namespace, ...(outlives(spec) ? {} : ownedBy(unit)) },
      spec: spec as unknown as JsonObject,
    };
    try {
      const made = (await cluster.create(object, { fieldManager: GATES_MANAGER })) as unknown as Change;
      this.#put(made);
      return made;
    } catch (error) {
      if (asPlumbError(error).code !== 'api-conflict') throw error;
      const made = await cluster.get(keyOfChange({ metadata: object.metadata }));
      if (made === null) throw error;
      return this.#describe(made as unknown as Change, spec, cluster);
    }
  }

  /** What people read before they approve is what we know, whoever wrote it there. */
  async #describe(change: Change, spec: ChangeSpec, cluster: Cluster): Promise<Change> {
    const patch = mergePatch(change.spec as unknown as JsonObject, spec as unknown as JsonObject);
    if (patch === null) return change;
    const options = { type: 'merge', fieldManager: GATES_MANAGER } as const;
    const answer = await cluster.patch(keyOfChange(change), { spec: patch }, options);
    this.#put(answer as unknown as Change);
    this.#changes.note(answer);
    return answer as unknown as Change;
  }

  async #write(change: Change, status: ChangeStatus, cluster: Cluster): Promise<Change> {
    const patch = mergePatch((change.status ?? {}) as unknown as JsonObject, status as unknown as JsonObject);
    if (patch === null) return change;
    const options = { type: 'merge', subresource: 'status', fieldManager: GATES_MANAGER } as const;
    const answer = await cluster.patch(keyOfChange(change), { status: patch }, options);
    this.#put(answer as unknown as Change);
    this.#changes.note(answer);
    return answer as unknown as Change;
  }

  #put(change: Change): void {
    if (!isOwn(change)) return;
    const id = unitId(change.spec.unit);
    const changes = this.#known.get(id) ?? new Map<string, Change>();
    this.#known.set(id, changes.set(change.metadata.name, change));
  }

  #drop(change: Change): void {
    if (!isOwn(change)) return;
    const { metadata, spec } = change;
    const changes = this.#known.get(unitId(spec.unit));
    changes?.delete(metadata.name);
    if (changes?.size === 0) this.#known.delete(unitId(spec.unit));
  }

  /** Each verdict bears the time at which it was found first. */
  #requirements(found: readonly Requirement[], before: readonly ChangeRequirement[]): ChangeRequirement[] {
    const now = formatTime(new Date(this.#time()));
    return found.map(({ policy, generation, uid, rule, verdict, message, evidence }) => {
      const known = before.find((one) => one.policy === policy && one.rule === rule && one.verdict === verdict);
      const short = message.slice(0, 2_048);
      const shown = evidence.map((text) => text.slice(0, 512));
      const ofObject = uid === undefined ? {} : { uid };
      return { policy, generation, ...ofObject, rule, verdict, message: short, evidence: shown, at: known?.at ?? now };
    });
  }
}

/**
 * Garbage collection takes what a unit waited for along with it, and at once where the deletion is to take what it owns first: what its own deletion
 * waits for must not be taken by that.
 */
function outlives({ bundleDigest }: Pick<ChangeSpec, 'bundleDigest'>): boolean {
  return bundleDigest === '';
}

function ownedBy({ kind, name, uid }: ChangeSpec['unit']): Pick<KubeObject['metadata'], 'ownerReferences'> {
  const apiVersion = apiVersionOf(kind === 'HelmRelease' ? HELM_RELEASE : KUSTOMIZATION);
  return uid === '' ? {} : { ownerReferences: [{ apiVersion, kind, name, uid }] };
}

/** One that names a unit of another namespace was made by somebody who may not write there. */
function isOwn({ metadata, spec }: Change): boolean {
  return metadata.namespace === spec.unit.namespace;
}

/** Whether a change is about what is declared anew, so that what was to be applied before is of the past. */
export function isNews(cause: ChangeSpec['cause']): boolean {
  return cause === 'routine' || cause === 'prune' || cause === 'emergency';
}

/** Whether a change is held still for what it was held for, so that its plan stands. */
function isSame(
  known: Change | undefined,
  { spec, counts, objects }: Pick<Change, 'spec'> & Pick<ChangeStatus, 'counts' | 'objects'>,
): boolean {
  const { status } = known ?? {};
  if (known === undefined || status === undefined || isOver(status.phase)) return false;
  return isDeepStrictEqual([known.spec, status.counts, status.objects], [spec, counts, objects]);
}

/** All that people had to say is said; only time is missing. */
function isApproved({ requirements }: GateVerdict): boolean {
  return requirements.filter(({ verdict }) => verdict === 'Missing').every(({ rule }) => rule === 'windows');
}

function countsOf({ objects }: ChangeFacts): NonNullable<ChangeStatus['counts']> {
  const count = (wanted: string): number => objects.filter(({ action }) => action === wanted).length;
  return { create: count('create'), change: count('change'), delete: count('delete') };
}

function keyOfChange({ metadata }: Pick<Change, 'metadata'>): ObjectKey {
  return { ...CHANGE, namespace: metadata.namespace ?? '', name: metadata.name };
}
