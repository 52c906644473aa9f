import { connect } from '@plumb/kube';
import { expect, inject, test } from 'vitest';
import { KUBERNETES_KINDS, KUBERNETES_VERSION } from './kubernetes.ts';

test('the Kubernetes that is taken for granted is the one that is tested with', async () => {
  const cluster = await connect({ kubeconfig: inject('kubeconfig') });
  const served = await cluster.discover();
  const crd = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
  const { items } = await cluster.list(crd);
  const defined = new Set(items.map((item) => (item['spec'] as { group: string }).group));
  const own = served.filter(({ group }) => !defined.has(group));
  const named = ({ group, version, kind, namespaced }: (typeof KUBERNETES_KINDS)[number]): string =>
    `${group}/${version} ${kind} ${namespaced}`;
  expect(KUBERNETES_KINDS.map(named).toSorted()).toEqual(own.map(named).toSorted());
  expect(KUBERNETES_VERSION).toBe(await cluster.version());
  await cluster.close();
});
