import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { Requests } from './support/requests.ts';
import { configMapKey, World } from './support/world.ts';

const EVERY_MS = 20;
/** Five at once, and then after 1, 2 and 4 seconds. */
const AT_ONCE = 5;
const CORRECTIONS = AT_ONCE + 3;
const LONG_PAUSE_MS = 4_000;
/** Of those pauses together; an event may be seen late. */
const LEAST_PAUSES_MS = 5_500;
/** The next, after 8, may fall just within. */
const MOST_CORRECTIONS = CORRECTIONS + 1;

const requests = new Requests();
let world: World;
beforeAll(async () => {
  world = await World.start({ agent: { connect: { counter: requests } } });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/fought.yaml': configMap(target, 'fought', { colour: 'green' }),
    'apps/quiet.yaml': configMap(target, 'quiet', { colour: 'green' }),
  });
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', `main@sha1:${commit}`);
});
afterAll(() => world.close());

const colour = (object: KubeObject | null): string | undefined =>
  (object?.['data'] as { colour?: string } | undefined)?.colour;

/** A controller that wants another value, until told to stop. */
function insist(): { stop: () => Promise<number> } {
  const key = configMapKey(world.target, 'fought');
  let on = true;
  const work = async (): Promise<number> => {
    let writes = 0;
    for (; on; writes++) {
      await world.edit(key, { data: { colour: 'red' } }, 'paint-controller');
      await sleep(EVERY_MS);
    }
    return writes;
  };
  const done = work();
  return {
    stop: () => {
      on = false;
      return done;
    },
  };
}

/** Notes when the object is green again, by watch, until told to stop. */
async function corrections(times: number[], signal: AbortSignal): Promise<void> {
  const { items, resourceVersion } = await world.cluster.list(configMapKey(world.target, 'fought'), {
    namespace: world.target,
    fieldSelector: 'metadata.name=fought',
  });
  let seen = colour(items[0] ?? null);
  const selection = { namespace: world.target, fieldSelector: 'metadata.name=fought', resourceVersion, signal };
  try {
    for await (const event of world.cluster.watch(configMapKey(world.target, 'fought'), selection)) {
      if (event.type !== 'modified') continue;
      if (seen === 'red' && colour(event.object) === 'green') times.push(performance.now());
      seen = colour(event.object);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

test('a controller that insists is named, and put right ever more slowly; its neighbour is put right at once', async () => {
  const { target } = world;
  const over = new AbortController();
  const times: number[] = [];
  const noting = corrections(times, over.signal);
  requests.take();
  const controller = insist();
  expect(await world.event(world.unitKey('apps'), 'DriftLoop')).toMatch(
    new RegExp(
      `^ConfigMap/${target}/fought was put right 6 times within \\S+ and paint-controller changed it again; ` +
        `next correction in \\S+$`,
    ),
  );
  expect([...world.agent.metrics.lines()]).toContain('plumb_drift_loops 1');

  await expect.poll(() => times.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(CORRECTIONS - 1);
  const neighbour = configMapKey(target, 'quiet');
  const began = performance.now();
  await world.edit(neighbour, { data: { colour: 'red' } });
  await world.until(neighbour, 'be green again', (object) => colour(object) === 'green');
  expect(performance.now() - began).toBeLessThan(LONG_PAUSE_MS - 1_000);

  await expect.poll(() => times.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(CORRECTIONS);
  const writes = await controller.stop();
  over.abort();
  await noting;
  expect((times[CORRECTIONS - 1] ?? 0) - (times[AT_ONCE - 1] ?? 0)).toBeGreaterThan(LEAST_PAUSES_MS);
  expect(writes).toBeGreaterThan(2 * MOST_CORRECTIONS);
  expect(times.length).toBeLessThanOrEqual(MOST_CORRECTIONS);
  const sent = requests.take();
  expect(sent.filter((request) => request === 'apply configmaps').length).toBeLessThanOrEqual(MOST_CORRECTIONS + 1);
  expect(sent.length).toBeLessThanOrEqual(5 * MOST_CORRECTIONS);

  await world.until(configMapKey(target, 'fought'), 'be green for good', (object) => colour(object) === 'green');
  expect(await world.problems()).toEqual([]);
});
