import { LOCKDOWN, type Lockdown } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import type { MemoryCluster } from '@plumb/memory-cluster';
import { beforeEach, expect, test } from 'vitest';
import { endLockdown, listLockdowns, lockDown } from './lockdowns.ts';
import { clusterWithGates, NOW, object, seenBy } from './testing/gate-bench.ts';

const { signal } = new AbortController();
const OLGA = { name: 'olga', groups: ['oncall'] };
const WISH = {
  name: 'incident',
  reason: 'down',
  until: '',
  lasts: '',
  select: {},
  causes: [],
  approvals: { count: 0, users: [], groups: [] },
  checks: [],
};
const PEOPLE = { count: 2, users: ['ann'], groups: ['sre', 'dba'] };

/** Knows no CEL, but one mistake. */
const engine: Pick<Engine, 'celCheck'> = {
  celCheck: ({ expressions }) =>
    Promise.resolve(expressions.map((one) => (one === 'object.' ? 'Syntax error: at 1:8' : null))),
};
const lock = (wish: object): Promise<Lockdown> => lockDown(seenBy(cluster, OLGA), { ...WISH, ...wish }, engine, signal);

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await clusterWithGates();
});

test.each([
  ['--for, from the time that the API server has', { lasts: '1h30m' }, { until: '2026-11-27T13:30:00Z' }],
  ['--until, in whatever zone', { until: '2026-11-27T10:00-08:00' }, { until: '2026-11-27T18:00:00Z' }],
  [
    'a selection and causes',
    { lasts: '1h', select: { kinds: ['HelmRelease'], labelSelector: 'app=cart' } as const, causes: ['drift'] },
    { until: '2026-11-27T13:00:00Z', select: { kinds: ['HelmRelease'], labelSelector: 'app=cart' }, causes: ['drift'] },
  ],
  [
    'approvals, by whom they count',
    { lasts: '1h', approvals: PEOPLE },
    {
      until: '2026-11-27T13:00:00Z',
      approvals: [{ name: 'people', count: 2, users: ['ann'], groups: ['sre', 'dba'] }],
    },
  ],
  [
    'checks, in which commas and equals signs mean what they mean in CEL',
    {
      lasts: '1h',
      approvals: { count: 1, users: [], groups: [] },
      checks: ["few=object.kind in ['ConfigMap', 'Secret']", 'jobs = object.kind == "Job" ? false : true'],
    },
    {
      until: '2026-11-27T13:00:00Z',
      approvals: [{ name: 'people', count: 1 }],
      checks: [
        { name: 'few', expression: "object.kind in ['ConfigMap', 'Secret']", over: 'Object' },
        { name: 'jobs', expression: 'object.kind == "Job" ? false : true', over: 'Object' },
      ],
    },
  ],
])('a lockdown has %s', async (_name, wish, spec) => {
  await lock(wish);
  const made = await cluster.get({ ...LOCKDOWN, namespace: '', name: 'incident' });
  expect(made?.['spec']).toEqual({ reason: 'down', by: 'olga', ...spec });
});

test('one without a name gets one', async () => {
  const made = await lock({ name: '', lasts: '1h' });
  expect(made.metadata.name).toMatch(/^lockdown-[0-9a-f]{8}$/);
});

test.each([
  ['without a reason', { reason: '', lasts: '1h' }, 'whoever is stopped wants to know why: give --reason'],
  ['without an end', {}, 'a lockdown ends by itself: say when, with either --until or --for'],
  ['with two ends', { lasts: '1h', until: '2026-11-28T00:00:00Z' }, 'a lockdown ends by itself: say when, with either'],
  ['that lasts no time', { lasts: '0s' }, '--for must be longer than 0s'],
  ['of no duration', { lasts: 'long' }, "invalid duration 'long': write it as 90s, 1m30s or 1h"],
  [
    'that has ended already',
    { until: '2026-11-27T11:59:59Z' },
    "--until '2026-11-27T11:59:59Z' is in the past: the cluster has 2026-11-27T12:00:00Z now",
  ],
  ['until a day that there is not', { until: '2026-13-27T12:00:00Z' }, "--until '2026-13-27T12:00:00Z' is no time as"],
  ['of a cause that there is not', { lasts: '1h', causes: ['whim'] }, 'the lockdown: spec.causes[0] must be one of'],
  [
    'with a selector that cannot be read, which would lock everything',
    { lasts: '1h', select: { labelSelector: 'a in' } },
    'the lockdown: select.labelSelector: expected "(" before ""',
  ],
  [
    'with approvers, and no number of approvals, which would stop all',
    { lasts: '1h', approvals: { ...PEOPLE, count: 0 } },
    'it is said whose approvals count, and not how many are needed: give --require-approvals',
  ],
  [
    'with a check without a name',
    { lasts: '1h', checks: ["object.kind != 'Job'"] },
    "--check 'object.kind != 'Job'' is no name=expression, as no-jobs=object.kind != 'Job'",
  ],
  [
    'with a check without a name that compares',
    { lasts: '1h', checks: ['object==oldObject'] },
    "--check 'object==oldObject' is no name=expression",
  ],
  ['with a check of nothing', { lasts: '1h', checks: ['no-jobs= '] }, "--check 'no-jobs= ' is no name=expression"],
  [
    'with two checks of one name',
    { lasts: '1h', checks: ['a=true', 'a=false'] },
    'the lockdown: the name a is given to two rules',
  ],
  [
    'with a check that is no CEL, which would hold everything',
    { lasts: '1h', checks: ['a=object.'] },
    'the lockdown: checks/a: Syntax error: at 1:8',
  ],
])('one %s is refused', async (_name, wish, message) => {
  await expect(lock(wish)).rejects.toThrow(message);
  expect((await cluster.list(LOCKDOWN)).items).toEqual([]);
});

test('is ended by its name', async () => {
  await lock({ lasts: '1h' });
  await endLockdown(seenBy(cluster, OLGA), 'incident', signal);
  expect((await cluster.list(LOCKDOWN)).items).toEqual([]);
  await expect(endLockdown(seenBy(cluster, OLGA), 'incident', signal)).rejects.toThrow(
    "there is no Lockdown incident in the cluster; 'plumb lockdown list' shows those there are",
  );
});

test('those that end last come first', async () => {
  for (const [name, until] of [
    ['a', '2026-11-27T11:00:00Z'],
    ['b', '2026-11-27T14:00:00Z'],
    ['c', '2026-11-27T13:00:00Z'],
  ] as const)
    await cluster.create(object('Lockdown', { name }, { reason: 'r', by: 'olga', until }));
  const { lockdowns, now } = await listLockdowns(seenBy(cluster, OLGA), signal);
  expect(lockdowns.map(({ metadata }) => metadata.name)).toEqual(['b', 'c', 'a']);
  expect(now).toBe(NOW);
});
