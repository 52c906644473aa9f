import type { Cluster } from '@plumb/kube';

/** The same cluster, whose watches show nothing. */
export function withSilentWatch(cluster: Cluster): Cluster {
  async function* watch(_kind: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<never> {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    yield* [];
  }
  return new Proxy(cluster, {
    get(target, name) {
      const value: unknown = name === 'watch' ? watch : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
