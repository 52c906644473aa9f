import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReleasePolicy } from '@plumb/api';
import { objectsIn } from '@plumb/preview';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { MINUTE, WindowBench } from './support/window-bench.ts';
import { World } from './support/world.ts';

// One named person, Tuesdays from noon to six in the evening, Pacific time: one text, judged before a change is merged and when it is to be applied.

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

const POLICY = `apiVersion: plumb.dev/v1
kind: ReleasePolicy
metadata:
  name: production
spec:
  select:
    kinds: [Kustomization]
  windows:
  - type: Allow
    timeZone: America/Los_Angeles
    cron: 0 12 * * TUE
    duration: 6h
    who:
      users: [alice@shop.example]
`;

const NOON = Date.parse('2026-12-01T20:00:00Z');
const WINDOW = 'Tue 12:00–18:00 America/Los_Angeles';
const NOT_HERS = `an approval by user alice@shop.example: only their changes pass in ${WINDOW}`;
const CLOSED = `the window ${WINDOW}, opens 2026-12-01T20:00:00Z`;
const NEXT_WEEK = `the window ${WINDOW}, opens 2026-12-08T20:00:00Z`;

/** In this order approvals come. What is said is null where it passes. */
const STEPS = [
  { what: 'at half past noon, by nobody', at: NOON + 30 * MINUTE, by: null, says: NOT_HERS },
  { what: 'at half past noon, by somebody else', at: NOON + 30 * MINUTE, by: 'bob@shop.example', says: NOT_HERS },
  { what: 'before noon, by her', at: NOON - 10 * MINUTE, by: 'alice@shop.example', says: CLOSED },
  { what: 'after six, by her', at: NOON + 361 * MINUTE, by: 'alice@shop.example', says: NEXT_WEEK },
  { what: 'at half past noon, by her', at: NOON + 30 * MINUTE, by: 'alice@shop.example', says: null },
] as const;

let dir: string;
let bench: WindowBench;
let base: string;
const people = new Map<string, Person>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-founding-'));
  const installing = await World.start({ agent: false });
  await installGates(installing.cluster);
  await installing.close();
  for (const name of ['alice@shop.example', 'bob@shop.example'])
    people.set(name, await Person.named(name, ['sre'], { dir }));
  bench = await WindowBench.start(dir);
  base = await bench.world.repository.commit({ 'fleet/units.yaml': unit() });
  const path = join(dir, 'policy.yaml');
  await writeFile(path, POLICY);
  const [same] = (await objectsIn(path, Buffer.from(POLICY))) as unknown as [ReleasePolicy];
  await policy(bench.world, same.metadata.name, same.spec as never);
});

afterAll(async () => {
  for (const { cluster } of people.values()) await cluster.close();
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

/** The unit as the repository declares it, for whoever has no cluster. */
function unit(): string {
  const metadata = { name: 'apps', namespace: bench.world.namespace };
  const spec = { interval: '10m', prune: true, path: './apps', sourceRef: { kind: 'GitRepository', name: 'shop' } };
  return JSON.stringify({ apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization', metadata, spec });
}

interface Told {
  state: string;
  rules: { rule: string; outcome: string; message: string }[];
}

/** What the command says of the pull request, as a build server runs it. */
async function check({ at, by }: { at: number; by: string | null }): Promise<{ code: number; told: Told }> {
  const { namespace, repository } = bench.world;
  const judged = ['--at', new Date(at).toISOString(), ...(by === null ? [] : ['--approved-by', by])];
  const args = ['policy', 'check', 'fleet', '--base', base, '-n', namespace, '-f', join(dir, 'policy.yaml')];
  const options = { cwd: repository.dir, env: { PATH: process.env['PATH'] } };
  const { code, out } = await new Promise<{ code: number; out: string }>((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...args, ...judged, '--strict', '-o', 'json'], options, (error, out, err) => {
      if (out === '' || (error !== null && typeof error.code !== 'number')) return reject(new Error(err));
      resolve({ code: Number(error?.code ?? 0), out });
    });
  });
  const { verdicts } = JSON.parse(out) as { verdicts: [Told] };
  return { code, told: verdicts[0] };
}

async function opensPullRequest(): Promise<void> {
  const { repository, target } = bench.world;
  await repository.git('checkout', '--quiet', '-b', 'pull-request');
  await writeFile(join(repository.dir, 'apps/settings.yaml'), configMap(target, 'settings', { a: 'merged' }));
  await repository.git('commit', '--quiet', '--all', '-m', 'Change the settings');
}

async function merges(): Promise<string> {
  const { repository } = bench.world;
  await repository.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
  await bench.world.requestSource();
  return `main@sha1:${(await repository.git('rev-parse', 'HEAD')).trim()}`;
}

test('the founding case: what a check says before a change is merged is what the agent says when it is to be applied', async () => {
  await opensPullRequest();
  for (const { what, at, by, says } of STEPS) {
    const { code, told } = await check({ at, by });
    const rules = told.rules.map(({ outcome, message }) => (outcome === 'passes' ? outcome : `${outcome}: ${message}`));
    expect({ code, rules }, what).toEqual(
      says === null ? { code: 0, rules: ['passes'] } : { code: 1, rules: [`waits: ${says}`] },
    );
  }
  expect(await bench.value()).toBe('1');
  const [first] = STEPS;
  await bench.time.set(first.at);
  const revision = await merges();
  const change = await bench.held(revision, `waits for ${first.says}`);
  const said = new Set<string>();
  for (const { at, by, says } of STEPS) {
    await bench.time.set(at);
    if (by !== null && !said.has(by)) await people.get(by)?.says('Approve', change);
    if (by !== null) said.add(by);
    await bench.time.wake('apps');
    if (says === null) continue;
    await bench.held(revision, `waits for ${says}`);
    expect(await bench.value()).toBe('1');
  }
  const opened = await bench.opened(revision);
  expect(opened).toBeGreaterThanOrEqual(NOON);
  expect(opened).toBeLessThan(NOON + 360 * MINUTE);
  expect(await bench.value()).toBe('merged');
});
