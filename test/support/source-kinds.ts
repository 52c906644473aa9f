import { setTimeout } from 'node:timers/promises';
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

/** Waits until the objects of a kind whose definition was just applied can be listed. */
export async function untilServed(cluster: Cluster, kind: KindRef): Promise<void> {
  const isServed = (): Promise<boolean> =>
    cluster.list(kind).then(
      () => true,
      () => false,
    );
  while (!(await isServed())) await setTimeout(100);
}
