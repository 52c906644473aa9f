import { crds, userError, type ChangeRequirement, type JsonObject } from '@plumb/api';
import type { MemoryCluster } from '@plumb/memory-cluster';
import { beforeEach, describe, expect, test } from 'vitest';
import { changeKey, clusterWithGates, heldChange, NAMESPACE, object } from './testing/gate-bench.ts';
import { whyOf } from './why.ts';

const { signal } = new AbortController();
const APPS = { kind: 'Kustomization', namespace: NAMESPACE, name: 'apps' } as const;
const TWO = { approvals: [{ name: 'two', count: 2, groups: ['sre'] }] };

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await clusterWithGates();
  for (const definition of crds()) await cluster.create(definition);
  await cluster.create({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: NAMESPACE, labels: { tier: 'web' } },
    spec: { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } },
  });
});

const unitKey = { group: 'kustomize.toolkit.fluxcd.io', version: 'v1', ...APPS };

async function ready(status: string, reason: string): Promise<void> {
  const condition = { type: 'Ready', status, reason, message: 'm', lastTransitionTime: '2026-11-27T11:00:00Z' };
  const patch: JsonObject = { status: { conditions: [condition], lastAppliedRevision: 'r1' } };
  await cluster.patch(unitKey, patch, { type: 'merge', subresource: 'status' });
}

function policy(name: string, spec: object, namespace = NAMESPACE): Promise<unknown> {
  return cluster.create(object('ReleasePolicy', { name, namespace }, spec));
}

const why = () => whyOf(cluster, APPS, signal);

describe('the state of a unit', () => {
  test.each([
    ['held', 'False', 'Gated'],
    ['failed', 'False', 'BuildFailed'],
    ['working', 'Unknown', 'Progressing'],
    ['ready', 'True', 'ReconciliationSucceeded'],
  ])('%s', async (state, status, reason) => {
    await ready(status, reason);
    expect(await why()).toMatchObject({ state, since: '2026-11-27T11:00:00Z', message: 'm', applied: 'r1' });
  });

  test('of a release runs what was deployed last', async () => {
    const metadata = { name: 'cart', namespace: NAMESPACE };
    const spec = { interval: '10m', chartRef: { kind: 'HelmChart', name: 'cart' } };
    await cluster.create({ apiVersion: 'helm.toolkit.fluxcd.io/v2', kind: 'HelmRelease', metadata, spec });
    const at = '2026-11-27T11:00:00Z';
    const digests = { digest: 'sha256:1', configDigest: 'sha256:2' };
    const record = { ...metadata, ...digests, chartName: 'cart', firstDeployed: at, lastDeployed: at };
    const history = [
      { ...record, version: 3, status: 'failed', chartVersion: '1.2.0' },
      { ...record, version: 2, status: 'deployed', chartVersion: '1.1.0' },
    ];
    const key = { group: 'helm.toolkit.fluxcd.io', version: 'v2', kind: 'HelmRelease', ...metadata };
    await cluster.patch(
      key,
      { status: { history } as unknown as JsonObject },
      { type: 'merge', subresource: 'status' },
    );
    expect(await whyOf(cluster, { ...APPS, kind: 'HelmRelease', name: 'cart' }, signal)).toMatchObject({
      applied: '1.1.0',
    });
  });

  test('new, or suspended', async () => {
    expect(await why()).toMatchObject({ state: 'new', since: null });
    await cluster.patch(unitKey, { spec: { suspend: true } }, { type: 'merge' });
    expect(await why()).toMatchObject({ state: 'suspended' });
  });

  test.each([
    ['a chart that it names', { chartRef: { kind: 'HelmChart', name: 'cart' } }],
    [
      'a chart that is made for it',
      { chart: { spec: { chart: 'c', sourceRef: { kind: 'HelmRepository', name: 'r' } } } },
    ],
  ])('of a release of %s, whose source is the chart, as the agent has it', async (_name, spec) => {
    const release = {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      spec: { interval: '10m', ...spec },
    };
    await cluster.create({ ...release, metadata: { name: 'cart', namespace: NAMESPACE } });
    await policy('charts', { ...TWO, select: { sources: [{ kind: 'HelmChart' }] } });
    await policy('repositories', { ...TWO, select: { sources: [{ kind: 'HelmRepository' }] } });
    const found = await whyOf(cluster, { ...APPS, kind: 'HelmRelease', name: 'cart' }, signal);
    expect(found).toMatchObject({ state: 'new', policies: [{ policy: `ReleasePolicy/${NAMESPACE}/charts` }] });
  });
});

describe('policies', () => {
  test('are those that select the unit, with every rule; those that ask what is touched are told apart', async () => {
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await policy('two', TWO);
    await policy('elsewhere', TWO, 'other');
    await policy('others', { ...TWO, select: { names: ['web'] } });
    await policy('labelled', { ...TWO, select: { labelSelector: 'tier=web' } });
    await policy('touching', { ...TWO, select: { touches: { kinds: ['Secret'] } } });
    const { policies } = await why();
    const rules = [{ name: 'approvals/two', text: '2 approvals by group sre', verdicts: [] }];
    expect(policies).toEqual(
      ['labelled', 'touching', 'two'].map((name) => ({
        policy: `ReleasePolicy/${NAMESPACE}/${name}`,
        flaw: null,
        maybe: name === 'touching',
        rules,
      })),
    );
  });

  test('have the verdicts on the change that is open; what none of them said stands beside', async () => {
    const base = { generation: 1, message: 'm', evidence: [], at: '2026-11-27T11:00:00Z' };
    const id = `ReleasePolicy/${NAMESPACE}/two`;
    const met = { ...base, policy: id, rule: 'limits/0', verdict: 'Met' } satisfies ChangeRequirement;
    const missing = { ...base, policy: id, rule: 'approvals/two', verdict: 'Missing' } satisfies ChangeRequirement;
    const other = { ...missing, policy: 'default-limits', rule: 'limits/0' };
    await policy('two', { ...TWO, limits: { maxDeletes: 1 }, select: { touches: { kinds: ['Secret'] } } });
    await heldChange(cluster, 'ks-apps-1', { requirements: [met, missing, other] });
    await heldChange(cluster, 'ks-apps-0', { phase: 'Superseded', requirements: [{ ...missing, policy: 'gone' }] });
    const { changes, policies, others } = await why();
    expect(changes.map(({ metadata }) => metadata.name)).toEqual(['ks-apps-1']);
    expect(policies).toMatchObject([
      {
        maybe: false,
        rules: [
          { name: 'limits', verdicts: [met] },
          { name: 'approvals/two', verdicts: [missing] },
        ],
      },
    ]);
    expect(others).toEqual([other]);
  });

  test('have every verdict: who may pass in a window, and what no rule that is there said', async () => {
    const base = { generation: 1, message: 'm', evidence: [], at: '2026-11-27T11:00:00Z', verdict: 'Missing' as const };
    const policyName = `ReleasePolicy/${NAMESPACE}/night`;
    const who = { ...base, policy: policyName, rule: 'windows/who' } satisfies ChangeRequirement;
    const edited = { ...base, policy: policyName, rule: 'edited' } satisfies ChangeRequirement;
    const window = { type: 'Allow', timeZone: 'UTC', cron: '0 0 * * *', duration: '1h', who: { users: ['ann'] } };
    await policy('night', { windows: [window] });
    await heldChange(cluster, 'ks-apps-1', { requirements: [who, edited] });
    const { policies, others } = await why();
    expect(policies).toMatchObject([
      {
        rules: [
          { name: 'windows', verdicts: [who] },
          { name: 'edited', text: '', verdicts: [edited] },
        ],
      },
    ]);
    expect(others).toEqual([]);
  });

  test('that cannot be judged by are told', async () => {
    await policy('bad', { windows: [{ type: 'Allow', timeZone: 'Mars/Olympus', cron: '0 0 * * *', duration: '1h' }] });
    expect((await why()).policies).toMatchObject([
      { flaw: expect.stringContaining('Mars/Olympus') as string, rules: [{ name: 'spec' }] },
    ]);
  });
});

test('what may not be read is told beside what may', async () => {
  await heldChange(cluster, 'ks-apps-1');
  const forbidden = userError('api-forbidden', 'User "eve" cannot list resource "it"');
  cluster.faults.fail(forbidden, 10, ({ verb, kind }) => verb === 'list' && kind !== 'Change');
  const { changes, policies, lockdowns, approvals } = await why();
  expect(changes).toHaveLength(1);
  const right = (resource: string) => ({
    trouble: `User "eve" cannot list resource "it"; ask whoever runs the cluster for a role that may list ${resource}.plumb.dev`,
  });
  expect({ policies, lockdowns, approvals }).toEqual({
    policies: right('releasepolicies'),
    lockdowns: right('lockdowns'),
    approvals: right('approvals'),
  });
});

test('a lockdown is told whatever it is about, with its own verdicts', async () => {
  const spec = { reason: 'r', by: 'olga', until: '2026-11-27T13:00:00Z' };
  const checks = [{ name: 'c', expression: 'true' }];
  await cluster.create(object('Lockdown', { name: 'routine' }, { ...spec, causes: ['routine'] }));
  await cluster.create(object('Lockdown', { name: 'soft' }, { ...spec, checks, causes: ['drift'] }));
  const base = { generation: 1, message: 'm', evidence: [], at: '2026-11-27T11:00:00Z' };
  const frozen = {
    ...base,
    policy: 'Lockdown/routine',
    rule: 'freeze',
    verdict: 'Missing',
  } satisfies ChangeRequirement;
  const { metadata, spec: change } = await heldChange(cluster, 'ks-apps-1', { requirements: [frozen] });
  await cluster.patch(changeKey(metadata.name), { spec: { ...change, cause: 'emergency' } }, { type: 'merge' });
  const { lockdowns, others } = await why();
  expect(lockdowns).toMatchObject([
    { rules: [{ name: 'freeze', text: 'all units, for routine only', verdicts: [frozen] }] },
    {
      lockdown: { metadata: { name: 'soft' } },
      rules: [{ name: 'checks/c', text: 'each object: true', verdicts: [] }],
    },
  ]);
  expect(others).toEqual([]);
});

test('lockdowns are those in force for the unit; approvals those of its open change', async () => {
  const lock = (name: string, until: string, select = {}): Promise<unknown> =>
    cluster.create(object('Lockdown', { name }, { reason: 'r', by: 'olga', until, select }));
  await lock('now', '2026-11-27T13:00:00Z');
  await lock('past', '2026-11-27T11:00:00Z');
  await lock('others', '2026-11-27T13:00:00Z', { names: ['web'] });
  await heldChange(cluster, 'ks-apps-1');
  for (const name of ['ks-apps-1', 'ks-apps-0'])
    await cluster.create(
      object('Approval', { name, namespace: NAMESPACE }, { change: name, digest: 'd', decision: 'Approve', by: 'eve' }),
    );
  expect(await why()).toMatchObject({
    lockdowns: [{ lockdown: { metadata: { name: 'now' } } }],
    approvals: [{ metadata: { name: 'ks-apps-1' } }],
  });
});

test('in a cluster without gates nothing can hold a unit, which still has a state', async () => {
  await ready('True', 'ReconciliationSucceeded');
  await cluster.delete({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    namespace: '',
    name: 'changes.plumb.dev',
  });
  expect(await why()).toMatchObject({ state: 'ready', gated: false, changes: [], policies: [] });
});

test('a unit that is not there is told', async () => {
  await expect(whyOf(cluster, { ...APPS, name: 'none' }, signal)).rejects.toThrow(
    'there is no Kustomization flux-system/none in the cluster; where it is in another namespace, name that with -n',
  );
});
