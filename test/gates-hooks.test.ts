import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, clusterPolicy, inPhase, installGates, Person } from './support/gates.ts';
import { historyOf, hook as testHook, podTemplate, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

let releases: Releases;
let dir: string;
let alice: Person;

beforeAll(async () => {
  releases = await Releases.start({ agent: false, nodes: true });
  await installGates(releases.world.cluster);
  await releases.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir, kubeconfig: releases.plane.kubeconfig });
});

afterAll(async () => {
  await releases.close();
  await alice.cluster.close();
  await rm(dir, { recursive: true, force: true });
});

const SETTINGS =
  'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-settings\ndata:\n  colour: {{ .Values.colour }}\n';
const CLAIM = 'spec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n';

const chart = (extra: Record<string, string> = {}): Record<string, string> => ({
  'values.yaml': 'colour: green\n',
  'templates/settings.yaml': SETTINGS,
  ...extra,
});

const hook = (kind: string, name: string, body: string): string =>
  `apiVersion: ${kind === 'Job' ? 'batch/v1' : 'v1'}\nkind: ${kind}\nmetadata:\n  name: ${name}\n  annotations:\n    helm.sh/hook: pre-upgrade\n${body}`;

const uidOf = async (kind: string, name: string): Promise<string | undefined> =>
  (await releases.object(kind, name, kind === 'Job' ? 'batch' : ''))?.metadata.uid;

test('a hook deletes no claim that is there without an approval', async () => {
  const { world } = releases;
  await releases.chart('cart', chart());
  await releases.release('cart');
  await releases.ready('cart');
  const claim: KubeObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: world.namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  await world.cluster.create(claim);
  const before = await uidOf('PersistentVolumeClaim', 'data');
  await releases.chart('cart', chart({ 'templates/hook.yaml': hook('PersistentVolumeClaim', 'data', CLAIM) }), '1.1.0');
  const change = await changeOf(world, 'cart', 'wait', inPhase('Pending'));
  expect(change.status).toMatchObject({
    counts: { delete: 1 },
    message: `waits for an approval by anybody of the deletion of PersistentVolumeClaim/${world.namespace}/data`,
  });
  expect(change.status?.objects).toContainEqual({
    object: `PersistentVolumeClaim/${world.namespace}/data`,
    action: 'delete',
  });
  await world.conditionIs(releases.key('cart'), 'Ready', 'False', 'Gated');
  expect(await uidOf('PersistentVolumeClaim', 'data')).toBe(before);
  await alice.says('Approve', change);
  await releases.ready('cart');
  expect(await uidOf('PersistentVolumeClaim', 'data')).not.toBe(before);
});

test('what a hook made itself needs one too where limits protect it', async () => {
  const { world } = releases;
  const before = await uidOf('PersistentVolumeClaim', 'data');
  await releases.release('cart', { values: { colour: 'red' } });
  const change = await changeOf(world, 'cart', 'wait', inPhase('Pending'));
  expect(change.status?.counts).toMatchObject({ delete: 1 });
  expect(await uidOf('PersistentVolumeClaim', 'data')).toBe(before);
});

test('a Job that a hook makes at each upgrade is no deletion', async () => {
  const { world } = releases;
  await clusterPolicy(world, 'nothing-goes', { select: { names: ['basket'] }, limits: { maxDeletes: 0 } });
  const job =
    'spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: a, image: registry.example/a}]\n';
  await releases.chart('basket', chart({ 'templates/hook.yaml': hook('Job', 'migrate', job) }));
  await releases.release('basket');
  await releases.ready('basket');
  const seen = new Set<string | undefined>();
  for (const colour of ['red', 'blue', 'grey']) {
    await releases.release('basket', { values: { colour } });
    await releases.ready('basket');
    seen.add(await uidOf('Job', 'migrate'));
  }
  expect(seen.size).toBe(3);
});

test('what was rolled back to after a failed test is tested, and takes the place of the Pod that failed', async () => {
  const { world } = releases;
  await clusterPolicy(world, 'nothing-lost', { select: { names: ['crate'] }, limits: { maxDeletes: 0 } });
  const behaviour = '{{ if .Values.broken }}fail, {{ end }}run=100ms';
  const probe = podTemplate('probe', { behaviour, annotations: testHook('test') });
  await releases.chart(
    'crate',
    chart({ 'values.yaml': 'colour: green\nbroken: false\n', 'templates/probe.yaml': probe }),
  );
  // Its hooks carry no mark of their release.
  const spec = {
    postRenderStrategy: 'nohooks',
    test: { enable: true },
    upgrade: { remediation: { retries: 1 } },
  } as const;
  await releases.release('crate', spec);
  await releases.ready('crate');
  await releases.release('crate', { ...spec, values: { broken: true, colour: 'red' } });
  await releases.until('crate', 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const failed = await uidOf('Pod', 'crate-probe');
  await releases.release('crate', spec);
  const release = await releases.ready('crate');
  expect(says(release, 'Ready')).toBe('True TestSucceeded');
  expect(historyOf(release)[0]).toBe('v5 deployed rollback');
  expect(await uidOf('Pod', 'crate-probe')).not.toBe(failed);
});
