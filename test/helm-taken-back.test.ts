import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMapTemplate, failuresOf, historyOf, messageOf, recordsOf, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { configMapKey } from './support/world.ts';

// A release stays in force that an upgrade, taken back since, left alone.

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
});
afterAll(async () => {
  await releases.close();
});

const CHART = {
  'values.yaml': 'colour: green\n',
  'values.schema.json': '{"properties": {"colour": {"type": "string"}}}',
  'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour }}' }),
};

async function inForce(name: string): Promise<void> {
  const release = await releases.ready(name);
  const { namespace } = releases.world;
  expect(says(release, 'Ready')).toBe('True InstallSucceeded');
  expect(says(release, 'Released')).toBe('True InstallSucceeded');
  expect(messageOf(release, 'Ready')).toBe(
    `Helm install succeeded for release ${namespace}/${name}.v1 with chart ${name}@1.0.0`,
  );
  for (const type of ['Reconciling', 'Stalled']) expect(says(release, type)).toBeUndefined();
  expect(historyOf(release)).toEqual(['v1 deployed install']);
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  expect(await recordsOf(releases, name)).toEqual(['v1 deployed']);
}

test('values that the schema refuses, and that are taken back', async () => {
  await releases.chart('schema', CHART);
  await releases.release('schema');
  await inForce('schema');
  await releases.release('schema', { values: { colour: 1 } });
  await releases.until('schema', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  await releases.release('schema');
  await inForce('schema');
});

test('so it is where it was given up, and after a restart', async () => {
  await releases.release('schema', { values: { colour: 1 }, upgrade: { remediation: { retries: 0 } } });
  await releases.until('schema', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  await releases.stopAgent();
  await releases.release('schema');
  await releases.startAgent();
  await inForce('schema');
});

test('a chart that does not render, and that is taken back', async () => {
  await releases.chart('chart', CHART);
  await releases.release('chart');
  await inForce('chart');
  await releases.chart('chart', { ...CHART, 'templates/main.yaml': '{{ fail "no" }}' }, '1.0.1');
  await releases.until('chart', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  await releases.chart('chart', CHART);
  await inForce('chart');
});

test('values that are not there, and that are taken back', async () => {
  await releases.release('chart', { valuesFrom: [{ kind: 'ConfigMap', name: 'nowhere' }] });
  await releases.until('chart', 'miss its values', (seen) => says(seen, 'Ready') === 'False ValuesError');
  await releases.release('chart');
  await inForce('chart');
});

test('its objects are held to it again: what others changed meanwhile is put right', async () => {
  const drift = { driftDetection: { mode: 'enabled' } };
  const key = configMapKey(releases.world.namespace, 'chart-main');
  await releases.release('chart', { ...drift, values: { colour: 1 } });
  await releases.until('chart', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  await releases.world.edit(key, { data: { colour: 'red' } });
  await releases.release('chart', drift);
  await releases.world.event(releases.key('chart'), 'DriftCorrected');
  expect((await releases.world.get(key))?.['data']).toEqual({ colour: 'green' });
  await inForce('chart');
  await releases.release('chart');
  await inForce('chart');
});

test('a spec that is another for a moment, while nobody looks', async () => {
  await releases.stopAgent();
  await releases.release('chart', { values: { colour: 'red' } });
  await releases.release('chart');
  await releases.startAgent();
  await inForce('chart');
  await releases.release('chart', { suspend: true, values: { colour: 'red' } });
  await releases.release('chart');
  await inForce('chart');
  expect(await releases.problems()).toEqual([]);
});
