import { HELM_CHART, type KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  hook,
  historyOf,
  jobTemplate,
  messageOf,
  podTemplate,
  REFUSED_SERVICE,
  says,
  stored,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const hookMap = (suffix: string, events: string, more: Parameters<typeof hook>[1] = {}): string => {
  const lines = Object.entries(hook(events, more)).map(([key, text]) => `    ${key}: "${text}"\n`);
  return configMapTemplate(suffix, { revision: '"{{ .Release.Revision }}"' }, `  annotations:\n${lines.join('')}`);
};

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };

/** The ConfigMaps of a release in the order they were written in, without its name. */
async function mapsOf(name: string): Promise<string[]> {
  const { items } = await releases.world.cluster.list(
    { group: '', version: 'v1', kind: 'ConfigMap' },
    { namespace: releases.world.namespace },
  );
  const written = ({ metadata }: KubeObject): number => Number(metadata.resourceVersion);
  return items
    .toSorted((a, b) => written(a) - written(b))
    .map(({ metadata }) => metadata.name)
    .filter((found) => found.startsWith(`${name}-`))
    .map((found) => found.slice(name.length + 1));
}

test('hooks come before and after the rest, by weight and then by name', async () => {
  await releases.chart('order', {
    ...MAIN,
    'templates/c.yaml': hookMap('pre-c', 'pre-install', { weight: -5 }),
    'templates/b.yaml': hookMap('pre-b', 'pre-install'),
    'templates/a.yaml': hookMap('pre-a', 'pre-install'),
    'templates/d.yaml': hookMap('pre-d', 'pre-install', { weight: 3 }),
    'templates/y.yaml': hookMap('post-y', 'post-install', { weight: 1 }),
    'templates/z.yaml': hookMap('post-z', 'post-install', { weight: -1 }),
  });
  await releases.release('order');
  await releases.ready('order');
  expect(await mapsOf('order')).toEqual(['pre-c', 'pre-a', 'pre-b', 'pre-d', 'main', 'post-z', 'post-y']);
});

const EVENTS = ['install', 'upgrade', 'rollback', 'delete'].flatMap((what) => [`pre-${what}`, `post-${what}`]);

test('each event has its hooks', async () => {
  const hooks = EVENTS.map((event) => [`templates/${event}.yaml`, hookMap(event, event)]);
  const service = { 'templates/service.yaml': `{{- if .Values.refused }}\n${REFUSED_SERVICE}{{- end }}\n` };
  const spec = { upgrade: { remediation: { retries: 1 } } };
  await releases.chart('events', { ...MAIN, ...service, ...Object.fromEntries(hooks) });
  await releases.release('events', spec);
  await releases.ready('events');
  expect(await mapsOf('events')).toEqual(['pre-install', 'main', 'post-install']);
  await releases.release('events', { ...spec, values: { colour: 'red' } });
  await releases.ready('events');
  expect((await mapsOf('events')).slice(1)).toEqual(['post-install', 'pre-upgrade', 'main', 'post-upgrade']);
  await releases.release('events', { ...spec, values: { colour: 'blue', refused: true } });
  await releases.until('events', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect((await mapsOf('events')).slice(-2)).toEqual(['pre-rollback', 'post-rollback']);
  await releases.world.cluster.delete(releases.key('events'));
  await releases.world.until(releases.key('events'), 'be gone', (object) => object === null);
  // Hooks belong to nobody, as with Helm.
  expect((await mapsOf('events')).slice(-2)).toEqual(['pre-delete', 'post-delete']);
  expect(await mapsOf('events')).not.toContain('main');
});

test('without a policy a hook is deleted before it is made again', async () => {
  await releases.chart('anew', {
    ...MAIN,
    'templates/job.yaml': jobTemplate('job', { annotations: hook('pre-install,pre-upgrade') }),
  });
  await releases.release('anew');
  await releases.ready('anew');
  const first = await releases.object('Job', 'anew-job', 'batch');
  await releases.release('anew', { values: { colour: 'red' } });
  await releases.ready('anew');
  const second = await releases.object('Job', 'anew-job', 'batch');
  expect(first).not.toBeNull();
  expect(second?.metadata.uid).not.toBe(first?.metadata.uid);
});

test('a hook that succeeded goes where its policy says so, also when a later one fails', async () => {
  const policy = { delete: 'hook-succeeded,hook-failed' };
  await releases.chart('gone', {
    ...MAIN,
    'templates/a.yaml': jobTemplate('a', { annotations: hook('pre-install', { weight: 1, ...policy }) }),
    'templates/b.yaml': jobTemplate('b', {
      behaviour: '{{ if .Values.broken }}fail, {{ end }}run=100ms',
      annotations: hook('pre-install', { weight: 2, ...policy }),
    }),
    'templates/c.yaml': jobTemplate('c', { annotations: hook('pre-install', { weight: 3 }) }),
  });
  await releases.release('gone', { values: { broken: true } });
  const failed = await releases.until('gone', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(failed, 'Ready')).toMatch(/failed pre-install: hook Job\/\S+\/gone-b failed: /);
  const jobs = (): Promise<(KubeObject | null)[]> =>
    Promise.all(['a', 'b', 'c'].map((suffix) => releases.object('Job', `gone-${suffix}`, 'batch')));
  expect(await jobs()).toEqual([null, null, null]);
  await releases.release('gone', { values: { broken: false } });
  await releases.ready('gone');
  expect(await releases.object('ConfigMap', 'gone-main')).not.toBeNull();
});

test('a hook that fails is told with the end of its log', async () => {
  await releases.chart('loud', {
    'templates/pod.yaml': podTemplate('pod', { behaviour: 'exit=3, run=100ms', annotations: hook('pre-install') }),
  });
  await releases.release('loud');
  const release = await releases.until('loud', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/hook Pod\/\S+\/loud-pod failed: .*; last lines of its log:\n\S/s);
});

test('one that does not end fails when its time is over', async () => {
  await releases.chart('long', {
    ...MAIN,
    'templates/job.yaml': jobTemplate('job', { behaviour: 'run=60s', annotations: hook('post-upgrade') }),
  });
  await releases.release('long', { upgrade: { timeout: '5s' } });
  await releases.ready('long');
  await releases.release('long', { upgrade: { timeout: '5s' }, values: { colour: 'red' } });
  const release = await releases.until('long', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(
    /: post-upgrade hooks failed: hook Job\/\S+\/long-job failed: it did not end within 5s/,
  );
  expect(historyOf(release)).toEqual(['v2 failed upgrade', 'v1 deployed install']);
});

test('what an action comes to is told at once, though its source went meanwhile', async () => {
  await releases.chart('lone', {
    ...MAIN,
    'templates/job.yaml': jobTemplate('job', { behaviour: 'run=3s', annotations: hook('pre-upgrade') }),
  });
  await releases.release('lone');
  await releases.ready('lone');
  await releases.release('lone', { values: { colour: 'red' } });
  await stored(releases, 'lone', 2, 'pending-upgrade');
  await releases.world.cluster.delete({ ...HELM_CHART, namespace: releases.world.namespace, name: 'lone' });
  const release = await releases.until('lone', 'be upgraded', (seen) => historyOf(seen)[0] === 'v2 deployed upgrade');
  expect(says(release, 'Released')).toBe('True UpgradeSucceeded');
  await releases.until('lone', 'miss its source', (seen) => says(seen, 'Ready') === 'False ArtifactFailed');
});

test('what the API server refuses of a hook is told', async () => {
  const refused = REFUSED_SERVICE.replace('  name:', '  annotations: {helm.sh/hook: pre-install}\n  name:');
  await releases.chart('no', { ...MAIN, 'templates/hook.yaml': refused });
  await releases.release('no');
  const release = await releases.until('no', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  expect(messageOf(release, 'Ready')).toMatch(/failed pre-install: hook Service\/\S+\/no-refused failed: .*70000/);
});

test('disableHooks leaves them out, each action for itself', async () => {
  await releases.chart('quiet', {
    ...MAIN,
    'templates/a.yaml': hookMap('in', 'pre-install'),
    'templates/b.yaml': hookMap('up', 'pre-upgrade'),
  });
  await releases.release('quiet', { install: { disableHooks: true } });
  await releases.ready('quiet');
  expect(await mapsOf('quiet')).toEqual(['main']);
  await releases.release('quiet', { install: { disableHooks: true }, values: { colour: 'red' } });
  await releases.ready('quiet');
  expect(await mapsOf('quiet')).toEqual(['up', 'main']);
  expect(await releases.problems()).toEqual([]);
});
