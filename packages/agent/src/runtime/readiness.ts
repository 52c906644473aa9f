import { isReady } from '@plumb/api';
import type { FluxObjects } from './flux-objects.ts';
import type { Metrics } from './metrics.ts';
import type { Selection } from './selection.ts';

/** Tells of each selected object whether it is Ready; read from memory when it is asked for. */
export function tellReadiness(
  metrics: Metrics,
  kinds: readonly Pick<FluxObjects, 'ids' | 'get'>[],
  selects: Selection,
): void {
  metrics.gauges(
    'plumb_resource_ready',
    'Whether an object is Ready at its generation: 1 or 0. What is suspended keeps what it was.',
    ['kind', 'namespace', 'name', 'suspended'],
    function* () {
      for (const objects of kinds) yield* readingsOf(objects, selects);
    },
  );
}

function* readingsOf(objects: Pick<FluxObjects, 'ids' | 'get'>, selects: Selection) {
  for (const id of objects.ids()) {
    const object = objects.get(id);
    if (object === undefined || !selects(object)) continue;
    const { kind, metadata } = object;
    const { suspend = false } = (object['spec'] ?? {}) as { suspend?: boolean };
    const labels = { kind, namespace: metadata.namespace ?? '', name: metadata.name, suspended: String(suspend) };
    yield { labels, value: isReady(object) ? 1 : 0 };
  }
}
