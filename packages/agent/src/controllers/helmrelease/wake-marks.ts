import type { KubeObject } from '@plumb/api';
import { printJson } from '@plumb/api';
import type { Dependable } from '@plumb/core';

// Texts that are others when something changed that wakes a release.

/** Whether an object counts as ready. */
export function readyMark(object: KubeObject | undefined): string | undefined {
  if (object === undefined) return undefined;
  const { status } = object as unknown as Dependable;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return [ready?.status, status?.observedGeneration].join(' ');
}

/** What a readyExpr may ask of a unit itself, and no controller writes. */
export function saidByUsers({ metadata }: KubeObject): string {
  return printJson([metadata.labels, metadata.annotations] as never);
}

/** What a source offers. */
export function sourceMark(object: KubeObject | undefined): string {
  if (object === undefined) return '';
  const status = (object['status'] ?? {}) as {
    artifact?: { revision?: string; digest?: string };
    observedGeneration?: number;
  };
  const { artifact, observedGeneration } = status;
  const isCurrent = observedGeneration === undefined || observedGeneration === object.metadata.generation;
  return [artifact?.revision, artifact?.digest, isCurrent].join(' ');
}
