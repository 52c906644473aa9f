import { ownMessages, PlumbError, say, type ChangeSpec, type ObjectKey, type UnitRef } from '@plumb/api';
import type { Cause, ChangeFacts, ObjectFate } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { SourceRange } from '../delivery/brought.ts';
import type { Content } from './content.ts';
import type { PlanTrial } from './plan-change.ts';

/**
 * Beside those whose commits are new: nobody, whoever made the commits of other ranges, or somebody nobody knows. `isAll`: they are all there are, and
 * no commit of its own source counts.
 */
export type Beside = null | { ranges: readonly SourceRange[]; isAll?: true } | { unknown: string };

/** A change that is to pass. */
export interface GateRequest {
  ref: UnitRef & { kind: 'Kustomization' | 'HelmRelease' };
  uid: string;
  labels: Readonly<Record<string, string>>;
  cause: Cause;
  /** It is what is declared now: neither what was delivered before and is put right, nor what is brought back. */
  isDeclared: boolean;
  revision: string;
  /** The revision that whose work it is counts from; null where nothing was applied. */
  since: string | null;
  /** What it reads that was not read for that: files and folders whose commits count too, however old. */
  paths: readonly string[];
  /** Who else had a hand in it; asked only where somebody wants to know. */
  beside: () => Promise<Beside>;
  /** It is made of what stands outside its source too. */
  hasRemoteBases: boolean;
  source: { kind: string; namespace: string; name: string };
  /** The last time somebody asked for it to be reconciled, as they wrote it; empty when nobody did. */
  asked: string;
  /** `own`, or the name of the Secret or ConfigMap that leads to the cluster. */
  clusterName: string;
  /** Names the cluster (`Destination.place`). */
  place: string;
  bundleDigest: string;
  objects: readonly ObjectFate[];
  /** How many objects the unit has now. */
  owned: number;
  /** keyIds of what leaves the unit. */
  leaving: readonly string[];
  /** What it deletes and makes anew as it did before: that counts as deleted only where limits protect it. */
  remade: readonly ObjectKey[];
  contents: () => Promise<readonly Content[]>;
  /** How the objects are read as they are now, and what would become of them is tried. */
  trial: PlanTrial;
  /** All that the unit declares of what may be applied: some of it may have to be deleted for that. */
  declared: readonly ObjectKey[];
  /** Told, where the change passes, of what of that it may not delete to make it anew: keyIds. */
  onGuarded: (ids: ReadonlySet<string>) => void;
  /** Texts that must not be told. */
  secrets: readonly string[];
  /** Where the Flux objects are, under the leave to work on the unit. */
  cluster: Cluster;
  signal: AbortSignal;
}

/** A change that passed. It is to be told how it ended. */
export interface Passage {
  /** Never throws. @param error null when all of it was carried out */
  ended(error: PlumbError | null): Promise<void>;
}

export function subjectOf({
  ref,
  labels,
  clusterName,
  cause,
}: Pick<GateRequest, 'ref' | 'labels' | 'clusterName' | 'cause'>): Pick<ChangeFacts, 'unit' | 'cluster' | 'cause'> {
  return { unit: { ...ref, labels }, cluster: clusterName, cause };
}

export function unitOf({ ref, uid }: Pick<GateRequest, 'ref' | 'uid'>): ChangeSpec['unit'] {
  return { kind: ref.kind, namespace: ref.namespace, name: ref.name, uid };
}

/** A change that is held, and in how many milliseconds it may pass by itself. */
export function held(why: string, after: number): PlumbError {
  const { text } = say(ownMessages.gated, { why });
  return new PlumbError('gated', text, { fault: 'user', policy: 'retry', retryAfter: after });
}
