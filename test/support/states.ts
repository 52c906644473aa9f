import type { KubeObject, ObjectKey } from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** One object as it is now and after each change, by watch; null while it is not there. Ends when the signal aborts. */
export async function* statesOf(
  cluster: Cluster,
  key: ObjectKey,
  signal: AbortSignal,
): AsyncGenerator<KubeObject | null> {
  const { namespace, name } = key;
  const selection = { ...(namespace === '' ? {} : { namespace }), fieldSelector: `metadata.name=${name}`, signal };
  while (!signal.aborted) {
    const { items, resourceVersion } = await cluster.list(key, selection);
    yield items[0] ?? null;
    for await (const event of cluster.watch(key, { ...selection, resourceVersion })) {
      if (event.type === 'expired') break;
      if (event.type !== 'bookmark') yield event.type === 'deleted' ? null : event.object;
    }
  }
}
