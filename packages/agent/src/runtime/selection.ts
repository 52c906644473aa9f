import type { KubeObject } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import { parseLabelSelector } from '@plumb/core';

/** Whether an agent acts on an object. What it does not act on stays in view: others refer to it. */
export type Selection = (object: Pick<KubeObject, 'metadata'>) => boolean;

/** @throws PlumbError `invalid-spec` when the selector cannot be read */
export function selectionOf(labelSelector = ''): Selection {
  const selector = parseLabelSelector(labelSelector);
  if (typeof selector !== 'string') return ({ metadata }) => selector(metadata.labels ?? {});
  const text = `'${labelSelector}' is no label selector as in sharding.fluxcd.io/key=a: ${selector}`;
  throw new PlumbError('invalid-spec', text, { fault: 'user', policy: 'stall' });
}
