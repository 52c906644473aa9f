import { createHash } from 'node:crypto';
import type { JsonObject, KubeObject } from '@plumb/api';
import type { View } from '@plumb/core';
import { plainLabelSelector } from '@plumb/core';

/** Marks the Leases by which agents see each other. */
export const MEMBER_LABEL = 'plumb.dev/member';
/** The view a member acts under: its number, then its members. */
export const VIEW_ANNOTATION = 'plumb.dev/view';

/** What a member's Lease says. `id` is null after a farewell. */
export interface MemberSeen {
  lease: string;
  id: string | null;
  view: View | null;
  version: string;
  /** Milliseconds without a renewal after which it is over. */
  duration: number;
}

/**
 * The value of the label: agents share units with those alone that have the same. Those that select by other labels look at other units: what
 * one of them left to another nobody would do.
 */
export function memberGroup(labelSelector = ''): string {
  const plain = plainLabelSelector(labelSelector) ?? labelSelector.trim();
  return plain === '' ? 'agent' : `agent-${createHash('sha256').update(plain).digest('hex').slice(0, 8)}`;
}

export function printView({ number, members }: View): string {
  return [number, ...members].join(' ');
}

/** @returns null for anything but what printView writes */
function parseView(text: string | undefined): View | null {
  const [first, ...members] = (text ?? '').split(' ');
  const number = Number(first);
  return Number.isSafeInteger(number) && number > 0 && members.length > 0 ? { number, members } : null;
}

/** @returns null for a Lease that no agent writes like this */
export function readMember(lease: KubeObject): MemberSeen | null {
  const { name, annotations, resourceVersion = '' } = lease.metadata;
  const { holderIdentity, leaseDurationSeconds } = (lease['spec'] ?? {}) as JsonObject;
  if (typeof leaseDurationSeconds !== 'number' || leaseDurationSeconds <= 0) return null;
  const id = typeof holderIdentity === 'string' && holderIdentity !== '' ? holderIdentity : null;
  const view = parseView(annotations?.[VIEW_ANNOTATION]);
  return { lease: name, id, view, version: resourceVersion, duration: leaseDurationSeconds * 1_000 };
}

/** The others as they were last seen to change, by our own clock: the clocks of others are not trusted. Milliseconds. */
export class Sightings {
  readonly #known = new Map<string, MemberSeen & { id: string; changedAt: number }>();

  /** @returns false when it is no news */
  note(seen: MemberSeen & { id: string }, now: number): boolean {
    if (this.#known.get(seen.lease)?.version === seen.version) return false;
    this.#known.set(seen.lease, { ...seen, changedAt: now });
    return true;
  }

  /** @returns who that was */
  forget(lease: string): string | null {
    const id = this.#known.get(lease)?.id ?? null;
    this.#known.delete(lease);
    return id;
  }

  /** Those not seen to change for as long as their lease lasts. */
  silent(now: number): { lease: string; version: string }[] {
    return [...this.#known.values()].filter(({ changedAt, duration }) => now >= changedAt + duration);
  }

  /** Milliseconds until the next one counts as silent; null when there is none. */
  untilNext(now: number): number | null {
    const ends = Array.from(this.#known.values(), ({ changedAt, duration }) => changedAt + duration);
    return ends.length === 0 ? null : Math.max(0, Math.min(...ends) - now);
  }
}
