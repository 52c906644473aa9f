import type { KubeObject } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import { parseLabelSelector } from '@plumb/core';
import type { FluxObjects } from './flux-objects.ts';

/** Whether an agent acts on an object. What it does not act on stays in view: others refer to it. */
export type Selection = (object: Pick<KubeObject, 'metadata'>) => boolean;

/** @throws PlumbError `invalid-spec` when the selector cannot be read */
export function selectionOf(labelSelector = ''): Selection {
  const selector = parseLabelSelector(labelSelector);
  if (typeof selector !== 'string') return ({ metadata }) => selector(metadata.labels ?? {});
  const text = `'${labelSelector}' is no label selector as in sharding.fluxcd.io/key=a: ${selector}`;
  throw new PlumbError('invalid-spec', text, { fault: 'user', policy: 'stall' });
}

/** The uids of the selected objects in view. */
export function uidsIn(objects: Pick<FluxObjects, 'ids' | 'get'>, selects: Selection): Set<string> {
  const selected = [...objects.ids()].flatMap((id) => objects.get(id) ?? []).filter(selects);
  return new Set(selected.map(({ metadata }) => metadata.uid ?? ''));
}
