import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ownership } from '../chaos/owners.ts';
import type { AuditedRequest } from './support/audit.ts';
import { auditedRequests, isWrite } from './support/audit.ts';
import { ENGINE_PATH } from './support/paths.ts';
import { configMapTemplate, hook, jobTemplate, recordsOf, stored } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { Replica } from './support/replica.ts';

/** Less than what an agent uses by default, so that the scenario is short. Milliseconds. */
const DURATION = 10_000;
/** How long is waited for anything; tests beside it may take the processor. */
const PATIENCE = 90_000;
const REPLICAS = ['replica-a', 'replica-b'] as const;
const NAMES = Array.from({ length: 12 }, (_, index) => `unit-${String(index).padStart(2, '0')}`);

let dir: string;
let releases: Releases;
const replicas = new Map<string, Replica>();
const all: { name: string; replica: Replica }[] = [];
/** Who installed which release. */
const owners = new Map<string, string>();

async function start(name: string): Promise<void> {
  const { plane, world, artifactHost } = releases;
  const replica = Replica.start({
    name,
    kubeconfig: await plane.kubeconfigFor(name),
    namespace: world.namespace,
    dir: join(dir, name),
    engine: ENGINE_PATH,
    duration: String(DURATION),
    artifacts: artifactHost,
  });
  replicas.set(name, replica);
  all.push({ name, replica });
}

const agreed = async (count: number, since: number): Promise<void> => {
  await Promise.all([...replicas.values()].map((replica) => replica.agreed(count, since, PATIENCE)));
};
/** Those that are named stay in their second action until somebody ends it. */
const declare = (colour: string, staying: readonly string[] = []): Promise<unknown> =>
  Promise.all(
    NAMES.map((name) => releases.release(name, { timeout: '5m', values: { colour, stays: staying.includes(name) } })),
  );
const ready = (): Promise<unknown> => Promise.all(NAMES.map((name) => releases.ready(name, PATIENCE)));
const colours = (): Promise<unknown[]> =>
  Promise.all(
    NAMES.map(async (name) => {
      const object = await releases.object('ConfigMap', `${name}-main`);
      return (object?.['data'] as { colour: string } | undefined)?.colour;
    }),
  );
const recordName = (name: string, version: number): string => `sh.helm.release.v1.${name}.v${version}`;
const writes = async (): Promise<AuditedRequest[]> =>
  (await auditedRequests(releases.plane.auditLog, REPLICAS)).filter(isWrite);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-helm-replicas-'));
  releases = await Releases.start({ agent: false, audit: true, nodes: true });
  const behaviour = 'run={{ if and .Values.stays (eq (int .Release.Revision) 2) }}10m{{ else }}100ms{{ end }}';
  const files = {
    'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour }}' }),
    'templates/job.yaml': jobTemplate('job', { behaviour, annotations: hook('pre-upgrade') }),
  };
  for (const name of NAMES) await releases.chart(name, files);
});
afterAll(async () => {
  for (const { replica } of all) await replica.end('SIGKILL');
  await releases.close();
  await rm(dir, { recursive: true, force: true });
});

vi.setConfig({ testTimeout: 240_000 });

test('two replicas share releases, and each is installed by one', async () => {
  const since = Date.now();
  for (const name of REPLICAS) await start(name);
  await agreed(2, since);
  await declare('green');
  await ready();
  const made = await writes();
  for (const name of NAMES) {
    const [first, ...more] = made.filter((one) => one.name === recordName(name, 1));
    expect(new Set(more.map(({ user }) => user))).toEqual(new Set([first?.user]));
    owners.set(name, first?.user ?? '');
  }
  expect(new Set(owners.values())).toEqual(new Set(REPLICAS));
});

test('what one that is killed had under way is unlocked and done by the other', async () => {
  const lost = NAMES.filter((name) => owners.get(name) === 'replica-a');
  await declare('red', lost);
  for (const name of lost) await stored(releases, name, 2, 'pending-upgrade');
  await replicas.get('replica-a')?.end('SIGKILL');
  replicas.delete('replica-a');
  await ready();
  expect(await colours()).toEqual(NAMES.map(() => 'red'));
  for (const name of NAMES) {
    const expected = lost.includes(name)
      ? ['v3 deployed', 'v2 failed', 'v1 superseded']
      : ['v2 deployed', 'v1 superseded'];
    expect([name, ...(await recordsOf(releases, name))]).toEqual([name, ...expected]);
  }
});

test('one that comes back takes its share without an upgrade, and works on it', async () => {
  const since = Date.now();
  await start('replica-a');
  await agreed(2, since);
  const before = await Promise.all(NAMES.map((name) => recordsOf(releases, name)));
  await Promise.all(NAMES.map((name) => releases.answered(name)));
  expect(await Promise.all(NAMES.map((name) => recordsOf(releases, name)))).toEqual(before);
  const from = Date.now();
  await declare('blue');
  await ready();
  expect(await colours()).toEqual(NAMES.map(() => 'blue'));
  const after = await Promise.all(NAMES.map((name) => recordsOf(releases, name)));
  expect(after.map((records) => records.length)).toEqual(before.map((records) => records.length + 1));
  const users = (await writes())
    .filter((one) => one.from >= from && one.resource === 'secrets')
    .map(({ user }) => user);
  expect(new Set(users)).toEqual(new Set(REPLICAS));
});

test('I13: by the audit log no release is changed by two replicas at once, and none by one that is not agreed to own it', async () => {
  expect(await releases.problems()).toEqual([]);
  for (const { replica } of all) await replica.end('SIGTERM');
  const news = all.flatMap(({ name, replica }) => replica.news.map((one) => ({ ...one, name })));
  const versions = [1, 2, 3, 4];
  const units = NAMES.map((name) => ({
    name,
    kind: 'HelmRelease' as const,
    objects: [`configmaps/${name}-main`, ...versions.map((version) => `secrets/${recordName(name, version)}`)],
  }));
  const { namespace } = releases.world;
  const { problems, handovers } = ownership({ namespace, source: 'none', units }, await writes(), news);
  expect(problems).toEqual([]);
  expect(handovers).toBeGreaterThan(0);
});
