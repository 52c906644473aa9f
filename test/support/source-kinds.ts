import { setTimeout as sleep } from 'node:timers/promises';
import type { KindRef, KubeObject } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** A definition of a kind that this agent reads and nobody here works on: as much of it as is read. */
export function definitionOf({ group, version, kind }: KindRef): KubeObject {
  const singular = kind.toLowerCase();
  const plural = kind.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  };
}

/** Applies definitions of kinds, and waits until each answers: discovery tells no event for that. */
export async function serve(cluster: Cluster, kinds: readonly KindRef[], ms = 20_000): Promise<void> {
  for (const kind of kinds) await cluster.apply(definitionOf(kind), { fieldManager: 'test', force: true });
  const end = performance.now() + ms;
  for (const kind of kinds) {
    while (!(await answers(cluster, kind))) {
      if (performance.now() > end) throw new Error(`${kind.kind} is not served after ${ms} ms`);
      await sleep(50);
      await cluster.discover({ refresh: true });
    }
  }
}

function answers(cluster: Cluster, kind: KindRef): Promise<boolean> {
  return cluster.list(kind).then(
    () => true,
    () => false,
  );
}
