import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import type { Moment, Write } from './moments.ts';
import { MOMENTS, phasesOf } from './moments.ts';
import { secretOf } from './testing.ts';

const object = (kind: string, name: string, more: Partial<KubeObject> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
  ...more,
});
const pod = (phase = 'Pending'): KubeObject => object('Pod', 'alder-test', { status: { phase } } as never);
const job = (conditions: object[] = []): KubeObject => object('Job', 'alder-pre', { status: { conditions } } as never);

test.each<[write: string, write: Write, moments: Moment[]]>([
  ['a first record', { now: secretOf({ status: 'pending-install' }), before: null }, ['a record is stored']],
  [
    'what a hook notes in it',
    { now: secretOf({ status: 'pending-upgrade' }), before: secretOf({ status: 'pending-upgrade' }) },
    [],
  ],
  [
    'a rollback',
    { now: secretOf({ status: 'pending-rollback' }), before: null },
    ['a record is stored', 'a rollback begins'],
  ],
  ['success', { now: secretOf(), before: secretOf({ status: 'pending-upgrade' }) }, ['a release is in force']],
  ['failure', { now: secretOf({ status: 'failed' }), before: secretOf() }, ['a release failed']],
  ['an uninstall', { now: secretOf({ status: 'uninstalling' }), before: secretOf() }, ['an uninstall begins']],
  ['a record that goes', { now: null, before: secretOf() }, ['a record is deleted']],
  ['a Job', { now: job(), before: null }, ['a hook is made']],
  ['the ConfigMap of a hook', { now: object('ConfigMap', 'alder-note'), before: null }, ['a hook is made']],
  ['the Pod of a test', { now: pod(), before: null }, ['a hook is made', 'a test is run']],
  ['a hook that goes', { now: null, before: job() }, ['a hook is deleted']],
  ['an object', { now: object('ConfigMap', 'alder-settings'), before: null }, ['an object is applied']],
  ['an object that goes', { now: null, before: object('Role', 'alder-reader') }, ['an object is deleted']],
  [
    'a status',
    { now: object('HelmRelease', 'alder', { metadata: { name: 'alder' } }), before: null },
    ['a status is written'],
  ],
])('%s is a moment', (_what, write, moments) => {
  const held = Object.entries(MOMENTS).filter(([, holds]) => holds(write));
  expect(held.map(([moment]) => moment)).toEqual(moments);
});

test('what is under way is told by records that are not over, and by Jobs and Pods that have not ended', () => {
  const over = { type: 'Complete', status: 'True' };
  expect([...phasesOf([secretOf(), secretOf({ status: 'failed' }), job([over]), pod('Failed')])]).toEqual([]);
  const all = ['pending-install', 'pending-upgrade', 'pending-rollback', 'uninstalling'].map((status) =>
    secretOf({ status }),
  );
  const [underway, running] = [phasesOf(all), phasesOf([job(), pod()])];
  expect([...underway, ...running]).toEqual(['install', 'upgrade', 'rollback', 'uninstall', 'hook', 'test']);
});
