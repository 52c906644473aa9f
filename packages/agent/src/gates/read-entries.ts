import type { KubeObject } from '@plumb/api';
import { referredNamespace } from '@plumb/core';
import type { Cluster } from '@plumb/kube';

export interface Reading {
  cluster: Cluster;
  signal: AbortSignal;
}

/** A ConfigMap, by default, or Secret that a policy names. */
export interface EntriesPlace {
  kind?: 'ConfigMap' | 'Secret';
  name: string;
  namespace?: string;
}

/** What stands in one, and how it is named in messages. */
export interface Entries {
  id: string;
  entries: ReadonlyMap<string, string>;
}

/**
 * Reads what a policy names. @param own the namespace of the policy, where all that it names is; empty for what stands above namespaces
 * @throws PlumbError when it cannot be read, Error in words for people when it is not there
 */
export async function readEntries(place: EntriesPlace, own: string, { cluster, signal }: Reading): Promise<Entries> {
  const { kind = 'ConfigMap', name } = place;
  const namespace = referredNamespace(place, own);
  const id = `${kind} ${namespace}/${name}`;
  const object = await cluster.get({ group: '', version: 'v1', kind, namespace, name }, { signal });
  if (object === null) throw new Error(`${id} is not there`);
  return { id, entries: entriesOf(object, kind) };
}

function entriesOf(object: KubeObject, kind: string): Map<string, string> {
  const data = (object['data'] ?? {}) as Record<string, string>;
  const isEncoded = kind === 'Secret';
  return new Map(
    Object.entries(data).map(([name, value]) => [name, isEncoded ? Buffer.from(value, 'base64').toString() : value]),
  );
}
