import type { KubeObject } from '@plumb/api';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMapTemplate, historyOf } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { Requests } from './support/requests.ts';

const requests = new Requests();
let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ agent: { connect: { counter: requests } } });
  // From now on all that is in its charts is watched.
  await releases.chart('first', SMALL);
  await releases.release('first');
  await releases.ready('first');
});
afterAll(async () => {
  await releases.close();
});

const SMALL: ChartFiles = {
  'templates/a.yaml': configMapTemplate('a', { colour: '{{ .Values.colour | default "green" }}' }),
  'templates/b.yaml': configMapTemplate('b', { colour: 'green' }),
  'templates/account.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: "{{ .Release.Name }}"}\n',
  'templates/service.yaml':
    'apiVersion: v1\nkind: Service\nmetadata: {name: "{{ .Release.Name }}"}\nspec: {clusterIP: None, ports: [{port: 80}]}\n',
};

/** What one thing cost, once nothing more comes of it: a request for another run is answered after all that was under way. */
async function costOf(name: string, done: () => Promise<unknown>): Promise<string[]> {
  requests.take();
  await done();
  await releases.answered(name);
  return requests.take();
}
test('an install of a small chart takes at most 24 requests', async () => {
  await releases.chart('small', SMALL);
  const sent = await costOf('small', async () => {
    await releases.release('small');
    await releases.ready('small');
  });
  expect(sent.length).toBeLessThanOrEqual(24);
});

test('an upgrade sends of its objects only what changed', async () => {
  const sent = await costOf('small', async () => {
    await releases.release('small', { values: { colour: 'red' } });
    await releases.until('small', 'be upgraded', (seen) => historyOf(seen)[0] === 'v2 deployed upgrade');
  });
  const ofObjects = sent.filter((one) => !/secrets|events|helmreleases/.test(one));
  expect(ofObjects).toEqual(['apply configmaps']);
  expect(sent.length).toBeLessThanOrEqual(12);
});

test.each<[string, Record<string, unknown>, string[]]>([
  ['nothing', {}, []],
  ['drift being looked at', { driftDetection: { mode: 'enabled' } }, []],
  [
    'tests, post-renderers and checks',
    {
      test: { enable: true },
      postRenderers: [{ kustomize: { images: [{ name: 'a', newTag: 'b' }] } }],
      healthCheckExprs: [{ apiVersion: 'shop.example/v1', kind: 'Till', current: 'true' }],
    },
    [],
  ],
  ['values of a ConfigMap', { valuesFrom: [{ kind: 'ConfigMap', name: 'config' }] }, ['get configmaps']],
])('a run without change sends nothing but its status, and what says its values: %s', async (_what, spec, more) => {
  const metadata = { name: 'config', namespace: releases.world.namespace };
  const data = { 'values.yaml': 'colour: blue\n' };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data } as KubeObject);
  await releases.release('small', spec);
  await releases.ready('small');
  await releases.answered('small');
  const sent = await costOf('small', () => releases.answered('small'));
  // The watch may be faster than the answer that is counted.
  expect([...new Set(sent)].toSorted()).toEqual([...more, 'patch helmreleases']);
});

test('a run at its interval sends nothing at all', async () => {
  const runs = (): number => {
    const lines = [...releases.world.agent.metrics.lines()];
    const line = lines.find(
      (one) => one.startsWith('gotk_reconcile_duration_seconds_count') && one.includes('"small"'),
    );
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  await releases.release('small', { interval: '1s', driftDetection: { mode: 'enabled' } });
  await releases.ready('small');
  await releases.answered('small');
  const before = runs();
  await expect.poll(runs, { timeout: 15_000 }).toBeGreaterThan(before);
  requests.take();
  await expect.poll(runs, { timeout: 15_000 }).toBeGreaterThan(before + 2);
  expect(requests.take()).toEqual([]);
  expect(await releases.problems()).toEqual([]);
});
