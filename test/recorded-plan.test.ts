import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PLAN, type Change, type ChangePlan, type JsonObject, type Plan } from '@plumb/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeOf, clusterPolicy, inPhase, installGates, Person, policy } from './support/gates.ts';
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
/** The same, when its plan was made. */
let before: Change;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-recorded-'));
  alice = await Person.named('alice', ['sre'], { dir });
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const files = { 'apps/settings.yaml': settings('1'), 'apps/going.yaml': configMap(target, 'going', { size: '1' }) };
  const commit = await world.repository.commit(files);
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  await policy(world, 'rules', RULES);
  const revision = await world.push({ 'apps/settings.yaml': settings('9'), 'apps/going.yaml': null });
  before = await changeOf(world, 'apps', 'wait, with its plan', (one) => {
    return one.spec.revision === revision && inPhase('Pending')(one) && one.status?.plan?.path !== undefined;
  });
  await alice.says('Approve', before);
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
});

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

/** What is said of what a file has, by nothing else. */
async function replayed(file: string): Promise<{ code: number; told: Told }> {
  const { code, out } = await plumb(['policy', 'test', '--change', file, '-o', 'json']);
  const { verdicts } = JSON.parse(out) as { verdicts: [Told] };
  return { code, told: verdicts[0] };
}

/** The requirements of a change, as the command tells them. */
function saidOf({ status }: Change): Told['rules'] {
  return (status?.requirements ?? []).map(({ policy: id, rule, verdict, message }) => {
    return { policy: id, rule, outcome: OUTCOMES[verdict] ?? verdict, message };
  });
}

const plainRules = ({ rules }: Told): Told['rules'] =>
  rules.map(({ policy: id, rule, outcome, message }) => ({ policy: id, rule, outcome, message }));

/** The plan as the object beside the change has it. */
async function rawPlan(of: Change = change): Promise<string> {
  const key = { ...PLAN, namespace: world.namespace, name: of.metadata.name };
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
  const said = saidOf(change);
  expect(said.map(({ rule, outcome }) => `${rule} ${outcome}`)).toEqual([
    'checks/grows warned',
    'checks/few passes',
    'forbid/words warned',
    'limits/0 waits',
    'approvals/two waits',
    'windows waits',
  ]);
  expect(plainRules(told)).toEqual(said);
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

test('and by what was recorded with it what it waited for when its plan was made', async () => {
  await writeFile(join(dir, 'raw.json'), await rawPlan());
  const { told } = await replayed('raw.json');
  expect(plainRules(told)).toEqual(saidOf(before));
});

describe('without any policy', () => {
  const server = createServer((_request, response) => response.end(JSON.stringify({ yes: true })));
  let undo: () => Promise<void>;
  let held: Change;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { namespace } = world;
    const data = {
      bob: `user: bob\ngit: bob@example.test\ngit: test@localhost`,
      alice: 'user: alice\ngit: alice@example.test',
      zoe: 'user: zoe\ngit: zoe@example.test',
    };
    await world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'people', namespace }, data });
    // One question for both revisions, so that its answer is there when the plan of the second is made.
    const webhook = { url, body: "{'digest': dyn(change.digest)}", expression: 'response.body.yes == true' };
    undo = await clusterPolicy(world, 'people', {
      select: { names: ['pages'] },
      identitiesRef: { name: 'people', namespace },
      approvals: [{ name: 'other', count: 1, notAuthor: true }],
      external: [{ name: 'asked', retryInterval: '1s', cache: '10m', webhook }],
    });
    const page = { 'pages/page.yaml': configMap(world.target, 'page', { size: '1', note: 'forbidden' }) };
    await world.push(page, 'A page', 'Bob <bob@example.test>');
    await world.kustomization('pages', { retryInterval: '1h' });
    const first = await changeOf(world, 'pages', 'be let pass by the other system', ({ status }) => {
      const asked = status?.requirements?.find(({ rule }) => rule === 'external/asked');
      return asked?.verdict === 'Met' && status?.plan?.path !== undefined;
    });
    await alice.says('Approve', first);
    await changeOf(world, 'pages', 'be approved by somebody else', ({ status }) => {
      return (
        status?.requirements?.some(({ rule, verdict }) => rule === 'approvals/other' && verdict === 'Met') === true
      );
    });
    // The same change, of another revision: its plan is made anew, by all that is known by now.
    const revision = await world.push({ 'README.md': 'Pages' }, 'Say what it is', 'Bob <bob@example.test>');
    held = await changeOf(world, 'pages', 'wait, with another plan', ({ spec, status }) => {
      const { path, digest } = status?.plan ?? {};
      return spec.revision === revision && path !== undefined && digest !== first.status?.plan?.digest;
    });
  });

  afterAll(async () => {
    await undo();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('G4: what a cluster recorded of a held change is all that the verdict was made from', async () => {
    const raw = await rawPlan(held);
    await writeFile(join(dir, 'pages.json'), raw);
    const { code, told } = await replayed('pages.json');
    expect(plainRules(told).map(({ rule, outcome }) => `${rule} ${outcome}`)).toEqual([
      'approvals/other passes',
      'external/asked passes',
      'checks/grows passes',
      'checks/few passes',
      'forbid/words warned',
      'windows waits',
    ]);
    expect(plainRules(told)).toEqual(saidOf(held));
    expect({ code, state: told.state }).toEqual({ code: 0, state: 'held' });
    expect(raw).not.toContain('zoe');
  });
});
