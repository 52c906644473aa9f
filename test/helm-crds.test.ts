import type { KubeObject, ObjectKey } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  configMapTemplate,
  failuresOf,
  historyOf,
  messageOf,
  recordsOf,
  request,
  answered,
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

/** A definition of a kind of its own for each scenario, with a property of that name. */
function definition(kind: string, property = 'colour'): KubeObject {
  const singular = kind.toLowerCase();
  const text = { type: 'string' };
  const spec = { type: 'object', properties: { size: text, [property]: text } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.shop.dev` },
    spec: {
      group: 'shop.dev',
      scope: 'Namespaced',
      names: { kind, plural: `${singular}s`, singular },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}

const resource = (kind: string): string =>
  `apiVersion: shop.dev/v1\nkind: ${kind}\nmetadata: {name: "{{ .Release.Name }}"}\nspec: {size: "{{ .Values.size | default "small" }}"}\n`;

const chartOf = (kind: string, property = 'colour'): Record<string, string> => ({
  'crds/kind.yaml': JSON.stringify(definition(kind, property)),
  'templates/own.yaml': resource(kind),
});

const definitionKey = (kind: string): ObjectKey => ({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  namespace: '',
  name: `${kind.toLowerCase()}s.shop.dev`,
});

const propertiesOf = (object: KubeObject | null): string[] => {
  const spec = object?.['spec'] as {
    versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }[];
  };
  return Object.keys(spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {}).toSorted();
};

const own = (kind: string, name: string): Promise<KubeObject | null> => releases.object(kind, name, 'shop.dev');

test('definitions come before what is made of them, and carry the mark of the release', async () => {
  await releases.chart('first', {
    ...chartOf('First'),
    'templates/asks.yaml': configMapTemplate('asks', {
      served: '"{{ .Capabilities.APIVersions.Has "shop.dev/v1/First" }}"',
    }),
  });
  await releases.release('first');
  await releases.ready('first');
  const { namespace } = releases.world;
  expect((await releases.world.get(definitionKey('First')))?.metadata.labels).toEqual({
    'helm.toolkit.fluxcd.io/name': 'first',
    'helm.toolkit.fluxcd.io/namespace': namespace,
  });
  expect((await own('First', 'first'))?.['spec']).toEqual({ size: 'small' });
  // What a chart defines itself, its templates find.
  expect((await releases.object('ConfigMap', 'first-asks'))?.['data']).toEqual({ served: 'true' });
});

test('an upgrade leaves a definition that is there as it is', async () => {
  await releases.chart('first', chartOf('First', 'weight'), '2.0.0');
  await releases.until('first', 'be upgraded', (seen) => historyOf(seen)[0] === 'v2 deployed upgrade');
  expect(propertiesOf(await releases.world.get(definitionKey('First')))).toEqual(['colour', 'size']);
});

test('CreateReplace changes it', async () => {
  await releases.release('first', { upgrade: { crds: 'CreateReplace' }, values: { size: 'large' } });
  const release = await releases.ready('first');
  expect(historyOf(release)[0]).toBe('v3 deployed upgrade');
  expect(propertiesOf(await releases.world.get(definitionKey('First')))).toEqual(['size', 'weight']);
});

test('whatever becomes of the release, its definitions stay', async () => {
  await releases.world.cluster.delete(releases.key('first'));
  await releases.world.until(releases.key('first'), 'be gone', (object) => object === null);
  expect(await own('First', 'first')).toBeNull();
  expect(await releases.world.get(definitionKey('First'))).not.toBeNull();
});

test('Skip brings none, and what needs one says so', async () => {
  await releases.chart('second', chartOf('Second'));
  await releases.release('second', { install: { crds: 'Skip' } });
  const failed = await releases.until('second', 'fail', (seen) => says(seen, 'Ready') === 'False InstallFailed');
  expect(messageOf(failed, 'Ready')).toMatch(
    /Second\/\S+\/second \(\S+templates\/own.yaml\): the cluster serves no kind Second in shop.dev\/v1; apply its definition first$/,
  );
  expect(await recordsOf(releases, 'second')).toEqual([]);
  // Somebody else brings it: the next try finds it.
  await releases.world.apply(definition('Second'));
  await releases.ready('second');
});

test('a definition that vanished is made again by the next upgrade', async () => {
  await releases.chart('third', chartOf('Third'));
  await releases.release('third');
  await releases.ready('third');
  await releases.world.cluster.delete(definitionKey('Third'));
  await releases.world.until(definitionKey('Third'), 'be gone', (object) => object === null);
  // Drift is not looked for: nothing is to be done.
  const answer = await answered(releases, 'third', await request(releases, 'third'));
  expect(says(answer, 'Ready')).toBe('True InstallSucceeded');
  await releases.release('third', { values: { size: 'large' } });
  await releases.ready('third');
  expect((await own('Third', 'third'))?.['spec']).toEqual({ size: 'large' });
});

test('with Skip the upgrade says that it is missing, and the release stays as it is', async () => {
  await releases.world.cluster.delete(definitionKey('Third'));
  await releases.world.until(definitionKey('Third'), 'be gone', (object) => object === null);
  await releases.release('third', { upgrade: { crds: 'Skip' }, values: { size: 'huge' } });
  const failed = await releases.until('third', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  expect(messageOf(failed, 'Ready')).toMatch(/the cluster serves no kind Third in shop.dev\/v1/);
  expect(failuresOf(failed).slice(1)).toEqual([0, 0]);
  expect(await recordsOf(releases, 'third')).toEqual(['v2 deployed', 'v1 superseded']);
});

test('and the release can be uninstalled without it', async () => {
  await releases.world.cluster.delete(releases.key('third'));
  await releases.world.until(releases.key('third'), 'be gone', (object) => object === null);
  expect(await recordsOf(releases, 'third')).toEqual([]);
});

test('a definition that the API server refuses fails the install before anything is stored', async () => {
  await releases.chart('fourth', {
    ...chartOf('Fourth'),
    'crds/bad.yaml': JSON.stringify(definition('Fifth')).replace('"served":true', '"served":1'),
  });
  await releases.release('fourth');
  const failed = await releases.until('fourth', 'fail', (seen) => says(seen, 'Ready') === 'False InstallFailed');
  expect(messageOf(failed, 'Ready')).toMatch(
    /: failed to apply CustomResourceDefinitions: CustomResourceDefinition\/fifths.shop.dev: /,
  );
  expect(await recordsOf(releases, 'fourth')).toEqual([]);
  expect(await releases.problems()).toEqual([]);
});
