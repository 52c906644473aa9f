import type { JsonObject, KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordIn, recordKey } from './support/helm.ts';
import {
  configMapTemplate,
  deploymentTemplate,
  historyOf,
  hook,
  messageOf,
  recordsOf,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
});
afterAll(async () => {
  await releases.close();
});

const HOOK = Object.entries(hook('pre-install,pre-upgrade'))
  .map(([key, text]) => `    ${key}: "${text}"\n`)
  .join('');
const CHART = {
  'templates/main.yaml': configMapTemplate('main', { colour: 'green' }),
  'templates/hook.yaml': configMapTemplate('hook', { colour: 'green' }, `  annotations:\n${HOOK}`),
};

const operation = (op: string, key: string, value?: string): string =>
  JSON.stringify([{ op, path: `/data/${key}`, value }]);
/** Adds a key to every ConfigMap. */
const patch = (key: string, target: Record<string, string> = { kind: 'ConfigMap' }): JsonObject => ({
  kustomize: { patches: [{ target, patch: operation('add', key, 'patched') }] },
});
const dataOf = async (name: string): Promise<unknown> => (await releases.object('ConfigMap', name))?.['data'];
const metadataOf = async (name: string): Promise<KubeObject['metadata']> => {
  const object = await releases.object('ConfigMap', name);
  if (object === null) throw new Error(`${name} is not there`);
  return object.metadata;
};
const recordOf = async (name: string, version: number): Promise<JsonObject> => {
  const { cluster, namespace } = releases.world;
  return recordIn(await cluster.get(recordKey(namespace, name, version)));
};

test('patches change what the chart renders, one post-renderer after the other, and the record has what came out', async () => {
  await releases.chart('patched', CHART);
  const named = { kind: 'ConfigMap', name: 'patched-main' };
  const second = operation('replace', 'first', 'again');
  await releases.release('patched', {
    postRenderers: [patch('first', named), { kustomize: { patches: [{ target: named, patch: second }] } }],
  });
  await releases.ready('patched');
  expect(await dataOf('patched-main')).toEqual({ colour: 'green', first: 'again' });
  expect(await dataOf('patched-hook')).toEqual({ colour: 'green' });
  const { manifest } = await recordOf('patched', 1);
  expect(manifest).toContain('first: again');
});

test('images are renamed and pinned', async () => {
  await releases.chart('images', { 'templates/web.yaml': deploymentTemplate('web') });
  const digest = `sha256:${'ab'.repeat(32)}`;
  const images = [{ name: 'shop/cart', newName: 'mirror.example/cart', newTag: '2.0.0' }];
  const disableWait = { install: { disableWait: true }, upgrade: { disableWait: true } };
  const imageOf = async (): Promise<unknown> => {
    const web = await releases.object('Deployment', 'images-web', 'apps');
    const spec = web?.['spec'] as { template: { spec: { containers: { image: string }[] } } } | undefined;
    return spec?.template.spec.containers[0]?.image;
  };
  await releases.release('images', { ...disableWait, postRenderers: [{ kustomize: { images } }] });
  await releases.ready('images');
  expect(await imageOf()).toBe('mirror.example/cart:2.0.0');
  await releases.release('images', {
    ...disableWait,
    postRenderers: [{ kustomize: { images: [{ name: 'shop/cart', digest }] } }],
  });
  await releases.ready('images');
  expect(await imageOf()).toBe(`shop/cart@${digest}`);
});

test.each([
  ['combined', 'patched'],
  ['separate', 'patched'],
  ['nohooks', undefined],
  [undefined, 'patched'],
])('with the strategy %s a hook gets: %s', async (postRenderStrategy, gets) => {
  const name = `hooks-${postRenderStrategy ?? 'default'}`;
  await releases.chart(name, CHART);
  const strategy = postRenderStrategy === undefined ? {} : { postRenderStrategy };
  const commonMetadata = { labels: { team: 'shop' } };
  await releases.release(name, { ...strategy, commonMetadata, postRenderers: [patch('seen')] });
  await releases.ready(name);
  expect(await dataOf(`${name}-main`)).toEqual({ colour: 'green', seen: 'patched' });
  const expected = gets === undefined ? { colour: 'green' } : { colour: 'green', seen: gets };
  expect(await dataOf(`${name}-hook`)).toEqual(expected);
  const { team, 'helm.toolkit.fluxcd.io/name': owner } = (await metadataOf(`${name}-hook`)).labels ?? {};
  expect([team, owner]).toEqual(gets === undefined ? [undefined, undefined] : ['shop', name]);
  const { hooks } = (await recordOf(name, 1)) as { hooks: { manifest: string }[] };
  expect(hooks.map(({ manifest }) => manifest.includes('seen: patched'))).toEqual([gets !== undefined]);
});

test('a name that a hook and the rest share is told with what helps, and nothing is stored', async () => {
  await releases.chart('twice', {
    ...CHART,
    'templates/hook.yaml': configMapTemplate('main', { colour: 'red' }, `  annotations:\n${HOOK}`),
  });
  await releases.release('twice', { postRenderers: [patch('seen')] });
  const failed = await releases.until('twice', 'fail', (seen) => says(seen, 'Ready') === 'False InstallFailed');
  expect(messageOf(failed, 'Ready')).toMatch(
    /is declared twice, .*spec\.postRenderStrategy must be separate or nohooks$/,
  );
  expect(await recordsOf(releases, 'twice')).toEqual([]);
  await releases.release('twice', { postRenderStrategy: 'nohooks', postRenderers: [patch('seen')] });
  await releases.ready('twice');
  expect(await dataOf('twice-main')).toEqual({ colour: 'green', seen: 'patched' });
});

test('commonMetadata goes over what objects declare; a change of it is an upgrade, and what it had is gone', async () => {
  const own = '  labels: {team: chart, own: "yes"}\n';
  await releases.chart('common', { 'templates/main.yaml': configMapTemplate('main', { colour: 'green' }, own) });
  const spec = { commonMetadata: { labels: { team: 'shop' }, annotations: { contact: 'shop@shop.example' } } };
  await releases.release('common', spec);
  const installed = await releases.ready('common');
  expect(installed.status?.observedCommonMetadataDigest).toMatch(/^sha256:/);
  const { labels, annotations } = await metadataOf('common-main');
  expect(labels).toMatchObject({ team: 'shop', own: 'yes' });
  expect(annotations).toMatchObject({ contact: 'shop@shop.example' });
  await releases.release('common', { commonMetadata: { labels: { team: 'till' } } });
  const upgraded = await releases.ready('common');
  expect(historyOf(upgraded)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  const after = await metadataOf('common-main');
  expect(after.labels).toMatchObject({ team: 'till', own: 'yes' });
  expect(after.annotations).not.toHaveProperty('contact');
  await releases.release('common');
  const without = await releases.ready('common');
  expect(without.status).not.toHaveProperty('observedCommonMetadataDigest');
  expect((await metadataOf('common-main')).labels).toMatchObject({ team: 'chart', own: 'yes' });
});

test('a changed post-renderer upgrades, also to none; an unchanged one does not, nor does a restart', async () => {
  await releases.chart('changed', CHART);
  await releases.release('changed', { postRenderers: [patch('first')] });
  const installed = await releases.ready('changed');
  const { observedPostRenderersDigest: before } = installed.status ?? {};
  expect(before).toMatch(/^sha256:/);
  await releases.release('changed', { postRenderers: [patch('first')], interval: '20m' });
  await releases.ready('changed');
  await releases.stopAgent();
  await releases.startAgent();
  expect(historyOf(await releases.answered('changed'))).toEqual(['v1 deployed install']);
  await releases.release('changed', { postRenderers: [patch('second')] });
  const upgraded = await releases.ready('changed');
  expect(historyOf(upgraded)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  expect(upgraded.status?.observedPostRenderersDigest).not.toBe(before);
  expect(await dataOf('changed-main')).toEqual({ colour: 'green', second: 'patched' });
  await releases.release('changed');
  const bare = await releases.ready('changed');
  expect(historyOf(bare)[0]).toBe('v3 deployed upgrade');
  expect(bare.status).not.toHaveProperty('observedPostRenderersDigest');
  expect(await dataOf('changed-main')).toEqual({ colour: 'green' });
});

test('one that cannot be applied fails the upgrade before anything is stored, and is named', async () => {
  const flawed = { kustomize: { patches: [{ target: { kind: 'ConfigMap' }, patch: operation('remove', 'none') }] } };
  await releases.release('changed', { postRenderers: [patch('first'), flawed] });
  const failed = await releases.until('changed', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  expect(messageOf(failed, 'Ready')).toMatch(/: spec\.postRenderers\[1\]: .*'\/data\/none'/);
  expect((await recordsOf(releases, 'changed'))[0]).toBe('v3 deployed');
  expect(await dataOf('changed-main')).toEqual({ colour: 'green' });
  expect(await releases.problems()).toEqual([]);
});
