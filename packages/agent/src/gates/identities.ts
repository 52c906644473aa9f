import { parseIdentity, type Identity } from '@plumb/core';
import type { Cluster, ReflectorOptions } from '@plumb/kube';
import type { Clock } from '../runtime/clock.ts';
import { OnDemandObjects } from '../runtime/on-demand-objects.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' } as const;

type Place = { namespace: string; name: string };

interface IdentitiesOptions {
  cluster: Cluster;
  clock: Clock;
  scope: ReflectorOptions;
  onChange: (unit: null) => void;
}

/** The ConfigMaps that say who authors are in the cluster. Each is watched from when it is first asked for: who waits for its mending is woken. */
export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #watched = new Map<string, OnDemandObjects>();

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  /** By `<namespace>/<name>`, as they are now. One that cannot be read is left out. */
  async read(
    places: readonly Place[],
    { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
  ): Promise<Map<string, Identity[]>> {
    const found = new Map<string, Identity[]>();
    for (const { namespace, name } of places) {
      const id = `${namespace}/${name}`;
      if (found.has(id)) continue;
      this.#watch(id, { namespace, name });
      const object = await cluster.get({ ...CONFIG_MAP, namespace, name }, { signal }).catch(() => null);
      signal.throwIfAborted();
      const data = (object?.['data'] ?? null) as Record<string, string> | null;
      if (data !== null) found.set(id, Object.values(data).map(parseIdentity));
    }
    return found;
  }

  async done(): Promise<void> {
    await Promise.all([...this.#watched.values()].map((objects) => objects.done()));
  }

  #watch(id: string, { namespace, name }: Place): void {
    let objects = this.#watched.get(id);
    if (objects === undefined) {
      const { cluster, clock, scope, onChange } = this.#options;
      const fieldSelector = `metadata.name=${name}`;
      objects = new OnDemandObjects(cluster, CONFIG_MAP, { ...scope, namespace, fieldSelector, clock });
      objects.listen(() => onChange(null));
      this.#watched.set(id, objects);
    }
    objects.need();
  }
}
