import type { CrdPolicy, KubeObject } from '@plumb/api';
import { asPlumbError, displayKey, HELM_APPLY_MANAGER, keyOf, PlumbError } from '@plumb/api';
import { healthOf, ownerLabels } from '@plumb/core';
import { crdObjects } from '@plumb/render';
import type { RenderedRelease } from '@plumb/render';
import { sleep } from '../runtime/clock.ts';
import type { ActionContext } from './context.ts';

/**
 * Brings the definitions of a chart's folder crds into the cluster, before anything else of it (helm-controller internal/action/crds.go). Whatever is done
 * with the release later, they are never deleted.
 * @returns whether the cluster serves other kinds after that
 */
export async function applyDefinitions(
  { crds }: Pick<RenderedRelease, 'crds'>,
  policy: CrdPolicy,
  context: ActionContext,
): Promise<boolean> {
  if (policy === 'Skip' || crds.length === 0) return false;
  const { metadata } = context.release;
  const labels = ownerLabels({ kind: 'HelmRelease', namespace: metadata.namespace ?? '', name: metadata.name });
  const made: KubeObject[] = [];
  for (const { body, key } of await crdObjects(crds, labels)) {
    try {
      const one = await bring(body, policy, context);
      if (one !== null) made.push(one);
    } catch (thrown) {
      const error = asPlumbError(thrown);
      if (error.code === 'cancelled') throw error;
      const text = `failed to apply CustomResourceDefinitions: ${displayKey(key)}: ${error.message}`;
      throw new PlumbError(error.code, text, { fault: error.fault, policy: error.policy, cause: thrown });
    }
  }
  if (made.length === 0) return false;
  await established(made, context);
  await context.cluster.discover({ refresh: true, signal: context.signal });
  return true;
}

/** @returns null where what is there stays */
async function bring(body: KubeObject, policy: CrdPolicy, context: ActionContext): Promise<KubeObject | null> {
  const { cluster, signal } = context;
  const there = await cluster.get(keyOf(body), { signal });
  if (there === null) return cluster.create(body, { fieldManager: HELM_APPLY_MANAGER, signal });
  if (policy === 'Create') return null;
  const answer = await cluster.apply(body, { fieldManager: HELM_APPLY_MANAGER, force: true, signal });
  return answer.metadata.resourceVersion === there.metadata.resourceVersion ? null : answer;
}

async function established(definitions: readonly KubeObject[], context: ActionContext): Promise<void> {
  const { cluster, clock, signal, stageTimeout } = context;
  const end = clock.now() + stageTimeout;
  for (const definition of definitions) {
    let current: KubeObject | null = definition;
    for (let wait = 20; current === null || healthOf(current).status !== 'Current'; wait = Math.min(wait * 2, 1_000)) {
      if (clock.now() >= end) throw late(definition);
      await sleep(clock, wait);
      current = await cluster.get(keyOf(definition), { signal });
    }
  }
}

function late(definition: KubeObject): PlumbError {
  const text = `${displayKey(keyOf(definition))} was not established in time`;
  return new PlumbError('timeout', text, { fault: 'system', policy: 'retry' });
}
