import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CHANGE, PLAN, type Change, type ChangePlan, type KubeObject, type Plan } from '@plumb/api';
import { readPlan } from '@plumb/preview';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap, secret } from './support/manifests.ts';
import { Releases } from './support/releases.ts';
import { configMapKey, type World } from './support/world.ts';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

let releases: Releases;
let world: World;
let dir: string;
let alice: Person;
let mallory: Person;

/** None of these may be read anywhere. */
const CANARIES = ['hunter2first', 'hunter2second', 'hunter2third', 'tokenfirst', 'tokensecond'];

beforeAll(async () => {
  releases = await Releases.start({ agent: false });
  ({ world } = releases);
  await installGates(world.cluster);
  await releases.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  const { kubeconfig } = releases.plane;
  alice = await Person.named('alice', ['sre'], { dir, kubeconfig });
  mallory = await Person.named('mallory', ['shop'], { dir, kubeconfig });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
});

afterAll(async () => {
  for (const { cluster } of [alice, mallory]) await cluster.close();
  await releases.close();
  await rm(dir, { recursive: true, force: true });
});

/** Runs the command line as somebody. */
function plumb(who: Person, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], KUBECONFIG: who.kubeconfig, FLUX_SYSTEM_NAMESPACE: world.namespace };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: dir, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

/** The change of a unit, once its plan is kept, or why it is not. */
function planned(unit: string, revision: string): Promise<Change> {
  const holds = (one: Change): boolean =>
    one.spec.revision === revision && inPhase('Pending')(one) && one.status?.plan !== undefined;
  return changeOf(world, unit, 'have a plan', holds);
}

function planIn(held: Change): Promise<ChangePlan> {
  return readPlan(alice.cluster, held, AbortSignal.timeout(30_000));
}

/** What a diff says, but for its head. */
const bodyOf = (out: string): string => out.replace(/^Change .*\n/, '');

const files = (parts: Record<string, string>, password: string): Record<string, string> => ({
  'apps/settings.yaml': configMap(world.target, 'settings', parts),
  'apps/token.yaml': secret(world.target, 'token', { password }),
});

let change: Change;

test('of a held change what would change of each object is kept, and secrets show only that they do', async () => {
  const { target } = world;
  const parts = { colour: 'green', mode: 'old', auth: 'bearer ${token}', user: 'bob', pw: 'as hunter2first' };
  const going = { 'apps/going.yaml': configMap(target, 'going', { auth: 'for ${token}' }) };
  await variables('tokenfirst');
  await world.repository.commit({ ...files(parts, 'hunter2first'), ...going });
  await world.gitRepository();
  const postBuild = { substituteFrom: [{ kind: 'Secret', name: 'vars' }] };
  await world.kustomization('apps', { postBuild, retryInterval: '1h' });
  await world.conditionIs(world.unitKey('apps'), 'Ready', 'True');
  await policy(world, 'one', { approvals: [{ name: 'one', groups: ['sre'] }] });
  await variables('tokensecond');
  const next = { colour: 'blue', mode: 'old', auth: 'bearer ${token}', extra: 'x', pw: 'as hunter2second' };
  const coming = { 'apps/coming.yaml': configMap(target, 'coming', { a: '1' }) };
  const revision = await world.push({ ...files(next, 'hunter2second'), ...coming, 'apps/going.yaml': null });
  change = await planned('apps', revision);
  expect(change.status?.plan).toMatchObject({ objects: 4, left: 0 });
  const { code, out, err } = await plumb(alice, 'change', 'diff', change.metadata.name);
  expect(err).toBe('1 created, 2 changed, 1 deleted\n');
  expect(code).toBe(1);
  expect(out.split('\n')[0]).toMatch(
    new RegExp(
      `^Change ${world.namespace}/${change.metadata.name}, ${revision}: what it would do, as of \\S+Z \\(\\d+s ago\\)$`,
    ),
  );
  expect(bodyOf(out)).toBe(
    [
      'DELETES 1 object',
      `- ConfigMap/${target}/going`,
      `+ ConfigMap/${target}/coming`,
      `~ ConfigMap/${target}/settings`,
      '    data.auth',
      "      - '*** (before)'",
      "      + '*** (after)'",
      '    data.colour',
      '      - green',
      '      + blue',
      '    data.extra',
      '      + x',
      '    data.pw',
      "      - '*** (before)'",
      "      + '*** (after)'",
      '    data.user',
      "      - '*** (before)'",
      `~ Secret/${target}/token`,
      '    data.password',
      "      - '*** (before)'",
      "      + '*** (after)'",
      '',
    ].join('\n'),
  );
});

/** What variables are taken from. */
function variables(token: string): Promise<KubeObject> {
  const metadata = { name: 'vars', namespace: world.namespace };
  return world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { token } });
}

test('the plan has both sides of each object, and what policies are judged by', async () => {
  const { target, namespace } = world;
  const plan = await planIn(change);
  expect(plan.change).toMatchObject({
    unit: { kind: 'Kustomization', namespace, name: 'apps' },
    cause: 'routine',
    cluster: 'own',
    digest: change.spec.digest,
    source: { kind: 'GitRepository', namespace, name: 'shop', revision: change.spec.revision },
    owned: 3,
  });
  const [going, coming, settings, token] = plan.objects;
  expect(going).toMatchObject({ action: 'delete', object: null, oldObject: { data: { auth: '*** (before)' } } });
  expect(coming).toMatchObject({
    key: { kind: 'ConfigMap', namespace: target, name: 'coming' },
    action: 'create',
    path: 'apps/coming.yaml',
    object: { data: { a: '1' } },
    oldObject: null,
    fields: [],
  });
  expect(settings).toMatchObject({
    action: 'change',
    outcome: 'changed',
    object: { data: { colour: 'blue', mode: 'old', auth: '*** (after)', extra: 'x', pw: '*** (after)' } },
    oldObject: {
      data: { colour: 'green', mode: 'old', auth: '*** (before)', user: '*** (before)', pw: '*** (before)' },
    },
  });
  expect(settings?.oldObject?.metadata).not.toHaveProperty('managedFields');
  expect(token).toMatchObject({
    object: { data: { password: '*** (after)' } },
    oldObject: { data: { password: '*** (before)' } },
  });
  const { out } = await plumb(alice, 'change', 'diff', change.metadata.name, '-o', 'json');
  expect(JSON.parse(out)).toEqual(plan);
});

test('the API server has it under the path that the Change names, for whoever may read plans, and for nobody else', async () => {
  const { path = '' } = change.status?.plan ?? {};
  const raw = await plumb(alice, 'kubectl', 'get', '--raw', path);
  const { metadata, spec } = JSON.parse(raw.out) as Plan;
  const text = gunzipSync(Buffer.from(spec.data, 'base64')).toString();
  expect(JSON.parse(text)).toEqual(await planIn(change));
  expect(metadata['ownerReferences']).toMatchObject([{ kind: 'Change', uid: change.metadata.uid, controller: true }]);
  for (const canary of CANARIES) expect(text).not.toContain(canary);
  const { items } = await mallory.cluster.list(CHANGE, { namespace: world.namespace });
  expect(JSON.stringify(items)).not.toMatch(/hunter2|tokenfirst|tokensecond/);
});

test('whoever looks at the change, or approves it, is told where to read it', async () => {
  const { name } = change.metadata;
  const { out } = await plumb(alice, 'change', 'show', name);
  expect(out).toMatch(new RegExp(`\nplumb change diff ${name} shows what changes of them\n$`));
});

test('a new commit supersedes it, and has a plan of its own; what was planned before stays to be read', async () => {
  const parts = { colour: 'red', mode: 'old', auth: 'bearer ${token}', extra: 'x', pw: 'as hunter2third' };
  const revision = await world.push(files(parts, 'hunter2third'));
  const second = await planned('apps', revision);
  expect((await planIn(second)).objects).toContainEqual(
    expect.objectContaining({
      fields: expect.arrayContaining([{ path: 'data.colour', before: 'green', after: 'red' }]) as unknown,
    }),
  );
  expect((await planIn(change)).change.source.revision).toBe(change.spec.revision);
  expect(await plumb(alice, 'approve', second.metadata.name)).toMatchObject({
    code: 0,
    out: expect.stringContaining(`; plumb change diff ${second.metadata.name} shows what\n`) as string,
  });
  await world.applied('apps', revision);
});

test('a plan goes with its change', async () => {
  const { namespace } = world;
  const { name } = change.metadata;
  await world.cluster.delete({ ...CHANGE, namespace, name });
  // Garbage collection looks for kinds that are new to it every half minute.
  await world.until({ ...PLAN, namespace, name }, 'be gone', (object) => object === null, 120_000);
  expect((await plumb(alice, 'change', 'diff', name)).code).toBe(2);
});

test('a plan that is not the one of the change is refused', async () => {
  const { namespace, target } = world;
  const revision = await world.push({ 'apps/coming.yaml': configMap(target, 'coming', { a: '2' }) });
  const held = await planned('apps', revision);
  const { name } = held.metadata;
  const other = { spec: { data: Buffer.from('other').toString('base64') } };
  await world.cluster.patch({ ...PLAN, namespace, name }, other, { type: 'merge' });
  const { code, err } = await plumb(alice, 'change', 'diff', name);
  expect({ code, err }).toEqual({
    code: 2,
    err: `plumb: the plan of Change ${namespace}/${name} cannot be relied on: it cannot be unpacked\n`,
  });
});

test('where no plan can be kept the change is held all the same, says why, and can be approved', async () => {
  const { namespace, target } = world;
  const refusal = { name: `${namespace}-no-plans` };
  const spec = {
    matchConstraints: {
      resourceRules: [{ apiGroups: ['plumb.dev'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['plans'] }],
    },
    validations: [{ expression: 'false', message: 'no plans today' }],
  };
  const kind = { group: 'admissionregistration.k8s.io', version: 'v1' } as const;
  const apiVersion = 'admissionregistration.k8s.io/v1';
  await world.apply({ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata: refusal, spec });
  const binding = { policyName: refusal.name, validationActions: ['Deny'] };
  await world.apply({ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata: refusal, spec: binding });
  const probe = {
    apiVersion: 'plumb.dev/v1',
    kind: 'Plan',
    metadata: { name: 'probe', namespace },
    spec: { digest: 'd', data: '' },
  };
  await expect
    .poll(() => world.cluster.create(probe, { dryRun: true }).catch(() => null), { timeout: 20_000 })
    .toBeNull();
  const revision = await world.push({ 'apps/coming.yaml': configMap(target, 'coming', { a: '3' }) });
  const held = await planned('apps', revision);
  expect(held.status?.plan?.problem).toContain('no plans today');
  const { code, err } = await plumb(alice, 'change', 'diff', held.metadata.name);
  expect(code).toBe(2);
  expect(err).toMatch(/has no plan: .*no plans today.*; plumb diff shows what its unit would change now\n$/);
  await alice.says('Approve', held);
  await world.applied('apps', revision);
  expect((await world.get(configMapKey(target, 'coming')))?.['data']).toEqual({ a: '3' });
  for (const name of ['ValidatingAdmissionPolicyBinding', 'ValidatingAdmissionPolicy'])
    await world.cluster.delete({ ...kind, kind: name, namespace: '', name: refusal.name });
  await expect
    .poll(
      () =>
        world.cluster.create(probe, { dryRun: true }).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
});

test('of a release the plan has hooks and definitions too, and nothing of what Secrets gave to its values', async () => {
  const template =
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cart-settings\ndata:\n  colour: {{ .Values.colour }}\n  auth: {{ .Values.password }}\n';
  const chart = (extra: Record<string, string> = {}): Record<string, string> => ({
    'values.yaml': 'colour: green\npassword: none\n',
    'templates/settings.yaml': template,
    ...extra,
  });
  const values = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'values', namespace: world.namespace } };
  const from = { valuesFrom: [{ kind: 'Secret', name: 'values', valuesKey: 'password', targetPath: 'password' }] };
  await world.apply({ ...values, stringData: { password: 'hunter2first' } });
  await releases.chart('cart', chart());
  await releases.release('cart', from);
  const first = await planned('cart', '1.0.0');
  expect((await planIn(first)).objects).toMatchObject([
    { action: 'create', outcome: 'created', object: { data: { auth: '***' } } },
  ]);
  await alice.says('Approve', first);
  await releases.ready('cart');
  await world.apply({ ...values, stringData: { password: 'hunter2second' } });
  const hook =
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cart-hook\n  annotations:\n    helm.sh/hook: pre-upgrade\ndata:\n  a: one\n';
  await releases.chart(
    'cart',
    chart({ 'values.yaml': 'colour: red\npassword: none\n', 'templates/hook.yaml': hook }),
    '1.1.0',
  );
  const second = await planned('cart', '1.1.0');
  const { out, err } = await plumb(alice, 'change', 'diff', second.metadata.name);
  expect(err).toBe('1 created, 1 changed\n');
  expect(bodyOf(out)).toContain(`+ ConfigMap/${world.namespace}/cart-hook (hook: pre-upgrade)\n`);
  expect(bodyOf(out)).toContain('    data.colour\n      - green\n      + red\n');
  expect(bodyOf(out)).toContain("    data.auth\n      - '*** (before)'\n      + '*** (after)'\n");
  for (const canary of CANARIES) expect(JSON.stringify(await planIn(second))).not.toContain(canary);
});

test('nothing went wrong beside', async () => {
  expect(await releases.problems()).toEqual([]);
});
