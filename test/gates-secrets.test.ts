import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap, secret } from './support/manifests.ts';
import { World } from './support/world.ts';

const TOKEN = 'correct-horse-battery-staple';

let world: World;
let dir: string;
let alice: Person;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-secrets-'));
  alice = await Person.named('alice', ['sre'], { dir });
  const { target, namespace } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  await world.cluster.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'tokens', namespace },
    stringData: { token: TOKEN },
  });
  await world.repository.commit({ 'apps/settings.yaml': configMap(target, 'settings', { a: '${token}' }) });
  await world.gitRepository();
});

afterAll(async () => {
  await alice.cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

test('what a rule tells of an object holds no value of a Secret, neither while the change is held nor once it passed', async () => {
  await policy(world, 'telling', {
    checks: [{ name: 'tells', expression: 'false', messageExpression: "'it is ' + object.data.a", action: 'Warn' }],
    approvals: [{ name: 'one', count: 1, groups: ['sre'] }],
  });
  await world.kustomization('apps', {
    retryInterval: '1h',
    postBuild: { substituteFrom: [{ kind: 'Secret', name: 'tokens' }] },
  });
  const waiting = await changeOf(world, 'apps', 'wait', inPhase('Pending'));
  expect(JSON.stringify(waiting)).not.toContain(TOKEN);
  await alice.says('Approve', waiting);
  const applied = await changeOf(world, 'apps', 'be applied', inPhase('Applied'));
  expect(applied.status?.requirements).toContainEqual(
    expect.objectContaining({ rule: 'checks/tells', verdict: 'Warned', message: expect.stringContaining('it is ***') }),
  );
  expect(JSON.stringify(applied)).not.toContain(TOKEN);
});

test('nor a piece of one that was there before, or is declared', async () => {
  const { target } = world;
  const files = (password: string): Record<string, string> => ({
    'rotating/password.yaml': secret(target, 'password', { password }),
    'rotating/copy.yaml': configMap(target, 'copy', { copy: `as ${password}` }),
  });
  await world.push(files('former-battery-staple'));
  await world.kustomization('rotating', { retryInterval: '1h' });
  const first = await changeOf(world, 'rotating', 'wait', inPhase('Pending'));
  await alice.says('Approve', first);
  await world.applied('rotating', first.spec.revision);
  const messageExpression = "'was ' + oldObject.data.copy + ', is ' + object.data.copy.substring(0, 14)";
  const expression = "object.kind == 'Secret' || {'a': 1}[oldObject.data.copy] > 0";
  await policy(world, 'former', {
    select: { names: ['rotating'] },
    checks: [
      { name: 'former', expression: "object.kind == 'Secret'", messageExpression, action: 'Warn' },
      { name: 'failing', expression },
    ],
  });
  const revision = await world.push(files('coming-battery-staple'));
  const waiting = await changeOf(world, 'rotating', 'wait', (one) => {
    return one.spec.revision === revision && inPhase('Pending')(one);
  });
  const told = (waiting.status?.requirements ?? []).map(({ rule, message }) => `${rule}: ${message}`);
  expect(told).toContain(`checks/former: ConfigMap/${target}/copy: was as ***, is as ***`);
  expect(told.find((text) => text.startsWith('checks/failing'))).toContain('***');
  for (const piece of ['former-batt', 'coming-batt', 'battery-staple'])
    expect(JSON.stringify(waiting)).not.toContain(piece);
});
