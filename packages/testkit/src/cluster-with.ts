import type { Cluster } from '@plumb/kube';

/** The same cluster, which answers some calls as a test says. */
export function clusterWith(cluster: Cluster, own: Partial<Cluster>): Cluster {
  return new Proxy(cluster, {
    get(target, name) {
      const value: unknown = Reflect.get(name in own ? own : target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The same cluster, whose watches show nothing. */
export function withSilentWatch(cluster: Cluster): Cluster {
  return clusterWith(cluster, {
    async *watch(_kind, { signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      yield* [];
    },
  });
}
