import { APPROVAL, userError } from '@plumb/api';
import { MemoryCluster } from '@plumb/memory-cluster';
import { beforeEach, expect, test } from 'vitest';
import { decide } from './decide.ts';
import { clusterWithGates, heldChange, judged, NAMESPACE, seenBy } from './testing/gate-bench.ts';

const { signal } = new AbortController();
const ALICE = { name: 'alice', groups: ['sre', 'system:authenticated'] };
const APPROVE = { decision: 'Approve', comment: '', override: '' } as const;
const id = { namespace: NAMESPACE, name: 'ks-apps-1' };

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await clusterWithGates();
  await heldChange(cluster, 'ks-apps-1');
});

test.each([
  ['an approval', APPROVE, { decision: 'Approve' }],
  ['a comment', { ...APPROVE, comment: 'good' }, { decision: 'Approve', comment: 'good' }],
  ['an override', { ...APPROVE, override: 'down' }, { decision: 'Approve', override: { reason: 'down' } }],
  ['a rejection', { ...APPROVE, decision: 'Reject', comment: 'bad' } as const, { decision: 'Reject', comment: 'bad' }],
])('%s is of exactly the digest, by whom the API server knows', async (_name, said, fields) => {
  const { approval, who } = await decide(seenBy(cluster, ALICE), id, said, signal);
  expect(who).toEqual(ALICE);
  const made = await cluster.get({ ...APPROVAL, namespace: NAMESPACE, name: approval });
  const { name: by, groups } = ALICE;
  expect(made?.['spec']).toEqual({ change: 'ks-apps-1', digest: 'sha256:ks-apps-1', by, groups, ...fields });
});

test.each([
  ['Applied', 'is applied already'],
  ['Failed', 'has failed'],
  ['Superseded', 'is superseded by a newer one'],
] as const)('of a change that is %s nothing is said any more', async (phase, end) => {
  await judged(cluster, 'ks-apps-1', { phase });
  await expect(decide(seenBy(cluster, ALICE), id, APPROVE, signal)).rejects.toThrow(
    `Change flux-system/ks-apps-1 ${end}: nothing that is said of it counts any more; 'plumb change list' shows what waits now`,
  );
  expect((await cluster.list(APPROVAL)).items).toEqual([]);
});

test('nobody approves without a name', async () => {
  await expect(decide(seenBy(cluster, { name: '', groups: [] }), id, APPROVE, signal)).rejects.toThrow(
    'the API server does not say who you are: nobody approves without a name',
  );
});

test('a change that is not there is told', async () => {
  const other = { ...id, name: 'other' };
  await expect(decide(seenBy(cluster, ALICE), other, APPROVE, signal)).rejects.toThrow(
    "there is no Change flux-system/other in the cluster; 'plumb change list -A' shows those there are",
  );
});

test('a cluster without gates is told, and what would install them', async () => {
  await expect(decide(seenBy(new MemoryCluster(), ALICE), id, APPROVE, signal)).rejects.toThrow(
    "the cluster serves no kind Change of plumb.dev, so that nothing is held in it; 'plumb crds --gates' prints the kinds to install",
  );
});

test.each([
  [
    'by RBAC says which right is missing',
    'approvals.plumb.dev is forbidden: User "alice" cannot create resource "approvals" in API group "plumb.dev"',
    '; ask whoever runs the cluster for a role that may create approvals.plumb.dev',
  ],
  ['by admission says what is wrong itself', 'denied request: spec.by must be the user that makes the approval', ''],
])('a refusal %s', async (_name, message, more) => {
  cluster.faults.fail(userError('api-forbidden', message), 1, ({ verb }) => verb === 'create');
  await expect(decide(seenBy(cluster, ALICE), id, APPROVE, signal)).rejects.toMatchObject({
    code: 'api-forbidden',
    message: `${message}${more}`,
  });
});
