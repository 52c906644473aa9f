import type { Kustomization } from '@plumb/api';
import { visible } from './visible.ts';

/** One Kustomization as a person reads it. */
export interface UnitLine {
  name: string;
  revision: string;
  state: 'Ready' | 'Working' | 'Waiting' | 'Failed' | 'Stalled' | 'Suspended' | 'New';
  /** Why, where it is not Ready. */
  detail: string;
  /** When the state began, in milliseconds since the epoch; null when it is not known. */
  since: number | null;
}

/** `main@sha1:1a2b3c4d…` as `main@1a2b3c4d`, the way `flux get` shortens it. */
export function shortRevision(revision: string): string {
  return revision.replace(/sha1:([0-9a-f]{8})[0-9a-f]{32}$/, '$1').replace(/sha256:([0-9a-f]{8})[0-9a-f]{56}$/, '$1');
}

export function unitLine(unit: Kustomization): UnitLine {
  const { metadata, spec, status } = unit;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const stalled =
    status?.conditions?.some(({ type, status: value }) => type === 'Stalled' && value === 'True') ?? false;
  const state = stateOf({ suspended: spec.suspend === true, stalled, ready: ready?.status, reason: ready?.reason });
  return {
    name: `${metadata.namespace ?? ''}/${metadata.name}`,
    revision: shortRevision(status?.lastAppliedRevision ?? ''),
    state,
    detail: state === 'Ready' || ready === undefined ? '' : visible(ready.message.split('\n', 1)[0] ?? ''),
    since: ready === undefined ? null : Date.parse(ready.lastTransitionTime),
  };
}

function stateOf(seen: {
  suspended: boolean;
  stalled: boolean;
  ready: string | undefined;
  reason: string | undefined;
}): UnitLine['state'] {
  if (seen.suspended) return 'Suspended';
  if (seen.stalled) return 'Stalled';
  if (seen.ready === 'True') return 'Ready';
  if (seen.ready === 'Unknown') return 'Working';
  if (seen.ready === undefined) return 'New';
  return seen.reason === 'DependencyNotReady' || seen.reason === 'ArtifactFailed' ? 'Waiting' : 'Failed';
}

/** `12s`, `4m`, `3h`, `2d`. */
export function age(since: number | null, now: number): string {
  if (since === null) return '';
  const seconds = Math.max(0, Math.floor((now - since) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `14:03:07`, local time. */
export function clockTime(now: number): string {
  return new Date(now).toTimeString().slice(0, 8);
}
