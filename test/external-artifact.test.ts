import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { READ_SOURCES } from '@plumb/api';
import { createDownloads } from '@plumb/sources';
import type { Downloads } from '@plumb/sources';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArtifactServer, digestOf, tarballOf } from './support/artifact-server.ts';
import { configMap, namespace } from './support/manifests.ts';
import { OwnPlane } from './support/own-plane.ts';
import { definitionOf } from './support/source-kinds.ts';
import type { StartAgent } from './support/world.ts';
import { condition, configMapKey, statusOf, World } from './support/world.ts';

const API = 'source.toolkit.fluxcd.io/v1';
const ORIGIN = 'org.opencontainers.image.revision';

/** Nobody works on the sources: their status is written by hand. */
const definitions = READ_SOURCES.map(definitionOf);

let plane: OwnPlane;
let world: World;
let server: ArtifactServer;
let downloads: Downloads;
let dir: string;
/** Kinds of sources that were listed or watched. */
const read = new Set<string>();

const counter = {
  count: (verb: string, resource: string): void => {
    if (verb === 'list' || verb === 'watch') read.add(resource);
  },
};

const startAgent = async (options: StartAgent = {}): Promise<void> => {
  downloads = createDownloads({ dir: join(dir, 'data'), hostOverride: server.host });
  const connect = { counter, kubeconfig: plane.kubeconfig };
  await world.startAgent({ connect, downloads, dependencyInterval: 2_000, bodiesLimit: 0, ...options });
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-external-artifact-'));
  plane = await OwnPlane.start();
  server = await ArtifactServer.start();
  world = await World.start({ kubeconfig: plane.kubeconfig, agent: false });
  await startAgent();
});
afterAll(async () => {
  await world.close();
  await downloads.close();
  await plane.close();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const sourceKey = (kind: string, name = 'fleet'): ObjectKey => ({
  group: 'source.toolkit.fluxcd.io',
  version: 'v1',
  kind,
  namespace: world.namespace,
  name,
});

const createSource = (kind: string, name = 'fleet'): Promise<KubeObject> =>
  world.apply({ apiVersion: API, kind, metadata: { name, namespace: world.namespace }, spec: {} });

/** Says in a source's status that it offers a tarball, which nobody serves yet. @returns its path */
async function offer(
  kind: string,
  revision: string,
  tarball: Buffer,
  more: { digest?: string; origin?: string } = {},
): Promise<string> {
  const path = `/${kind.toLowerCase()}/${revision.replaceAll(/\W/g, '-')}.tar.gz`;
  const artifact = {
    path,
    url: `http://source-controller.flux-system.svc.cluster.local.${path}`,
    revision,
    digest: more.digest ?? digestOf(tarball),
    lastUpdateTime: '2026-01-01T00:00:00Z',
    size: tarball.length,
    metadata: more.origin === undefined ? null : { [ORIGIN]: more.origin },
  };
  await world.cluster.patch(sourceKey(kind), { status: { artifact } }, { type: 'merge', subresource: 'status' });
  return path;
}

async function publish(...[kind, revision, tarball, more]: Parameters<typeof offer>): Promise<void> {
  server.put(`/${kind.toLowerCase()}/${revision.replaceAll(/\W/g, '-')}.tar.gz`, tarball);
  await offer(kind, revision, tarball, more);
}

const manifests = (colour: string, more: Record<string, string> = {}): Promise<Buffer> =>
  tarballOf({
    'apps/namespace.yaml': namespace(world.target),
    'apps/settings.yaml': configMap(world.target, 'settings', { colour }),
    'apps/kustomization.yaml': 'resources: [namespace.yaml, settings.yaml]\n',
    ...more,
  });

const says = (text: string): Promise<unknown> =>
  world.until(world.unitKey('apps'), `say ${text}`, (unit) => condition(unit, 'Ready')?.message === text);

const settings = async (): Promise<{ version: string | undefined; colour: string | undefined }> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return {
    version: object?.metadata.resourceVersion,
    colour: (object?.['data'] as { colour?: string } | undefined)?.colour,
  };
};

test('a source of a kind that the cluster does not serve is told of, and nothing is watched', async () => {
  await world.kustomization('apps', { sourceRef: { kind: 'OCIRepository', name: 'fleet' }, retryInterval: '2s' });
  const source = `OCIRepository/${world.namespace}/fleet`;
  await says(`Source '${source}' not found: the cluster serves no kind OCIRepository in ${API}`);
  expect([...read]).not.toContain('ocirepositories');
});

test('once it is served the source is waited for, then its artifact, then its tarball', async () => {
  for (const definition of definitions) await world.apply(definition);
  await says("Source 'OCIRepository/fleet' not found");
  await createSource('OCIRepository');
  await says('Source artifact not found, retrying in 2s');
  const tarball = await manifests('green');
  const path = await offer('OCIRepository', 'v1@sha256:1', tarball, { origin: 'main@sha1:1' });
  await says('Source is not ready, artifact not found, retrying in 2s');
  server.put(path, tarball);
  const unit = await world.applied('apps', 'v1@sha256:1');
  expect(await settings()).toMatchObject({ colour: 'green' });
  expect(unit.status).toMatchObject({
    lastAppliedOriginRevision: 'main@sha1:1',
    history: [{ metadata: { revision: 'v1@sha256:1', originRevision: 'main@sha1:1' } }],
  });
  expect([...read]).toContain('ocirepositories');
  expect([...read]).not.toContain('buckets');
});

test('what happens is told with both revisions', async () => {
  await world.event(world.unitKey('apps'), 'ReconciliationSucceeded');
  const events = (await world.events(world.unitKey('apps'))) as unknown as KubeObject[];
  const told = events.filter(({ reason }) => reason === 'ReconciliationSucceeded');
  expect(told.map(({ metadata }) => metadata.annotations)).toEqual([
    {
      'kustomize.toolkit.fluxcd.io/revision': 'v1@sha256:1',
      'kustomize.toolkit.fluxcd.io/originRevision': 'main@sha1:1',
      'kustomize.toolkit.fluxcd.io/commit_status': 'update',
    },
  ]);
});

test('a revision that touches nothing of the unit is applied without a request for its objects', async () => {
  const before = await settings();
  await publish('OCIRepository', 'v2@sha256:2', await manifests('green', { 'other/x.yaml': 'kind: X\n' }));
  const unit = await world.applied('apps', 'v2@sha256:2');
  expect(await settings()).toEqual(before);
  expect(unit.status?.history).toMatchObject([{ totalReconciliations: 2, metadata: { revision: 'v2@sha256:2' } }]);
  expect(unit.status).not.toHaveProperty('lastAppliedOriginRevision');
});

test('one that changes it is applied at once', async () => {
  await publish('OCIRepository', 'v3@sha256:3', await manifests('blue'));
  await world.applied('apps', 'v3@sha256:3');
  expect(await settings()).toMatchObject({ colour: 'blue' });
});

test.each<[string, string, () => Promise<Parameters<typeof offer>>, RegExp]>([
  [
    'whose tarball is not what the status says',
    'v4@sha256:4',
    async () => ['OCIRepository', 'v4@sha256:4', await manifests('red'), { digest: digestOf(Buffer.from('x')) }],
    /^failed to verify archive: computed digest doesn't match provided 'sha256:/,
  ],
  [
    'that holds a symlink',
    'v5@sha256:5',
    async () => ['OCIRepository', 'v5@sha256:5', await manifests('red', { 'apps/link.yaml': '->/etc/passwd' })],
    /^failed to extract archive: tar file entry ".\/apps\/link.yaml" is a symlink/,
  ],
])('one %s changes nothing', async (_name, revision, hostile, message) => {
  await publish(...(await hostile()));
  await world.until(world.unitKey('apps'), `fail at ${revision}`, (unit) => {
    const ready = condition(unit, 'Ready');
    return ready?.reason === 'ArtifactFailed' && message.test(ready.message);
  });
  const unit = await world.get(world.unitKey('apps'));
  expect(statusOf(unit)).toMatchObject({ lastAppliedRevision: 'v3@sha256:3' });
  expect(await settings()).toMatchObject({ colour: 'blue' });
});

test('what was applied is kept so, from what was downloaded, while its server is away and the source is gone', async () => {
  await publish('OCIRepository', 'v6@sha256:6', await manifests('blue'));
  await world.applied('apps', 'v6@sha256:6');
  await world.cluster.delete(sourceKey('OCIRepository'));
  await says("Source 'OCIRepository/fleet' not found");
  const asked = server.asked.length;
  await world.edit(configMapKey(world.target, 'settings'), { data: { colour: 'red' } });
  await world.event(world.unitKey('apps'), 'DriftCorrected');
  expect(await settings()).toMatchObject({ colour: 'blue' });
  expect(server.asked.length).toBe(asked);
  await createSource('OCIRepository');
  await offer('OCIRepository', 'v6@sha256:6', await manifests('blue'), { digest: await digestNow() });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
});

/** Of the tarball that was served last: two of the same files differ in their times. */
let served: Buffer | undefined;
async function digestNow(): Promise<string> {
  served ??= Buffer.from(await (await fetch(`http://${server.host}/ocirepository/v6-sha256-6.tar.gz`)).arrayBuffer());
  return digestOf(served);
}

test('a restart needs no download', async () => {
  await world.stopAgent();
  await downloads.close();
  const asked = server.asked.length;
  await startAgent();
  await world.judgedAnew('apps');
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True', 'ReconciliationSucceeded');
  expect(server.asked.length).toBe(asked);
});

test('an ExternalArtifact needs leave', async () => {
  await createSource('ExternalArtifact');
  await publish('ExternalArtifact', 'latest@sha256:1', await manifests('yellow'));
  await world.cluster.patch(
    world.unitKey('apps'),
    { spec: { sourceRef: { kind: 'ExternalArtifact' } } },
    { type: 'merge' },
  );
  const unit = await world.conditionIs(world.unitKey('apps'), 'Stalled', 'True', 'AccessDenied');
  expect(condition(unit, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'AccessDenied',
    message: `can't access 'ExternalArtifact/${world.namespace}/fleet', ExternalArtifact feature gate is disabled (--external-artifacts)`,
  });
  expect([...read]).not.toContain('externalartifacts');
  expect(await settings()).toMatchObject({ colour: 'blue' });
});

test('with it, it is a source as any', async () => {
  await world.stopAgent();
  await downloads.close();
  await startAgent({ externalArtifacts: true });
  await world.applied('apps', 'latest@sha256:1');
  expect(await settings()).toMatchObject({ colour: 'yellow' });
});

test('and so is a Bucket', async () => {
  await createSource('Bucket');
  await publish('Bucket', 'sha256:7', await manifests('white'));
  await world.cluster.patch(world.unitKey('apps'), { spec: { sourceRef: { kind: 'Bucket' } } }, { type: 'merge' });
  await world.applied('apps', 'sha256:7');
  expect(await settings()).toMatchObject({ colour: 'white' });
  expect(await world.problems()).toEqual([]);
});
