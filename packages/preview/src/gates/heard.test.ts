import { userError, type Change, type ChangeRequirement } from '@plumb/api';
import type { MemoryCluster } from '@plumb/memory-cluster';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Decided } from './decide.ts';
import { standingOf, whatCameOf } from './heard.ts';
import { changeKey, clusterWithGates, heldChange, judged, seenBy } from './testing/gate-bench.ts';

const { signal } = new AbortController();
const NAME = 'ks-apps-1';
const ALICE = { name: 'alice', groups: [] };
const LONG = { counted: 60_000, applied: 60_000 };

let cluster: MemoryCluster;
let decided: Decided;
beforeEach(async () => {
  cluster = await clusterWithGates();
  decided = { who: ALICE, approval: 'a1', change: await heldChange(cluster, NAME) };
});

function requirement(evidence: string[]): ChangeRequirement {
  const message = '2 approvals by group sre';
  return { policy: 'p', generation: 1, rule: 'approvals/two', verdict: 'Missing', message, evidence, at: '' };
}

describe('an approval', () => {
  const by = (approval: string): ChangeRequirement[] => [requirement([`Approval/${approval} by alice at 12`])];
  test.each([
    ['that nothing counts', {}, 'not counted'],
    ['that is counted', { requirements: by('a1') }, 'told'],
    ['beside one that is counted', { requirements: by('a12') }, 'not counted'],
    ['after which the change waits for something else', { message: 'waits for the window' }, 'told'],
    ['that opened every gate', { phase: 'Applying' }, 'applying'],
    ['of what is applied', { phase: 'Applied' }, 'told'],
    ['of what failed', { phase: 'Failed' }, 'told'],
    ['of what was superseded', { phase: 'Superseded' }, 'told'],
  ] as const)('%s stands so', (_name, status, standing) => {
    const { change } = decided;
    const now = { ...change, status: { ...change.status, ...status } } as Change;
    expect(standingOf(now, decided)).toBe(standing);
  });
});

test('is waited for until the change is applied', async () => {
  const heard = whatCameOf(seenBy(cluster, ALICE), decided, LONG, signal);
  await judged(cluster, NAME, { phase: 'Applying', message: 'it passed every gate' });
  await judged(cluster, NAME, { phase: 'Applied', message: 'all of it is applied' });
  expect(await heard).toMatchObject({ outcome: 'told', change: { status: { phase: 'Applied' } } });
});

test('is waited for until something counts it', async () => {
  const heard = whatCameOf(seenBy(cluster, ALICE), decided, LONG, signal);
  await judged(cluster, NAME, { requirements: [requirement(['Approval/a1 by alice at 12'])] });
  expect(await heard).toMatchObject({ outcome: 'told', change: { status: { phase: 'Pending' } } });
});

test('that nothing counts is waited for no longer than that takes', async () => {
  const heard = await whatCameOf(seenBy(cluster, ALICE), decided, { ...LONG, counted: 1 }, signal);
  expect(heard.outcome).toBe('not counted');
});

test('of a change that takes long is waited for no longer than was asked', async () => {
  const change = await judged(cluster, NAME, { phase: 'Applying' });
  const patience = { counted: 1, applied: 50 };
  const heard = await whatCameOf(seenBy(cluster, ALICE), { ...decided, change }, patience, signal);
  expect(heard.outcome).toBe('applying');
});

test('of a change that somebody deletes is waited for no longer', async () => {
  const watched = Promise.withResolvers<void>();
  cluster.faults.add({ matches: ({ verb }) => verb === 'watch', before: () => watched.resolve() });
  const heard = whatCameOf(seenBy(cluster, ALICE), decided, LONG, signal);
  await watched.promise;
  await cluster.delete(changeKey(NAME));
  expect(await heard).toEqual({ outcome: 'gone' });
});

test('is not waited for where changes may not be listed', async () => {
  const message = 'changes.plumb.dev is forbidden: User "alice" cannot list resource "changes"';
  cluster.faults.fail(userError('api-forbidden', message), 1, ({ verb }) => verb === 'list');
  await expect(whatCameOf(seenBy(cluster, ALICE), decided, LONG, signal)).rejects.toThrow(
    `${message}; ask whoever runs the cluster for a role that may list and watch changes.plumb.dev`,
  );
});

test('is not waited for when the wait is given up', async () => {
  const over = new AbortController();
  const heard = whatCameOf(seenBy(cluster, ALICE), decided, LONG, over.signal);
  over.abort(new Error('enough'));
  await expect(heard).rejects.toThrow('enough');
});
