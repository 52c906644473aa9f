import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginUpgrade, recordKey } from './support/helm.ts';
import {
  answered,
  configMapTemplate,
  failuresOf,
  historyOf,
  messageOf,
  recordsOf,
  request,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { namespaceKey } from './support/world.ts';

// The agent watches one namespace, and the records are in another.

let releases: Releases;
let elsewhere: string;

beforeAll(async () => {
  releases = await Releases.start();
  elsewhere = releases.world.target;
  await releases.world.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: elsewhere } });
});
afterAll(async () => {
  await releases.world.cluster.delete(namespaceKey(elsewhere));
  await releases.close();
});

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };
const records = (name: string): Promise<string[]> => recordsOf(releases, name, elsewhere);
const colourOf = async (name: string): Promise<unknown> =>
  (await releases.object('ConfigMap', `${name}-main`))?.['data'];

async function asked(name: string): Promise<void> {
  await answered(releases, name, await request(releases, name));
}

test('a record that somebody deleted where nobody watches is missed by the next run', async () => {
  const spec = { storageNamespace: elsewhere, values: { colour: 'red' } };
  await releases.chart('back', MAIN);
  await releases.release('back', { storageNamespace: elsewhere });
  await releases.ready('back');
  await releases.release('back', spec);
  await releases.ready('back');
  expect(await records('back')).toEqual(['v2 deployed', 'v1 superseded']);
  await releases.world.cluster.delete(recordKey(elsewhere, 'back', 2));
  await asked('back');
  const release = await releases.ready('back');
  expect(await records('back')).toEqual(['v2 deployed', 'v1 superseded']);
  expect(failuresOf(release)).toEqual([0, 0, 0]);
});

test('a run that finds all as it was upgrades nothing', async () => {
  await asked('back');
  await asked('back');
  const release = await releases.ready('back');
  expect(historyOf(release)[0]).toBe('v2 deployed upgrade');
  expect(await records('back')).toEqual(['v2 deployed', 'v1 superseded']);
});

test('what somebody else is at work on there is left alone, however often it is looked at', async () => {
  await releases.chart('theirs', MAIN);
  await releases.release('theirs', { storageNamespace: elsewhere });
  await releases.ready('theirs');
  await beginUpgrade(releases.world.cluster, elsewhere, 'theirs');
  await releases.release('theirs', { storageNamespace: elsewhere, values: { colour: 'red' } });
  const waiting = await releases.until('theirs', 'wait', (seen) => says(seen, 'Reconciling') !== undefined);
  expect(messageOf(waiting, 'Reconciling')).toMatch(/theirs\.v2 is in pending-upgrade state, and not by this agent: /);
  for (const _look of [1, 2]) {
    await asked('theirs');
    expect(await records('theirs')).toEqual(['v2 pending-upgrade', 'v1 deployed']);
  }
  expect(await colourOf('theirs')).toEqual({ colour: 'green' });
});

test('but not for ever', async () => {
  const createdAt = String(Math.floor(Date.now() / 1_000) - 3_600);
  await releases.world.cluster.patch(
    recordKey(elsewhere, 'theirs', 2),
    { metadata: { labels: { createdAt } } },
    { type: 'merge', fieldManager: 'Helm' },
  );
  await asked('theirs');
  await releases.ready('theirs');
  expect(await records('theirs')).toEqual(['v3 deployed', 'v2 failed', 'v1 superseded']);
  expect(await colourOf('theirs')).toEqual({ colour: 'red' });
  expect(await releases.problems()).toEqual([]);
});
