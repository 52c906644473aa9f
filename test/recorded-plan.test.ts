import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PLAN, type Change, type ChangePlan, type JsonObject, type Plan } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { World } from './support/world.ts';

// A change that a cluster held is judged again from what the cluster recorded of it, where there is no cluster.

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

const RULES: JsonObject = {
  checks: [
    {
      name: 'grows',
      expression: 'oldObject == null || int(object.data.size) <= int(oldObject.data.size) + 1',
      messageExpression: "'grows from ' + oldObject.data.size + ' to ' + object.data.size",
      action: 'Warn',
    },
    { name: 'few', over: 'Change', expression: 'change.counts.delete < 2 && change.objects.size() < 4' },
  ],
  forbid: [{ name: 'words', pattern: 'forbidden', action: 'Warn' }],
  limits: { maxDeletes: 0, approvers: { groups: ['owners'] } },
  approvals: [{ name: 'two', count: 2, groups: ['sre'], when: 'change.counts.change > 0' }],
  windows: [{ type: 'Deny', timeZone: 'UTC', cron: '0 0 * * *', duration: '24h' }],
};
const OTHER: JsonObject = {
  checks: [
    {
      name: 'small',
      expression: "object.data.size != '9'",
      messageExpression: "'is ' + object.data.size + ', and was ' + oldObject.data.size",
    },
  ],
};

let world: World;
let dir: string;
let alice: Person;
let change: Change;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-recorded-'));
  alice = await Person.named('alice', ['sre'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const before = { 'apps/settings.yaml': settings('1'), 'apps/going.yaml': configMap(target, 'going', { size: '1' }) };
  const commit = await world.repository.commit(before);
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  await policy(world, 'rules', RULES);
  const revision = await world.push({ 'apps/settings.yaml': settings('9'), 'apps/going.yaml': null });
  const held = await changeOf(world, 'apps', 'wait, with its plan', (one) => {
    return one.spec.revision === revision && inPhase('Pending')(one) && one.status?.plan?.path !== undefined;
  });
  await alice.says('Approve', held);
  change = await changeOf(world, 'apps', 'wait for one more', (one) => {
    return one.status?.message?.includes('1 more approval') === true;
  });
  for (const [name, spec] of [
    ['rules', RULES],
    ['other', OTHER],
  ] as const) {
    const object = { apiVersion: 'plumb.dev/v1', kind: 'ReleasePolicy', metadata: { name }, spec };
    await writeFile(join(dir, `${name}.yaml`), JSON.stringify(object));
  }
}, 120_000);

afterAll(async () => {
  await alice.cluster.close();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const settings = (size: string): string => configMap(world.target, 'settings', { size, note: 'forbidden' });

function plumb(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; out: string }> {
  const env = { PATH: process.env['PATH'], ...environment };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: dir, env }, (error, out, err) => {
      if (out === '' || (error !== null && typeof error.code !== 'number')) return reject(new Error(err));
      resolve({ code: Number(error?.code ?? 0), out });
    });
  });
}

interface Told {
  state: string;
  rules: { policy: string; rule: string; outcome: string; message: string }[];
}

/** What is said without a cluster, by a policy, of what a file has. */
async function judged(file: string, by: string): Promise<{ code: number; told: Told }> {
  const what = ['--change', file, '-f', by, '-n', world.namespace, '--approved-by', 'alice=sre'];
  const { code, out } = await plumb(['policy', 'test', ...what, '-o', 'json']);
  const { verdicts } = JSON.parse(out) as { verdicts: [Told] };
  return { code, told: verdicts[0] };
}

/** The plan as the object beside the change has it. */
async function rawPlan(): Promise<string> {
  const key = { ...PLAN, namespace: world.namespace, name: change.metadata.name };
  const { spec } = (await world.cluster.get(key)) as unknown as Plan;
  return gunzipSync(Buffer.from(spec.data, 'base64')).toString();
}

const OUTCOMES: Readonly<Record<string, string>> = {
  Met: 'passes',
  Missing: 'waits',
  Denied: 'denied',
  Warned: 'warned',
};

test('G4: what a cluster recorded of a held change gets the same verdict by the same policy, without the cluster', async () => {
  const raw = await rawPlan();
  expect((JSON.parse(raw) as ChangePlan).judgedAt).toBe(change.status?.plan?.at);
  await writeFile(join(dir, 'raw.json'), raw);
  const { code, told } = await judged('raw.json', 'rules.yaml');
  const said = (change.status?.requirements ?? []).map(({ policy: id, rule, verdict, message }) => {
    return { policy: id, rule, outcome: OUTCOMES[verdict], message };
  });
  expect(said.map(({ rule, outcome }) => `${rule} ${outcome}`)).toEqual([
    'checks/grows warned',
    'checks/few passes',
    'forbid/words warned',
    'limits/0 waits',
    'approvals/two waits',
    'windows waits',
  ]);
  expect(told.rules.map(({ policy: id, rule, outcome, message }) => ({ policy: id, rule, outcome, message }))).toEqual(
    said,
  );
  expect({ code, state: told.state }).toEqual({ code: 0, state: 'held' });
});

test('and by another policy what that says, of the objects as they were and as they would be', async () => {
  const { KUBECONFIG, FLUX_SYSTEM_NAMESPACE } = {
    KUBECONFIG: alice.kubeconfig,
    FLUX_SYSTEM_NAMESPACE: world.namespace,
  };
  const shown = await plumb(['change', 'diff', change.metadata.name, '-o', 'json'], {
    KUBECONFIG,
    FLUX_SYSTEM_NAMESPACE,
  });
  expect(JSON.parse(shown.out)).toEqual(JSON.parse(await rawPlan()));
  await writeFile(join(dir, 'shown.json'), shown.out);
  const { code, told } = await judged('shown.json', 'other.yaml');
  expect({ code, state: told.state }).toEqual({ code: 1, state: 'rejected' });
  expect(told.rules).toMatchObject([
    { rule: 'checks/small', outcome: 'denied', message: `ConfigMap/${world.target}/settings: is 9, and was 1` },
  ]);
});
