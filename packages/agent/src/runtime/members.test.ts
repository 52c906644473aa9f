import { once } from 'node:events';
import type { KubeObject, UnitRef } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { MemoryCluster } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MemberNews } from './members.ts';
import { Members } from './members.ts';
import { Metrics } from './metrics.ts';

const LEASE = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease' };
const UNITS = Array.from({ length: 40 }, (_, index): UnitRef => {
  return { kind: 'Kustomization', namespace: 'apps', name: `unit-${index}` };
});

let server: MemoryCluster;
let running: Members[];
/** What every member was seen to do at the same time as another; must stay empty. */
let both: string[];
beforeEach(async () => {
  server = new MemoryCluster();
  running = [];
  both = [];
  await server.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'plumb' } });
});
afterEach(async () => {
  await Promise.all(running.map((members) => members.close()));
  if (both.length > 0) throw new Error(`owned by two at once: ${both.join(', ')}`);
});

interface Started {
  members: Members;
  news: MemberNews[];
  /** Resolves when it owns this many units. */
  owns(count: number): Promise<void>;
}

function start(name: string, cluster: Cluster = server, labelSelector?: string): Started {
  const news: MemberNews[] = [];
  const members = new Members({
    cluster,
    namespace: 'plumb',
    name,
    labelSelector,
    metrics: new Metrics(),
    onNews: (one) => news.push(one),
    onFault: () => undefined,
    duration: 900,
    renewDeadline: 600,
    renewEvery: 100,
  });
  members.listen(lookForBoth);
  members.start();
  running.push(members);
  const owns = async (count: number): Promise<void> => {
    while (owned(members).length !== count) {
      await new Promise<void>((resolve) => {
        members.listen(resolve);
      });
    }
  };
  return { members, news, owns };
}

function owned(members: Members): string[] {
  return UNITS.filter((unit) => members.owns(unit)).map(({ name }) => name);
}

function lookForBoth(): void {
  for (const unit of UNITS) {
    const owners = running.filter((members) => members.owns(unit));
    if (owners.length > 1) both.push(unit.name);
  }
}

async function leases(): Promise<KubeObject[]> {
  return (await server.list(LEASE, { namespace: 'plumb' })).items;
}

/** A way to the server that can be cut: nothing is answered any more. */
function cuttable(): { cluster: Cluster; cut: () => void } {
  let isCut = false;
  const hang = (): Promise<never> => new Promise(() => undefined);
  const names = new Set(['get', 'list', 'create', 'update', 'delete', 'watch']);
  const cluster = new Proxy<Cluster>(server, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return isCut && names.has(String(property)) ? hang : value.bind(target);
    },
  });
  return { cluster, cut: () => void (isCut = true) };
}

test('one alone acts on everything after four requests', async () => {
  const only = start('a');
  await only.members.agreed;
  expect(owned(only.members)).toHaveLength(UNITS.length);
  const sent = server.requests.filter(({ kind }) => kind === 'Lease').map(({ verb }) => verb);
  expect(sent.filter((verb) => verb !== 'watch').slice(0, 4)).toEqual(['create', 'list', 'list', 'update']);
});

test('several share all units, each has one owner', async () => {
  const started = ['a', 'b', 'c'].map((name) => start(name));
  while (started.some(({ news }) => !news.some(({ event, members }) => event === 'agreed' && members.length === 3))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const shares = started.map(({ members }) => owned(members));
  expect(shares.flat().toSorted()).toEqual(UNITS.map(({ name }) => name).toSorted());
  for (const share of shares) expect(share.length).toBeGreaterThan(4);
});

test('those that select by other labels share with each other only', async () => {
  const [first, again, other] = [start('a', server, 'key=a'), start('b', server, 'key in (a)'), start('c')];
  while (!again.news.some(({ event, members }) => event === 'agreed' && members.length === 2)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await other.members.agreed;
  while (owned(first.members).length + owned(again.members).length < UNITS.length) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(owned(other.members)).toHaveLength(UNITS.length);
  expect(other.news.every(({ members }) => members.join() === 'c')).toBe(true);
  // All were asked about the same units: which of them an agent selects is not the members' part.
  both = [];
});

describe('of two', () => {
  let first: Started;
  let second: Started;
  let way: ReturnType<typeof cuttable>;
  beforeEach(async () => {
    way = cuttable();
    first = start('a');
    await first.members.agreed;
    second = start('b', way.cluster);
    await second.members.agreed;
    while (owned(first.members).length + owned(second.members).length < UNITS.length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  test('the one that ends is followed at once, and leaves no lease behind', async () => {
    const started = performance.now();
    await second.members.close();
    await first.owns(UNITS.length);
    expect(performance.now() - started).toBeLessThan(750);
    expect(await leases()).toHaveLength(1);
    expect(first.news.at(-2)).toMatchObject({ event: 'member-left', member: 'b', members: ['a'] });
  });

  test('the one that is cut off stops before the other takes over', async () => {
    const before = owned(second.members).length;
    expect(before).toBeGreaterThan(4);
    way.cut();
    await second.owns(0);
    expect(owned(first.members).length).toBe(UNITS.length - before);
    await first.owns(UNITS.length);
    expect(first.news.map(({ event }) => event)).toContain('member-expired');
    expect(second.news.map(({ event }) => event)).toContain('lease-lost');
  });

  test('a lease somebody deletes ends its holder, which joins again', async () => {
    const mine = (await leases()).find(({ metadata }) => metadata.name.includes('-b-'));
    await server.delete({ ...LEASE, namespace: 'plumb', name: mine?.metadata.name ?? '' });
    while (second.news.filter(({ event }) => event === 'joined').length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    while (owned(first.members).length + owned(second.members).length < UNITS.length) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(second.news.map(({ event }) => event)).toContain('lease-lost');
  });
});

test('a member that joins gets nothing before the work on it has ended', async () => {
  const first = start('a');
  await first.members.agreed;
  const work = Promise.withResolvers<void>();
  const claims = UNITS.map((unit) => first.members.claim(unit));
  const runs = claims.map((claim) => claim?.run(() => work.promise));
  const second = start('b');
  while (!claims.some((claim) => claim?.signal.aborted === true))
    await new Promise((resolve) => setTimeout(resolve, 5));
  const lost = claims.filter((claim) => claim?.signal.aborted === true).length;
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(owned(second.members)).toEqual([]);
  expect(owned(first.members)).toHaveLength(UNITS.length - lost);
  work.resolve();
  await Promise.all(runs);
  await second.owns(lost);
});

/** A watch that brings nothing. */
async function* silence(_kind: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<never> {
  await once(signal, 'abort');
  yield* [];
}

test('a silent watch is no proof that a member is gone', async () => {
  const deaf = new Proxy<Cluster>(server, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (property === 'watch') return silence;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const first = start('a');
  await first.members.agreed;
  const second = start('b', deaf);
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  expect(second.news.map(({ event }) => event)).not.toContain('member-expired');
  expect(owned(first.members).length).toBeGreaterThan(0);
});
