import { asPlumbError, type HelmRelease, type KubeObject, type ObjectKey } from '@plumb/api';
import { releaseNamespaceOf } from '@plumb/core';
import type { ActionContext } from './context.ts';

/** The namespace that a release is made in, as Helm makes it with createNamespace. */
export function targetNamespaceOf(release: HelmRelease): { key: ObjectKey; body: KubeObject } {
  const name = releaseNamespaceOf(release);
  const key = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name };
  return { key, body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { name } } } };
}

/** Makes it where it is not there. */
export async function createNamespace({
  release,
  cluster,
  signal,
}: Pick<ActionContext, 'release' | 'cluster' | 'signal'>): Promise<void> {
  const { key, body } = targetNamespaceOf(release);
  if ((await cluster.get(key, { signal })) !== null) return;
  try {
    await cluster.create(body, { signal });
  } catch (thrown) {
    // Somebody else was faster.
    if (asPlumbError(thrown).code !== 'api-conflict') throw thrown;
  }
}
