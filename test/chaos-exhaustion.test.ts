import type { ChildProcess } from 'node:child_process';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { KubeObject } from '@plumb/api';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

const run = promisify(execFile);
const BALLAST = randomBytes(2 ** 20);

let world: World;
let agent: ChildProcess;
let revision: string;

beforeAll(async () => {
  world = await World.start({ agent: false });
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
  });
  revision = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('apps');
  agent = await world.spawnAgent();
  await world.applied('apps', revision);
});
afterEach(() => limit({ fsize: 'unlimited', nofile: '4096' }));
afterAll(async () => {
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  await world.close();
});

/** Sets soft limits of the running agent; what it starts from now on has them too. */
async function limit(limits: Partial<Record<'fsize' | 'nofile', string>>): Promise<void> {
  const args = Object.entries(limits).map(([name, value]) => `--${name}=${value}:`);
  await run('prlimit', ['--pid', String(agent.pid), ...args]);
}

const colour = (object: KubeObject | null): string | undefined =>
  (object?.['data'] as { colour?: string } | undefined)?.colour;

/** While the cause lasts: what was delivered stands, stays Ready, and is put right when somebody changes it. */
async function expectInForce(): Promise<void> {
  const key = configMapKey(world.target, 'settings');
  await world.edit(key, { data: { colour: 'red' } });
  await world.until(key, 'be green again', (object) => colour(object) === 'green');
  const unit = await world.get(world.unitKey('apps'));
  expect(unit?.['status']).toMatchObject({ lastAppliedRevision: revision });
  expect(condition(unit, 'Ready')?.status).toBe('True');
  const source = await world.get(world.sourceKey());
  expect(source?.['status']).toMatchObject({ artifact: { revision } });
}

/** The failure's message; told once, however often it was tried. */
async function oneMessage(): Promise<string> {
  const failed = await world.conditionIs(world.sourceKey(), 'Ready', 'False');
  const { reason = '', message = '' } = condition(failed, 'Ready') ?? {};
  await world.event(world.sourceKey(), reason, (told) => told === message);
  const told = (await world.events(world.sourceKey())).filter((event) => event.message === message);
  expect(told).toHaveLength(1);
  return message;
}

test('a full disk is named, the last artifact stays in force, and space brings the new one without a word from anybody', async () => {
  await limit({ fsize: String(256 * 1024) });
  const next = await world.push({ 'apps/ballast.bin': BALLAST, 'apps/.sourceignore': '*.bin\n' });
  expect(await oneMessage()).toMatch(/the agent's disk or limits are too small$/);
  await expectInForce();
  await limit({ fsize: 'unlimited' });
  await world.applied('apps', next);
  revision = next;
  expect(await world.problems()).toEqual([]);
});

test('an artifact that does not fit on the disk is not offered, and is when there is space', async () => {
  await limit({ fsize: String(BALLAST.length) });
  // Git has these bytes already.
  const next = await world.push({ 'copies/one': BALLAST, 'copies/two': BALLAST });
  expect(await oneMessage()).toMatch(/EFBIG|file too large/i);
  await expectInForce();
  await limit({ fsize: 'unlimited' });
  await world.applied('apps', next);
  revision = next;
  expect(await world.problems()).toEqual([]);
});

test('without a free file descriptor the agent says so, keeps what is there in force, and goes on when there are some', async () => {
  // What is open stays open, and nothing else can be.
  await limit({ nofile: '3' });
  const next = await world.push({ 'apps/more.yaml': configMap(world.target, 'more', { colour: 'green' }) });
  expect(await oneMessage()).toMatch(/EMFILE|too many open files/i);
  await expectInForce();
  await limit({ nofile: '4096' });
  await world.applied('apps', next);
  revision = next;
  expect(await world.problems()).toEqual([]);
});
