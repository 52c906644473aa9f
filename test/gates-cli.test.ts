import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APPROVAL, type Approval, type Change } from '@plumb/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeOf, inPhase, installGates, Person, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');

let world: World;
let dir: string;
let alice: Person;
let bob: Person;
let mallory: Person;
let olga: Person;

const POLICY = {
  approvals: [{ name: 'two', count: 2, groups: ['sre'] }],
  breakGlass: { groups: ['oncall'], expiry: '1h' },
};

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  dir = await mkdtemp(join(tmpdir(), 'plumb-people-'));
  alice = await Person.named('alice', ['sre'], { dir });
  bob = await Person.named('bob', ['sre'], { dir });
  mallory = await Person.named('mallory', ['shop'], { dir });
  olga = await Person.named('olga', ['oncall'], { dir });
  await operators();
  const { target } = world;
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const commit = await world.repository.commit({ 'apps/settings.yaml': configMap(target, 'settings', { a: '1' }) });
  await world.gitRepository();
  await world.kustomization('apps', { retryInterval: '1h' });
  await world.applied('apps', `main@sha1:${commit}`);
  await policy(world, 'two-people', POLICY);
});

afterAll(async () => {
  for (const { cluster } of [alice, bob, mallory, olga]) await cluster.close();
  for (const kind of ['ClusterRole', 'ClusterRoleBinding']) await world.cluster.delete(operatorKey(kind));
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const RBAC = 'rbac.authorization.k8s.io';
const operatorKey = (kind: string) => ({ group: RBAC, version: 'v1', kind, namespace: '', name: world.namespace });

/** Whoever is on call may also read what holds changes back, and lock down. */
async function operators(): Promise<void> {
  const verbs = ['create', 'delete', 'get', 'list', 'watch'];
  const resources = ['lockdowns', 'releasepolicies', 'clusterreleasepolicies'];
  const units = { apiGroups: ['kustomize.toolkit.fluxcd.io'], resources: ['kustomizations'], verbs: ['get'] };
  const metadata = { name: world.namespace };
  const rules = [{ apiGroups: ['plumb.dev'], resources, verbs }, units];
  await world.apply({ apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules });
  await world.apply({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: world.namespace },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: 'oncall' }],
  });
}

/** Runs the command line as somebody. */
function plumb(who: Person, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], KUBECONFIG: who.kubeconfig, FLUX_SYSTEM_NAMESPACE: world.namespace };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: dir, env }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

const value = async (): Promise<string | undefined> => {
  const object = await world.get(configMapKey(world.target, 'settings'));
  return (object?.['data'] as { a?: string } | undefined)?.a;
};

/** Commits a value, and waits until it is held. */
async function held(a: string): Promise<Change> {
  const revision = await world.push({ 'apps/settings.yaml': configMap(world.target, 'settings', { a }) });
  return changeOf(
    world,
    'apps',
    'wait, with its plan',
    (one) => one.spec.revision === revision && inPhase('Pending')(one) && one.status?.plan !== undefined,
  );
}

let change: Change;

describe('two people', () => {
  test('see what is held, and what it waits for', async () => {
    change = await held('2');
    const { name } = change.metadata;
    const short = change.spec.revision.replace(/sha1:(.{8}).*/, '$1');
    const { code, out } = await plumb(alice, 'change', 'list');
    expect(code).toBe(0);
    const [head, line] = out.split('\n').map((text) => text.split(/ {3,}/));
    expect(head).toEqual(['NAME', 'UNIT', 'PHASE', 'CAUSE', 'REVISION', 'AGE', 'MESSAGE']);
    const age = expect.stringMatching(/^\d+[sm]$/) as string;
    expect(line).toEqual([
      name,
      'Kustomization/apps',
      'Pending',
      'routine',
      short,
      age,
      'waits for 2 approvals by group sre',
    ]);
    const everywhere = await plumb(alice, 'change', 'list', '-A');
    expect(everywhere.out).toMatch(new RegExp(`^${world.namespace} +${name} `, 'm'));
    const json = await plumb(alice, 'change', 'list', '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ kind: 'List', items: [{ metadata: { name } }] });
  });

  test('see every requirement of it, and what becomes of each object', async () => {
    const { namespace, target } = world;
    const { code, out } = await plumb(alice, 'change', 'show', change.metadata.name);
    expect(code).toBe(0);
    expect(out.replaceAll(/\d{4}-\S+Z \(\d+[sm] ago\)/g, 'TIME').replaceAll(/\(\d+[sm] ago\)/g, '(AGE)')).toBe(
      [
        `Change ${namespace}/${change.metadata.name}`,
        `  unit       Kustomization/${namespace}/apps`,
        '  phase      Pending',
        '  cause      routine',
        `  revision   ${change.spec.revision}`,
        '  authors    Test <test@localhost>',
        '  cluster    own',
        `  digest     ${change.spec.digest}`,
        '  held since TIME',
        'waits for 2 approvals by group sre',
        'requirements',
        `  approvals/two in ReleasePolicy/${namespace}/two-people (generation 1)`,
        '    Missing: 2 approvals by group sre (AGE)',
        'objects: 1 changed',
        `  ~ ConfigMap/${target}/settings`,
        `plumb change diff ${change.metadata.name} shows what changes of them`,
        '',
      ].join('\n'),
    );
  });

  test('approve it: the first is told what is missing still, the second that it is applied', async () => {
    const { namespace } = world;
    const { name } = change.metadata;
    const first = await plumb(alice, 'approve', name, '--comment', 'looks good');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      new RegExp(
        `^alice approved ${namespace}/${name}: Approval/${name}-[0-9a-f]{8}; plumb change diff ${name} shows what\n`,
      ),
    );
    expect(first.out.split('\n')[1]).toBe('waits for 1 more approval by group sre');
    const second = await plumb(bob, 'change', 'approve', name);
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(second.out).toMatch(new RegExp(`^bob approved .*\nit is applied\n$`));
    expect(await value()).toBe('2');
    const { items } = await world.cluster.list(APPROVAL, { namespace });
    const specs = (items as unknown as Approval[]).map(({ spec }) => spec).toSorted((a, b) => (a.by < b.by ? -1 : 1));
    const { digest } = change.spec;
    const groups = ['sre', 'system:authenticated'];
    expect(specs).toEqual([
      { change: name, digest, decision: 'Approve', by: 'alice', groups, comment: 'looks good' },
      { change: name, digest, decision: 'Approve', by: 'bob', groups },
    ]);
  });

  test('cannot say anything of it when it is over', async () => {
    const { name } = change.metadata;
    expect(await plumb(alice, 'reject', name, '--comment', 'too late')).toEqual({
      code: 1,
      out: '',
      err: `plumb: Change ${world.namespace}/${name} is applied already: nothing that is said of it counts any more; 'plumb change list' shows what waits now\n`,
    });
  });
});

describe('somebody else', () => {
  test('approves in nobody’s name but their own, and is told that it does not count', async () => {
    change = await held('3');
    const { name } = change.metadata;
    const { code, out } = await plumb(mallory, 'approve', name, '--timeout', '2s');
    expect(code).toBe(0);
    expect(out).toMatch(/^mallory approved /);
    expect(out.split('\n')[1]).toBe(
      `no rule counts it so far (mallory is of shop, system:authenticated); waits for 2 approvals by group sre; plumb change show ${name} has the rules`,
    );
    expect(await plumb(mallory, 'approve', name, '--by', 'alice')).toMatchObject({
      code: 2,
      err: "error: unknown option '--by'\n",
    });
    expect(await value()).toBe('2');
  });

  test('is told which right they lack', async () => {
    const { code, out, err } = await plumb(mallory, 'lockdown', 'on', '--reason', 'mine', '--for', '1h');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^plumb: .*cannot create resource "lockdowns".*; ask whoever runs the cluster for a role that may create lockdowns\.plumb\.dev\n$/,
    );
  });
});

describe('a rejection', () => {
  test('is told as the agent takes it', async () => {
    const { code, out } = await plumb(alice, 'reject', change.metadata.name, '--comment', 'not on a Friday');
    expect(code).toBe(0);
    expect(out).toMatch(/^alice rejected .*\nrefused: alice rejected it; waits for 2 approvals by group sre\n$/);
    const json = await plumb(bob, 'change', 'show', change.metadata.name, '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ kind: 'Change', status: { phase: 'Rejected' } });
  });
});

describe('why', () => {
  test('a unit is held: every rule with its verdict, and what that is made from', async () => {
    const { code, out } = await plumb(olga, 'why', 'ks/apps');
    expect(code).toBe(0);
    const { namespace } = world;
    const shown = out.replaceAll(/, since \S+Z \(\d+[sm] ago\)/g, ', since TIME').replaceAll(/\d+[sm] ago/g, 'AGE ago');
    expect(shown).toMatch(new RegExp(`^Kustomization ${namespace}/apps is held, since TIME\n`));
    const short = (revision: string): string => revision.replace(/sha1:(.{8}).*/, '$1');
    expect(
      shown
        .split('\n')
        .slice(1)
        .filter((line) => !line.startsWith('  runs ')),
    ).toEqual([
      '  refused: alice rejected it; waits for 2 approvals by group sre',
      `  change ${change.metadata.name}, Rejected, made AGE ago`,
      `    routine to ${short(change.spec.revision)}: 0 created, 1 changed, 0 deleted`,
      '    authors: Test <test@localhost>',
      ...[
        '    rejected by alice (sre, system:authenticated) AGE ago; not on a Friday',
        '    approved by mallory (shop, system:authenticated) AGE ago',
      ].toSorted((a, b) => shown.indexOf(a) - shown.indexOf(b)),
      `ReleasePolicy/${namespace}/two-people`,
      '  approvals/two: 2 approvals by group sre',
      '    Missing: 2 approvals by group sre (AGE ago)',
      expect.stringMatching(/^approvals: rejected\//) as string,
      '    Denied: alice rejected it (AGE ago)',
      expect.stringMatching(/^ {6}Approval\/\S+ by alice at /) as string,
      '',
    ]);
  });

  test('tells nothing to whoever may not read the unit, but which right they lack', async () => {
    const { code, err } = await plumb(mallory, 'why', 'ks/apps');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(
        /cannot get resource .*; ask whoever runs the cluster for a role that may get kustomizations\.kustomize\.toolkit\.fluxcd\.io\n$/,
      ) as string,
    });
  });
});

describe('a lockdown', () => {
  const stops = (): string[] => ['--namespace', world.namespace, '--reason', 'incident 12'];

  test('stops the units that are selected at once, until it is ended', async () => {
    change = await held('4');
    const on = await plumb(olga, 'lockdown', 'on', world.namespace, ...stops(), '--for', '2h');
    expect(on).toMatchObject({ code: 0, err: '' });
    expect(on.out).toMatch(
      new RegExp(
        `^lockdown ${world.namespace} by olga until \\S+Z \\(in (2h|119m)\\)\nfreeze: all units in namespace `,
      ),
    );
    await changeOf(world, 'apps', 'wait for its end', ({ status }) => {
      return status?.message?.includes(`the end of lockdown ${world.namespace} by olga (incident 12)`) === true;
    });
    const list = await plumb(olga, 'lockdown', 'list');
    expect(list.out).toMatch(
      new RegExp(
        `^${world.namespace} +freeze +\\S+Z +(2h|1h|\\d+m) +olga +incident 12 +all units in namespace ${world.namespace}$`,
        'm',
      ),
    );
    const why = await plumb(olga, 'why', 'kustomization/apps');
    expect(why.out).toMatch(
      new RegExp(
        `^Lockdown/${world.namespace} by olga until \\S+: incident 12\n  freeze: all units in namespace ${world.namespace}\n    Missing: the end of lockdown`,
        'm',
      ),
    );
    const off = await plumb(olga, 'lockdown', 'off', world.namespace);
    expect(off).toEqual({ code: 0, out: `lockdown ${world.namespace} has ended\n`, err: '' });
    await changeOf(world, 'apps', 'wait for approvals only', ({ metadata, status }) => {
      return metadata.name === change.metadata.name && status?.message === 'waits for 2 approvals by group sre';
    });
    expect((await plumb(olga, 'lockdown', 'off', world.namespace)).err).toBe(
      `plumb: there is no Lockdown ${world.namespace} in the cluster; 'plumb lockdown list' shows those there are\n`,
    );
  });
});

describe('a lockdown that lets pass what people approve and what holds checks', () => {
  test('says what is in force, and the change waits for it beside its policies', async () => {
    const { namespace } = world;
    await plumb(alice, 'approve', change.metadata.name, '--wait=false');
    const check = "few=!has(object.data) || object.data.a in ['4', '5']";
    const rules = ['--require-approvals', '1', '--approver-group', 'oncall', '--check', check];
    const on = await plumb(
      olga,
      'lockdown',
      'on',
      namespace,
      '--namespace',
      namespace,
      '--reason',
      'r',
      '--for',
      '2h',
      ...rules,
    );
    expect(on).toMatchObject({ code: 0, err: '' });
    const about = `all units in namespace ${namespace}; passing only with 1 approval by group oncall; and with few holding of each object: ${check.slice(4)}`;
    expect(on.out.split('\n')[1]).toBe(`approvals, checks: ${about}`);
    expect((await plumb(olga, 'lockdown', 'list')).out).toContain(` ${about}\n`);
    await changeOf(world, 'apps', 'wait for both', ({ metadata, status }) => {
      const waits = 'waits for 1 approval by group oncall, and for 1 more approval by group sre';
      return metadata.name === change.metadata.name && status?.message === waits;
    });
    const why = (await plumb(olga, 'why', 'ks/apps')).out;
    expect(why).toContain(`\n  checks/few: each object: ${check.slice(4)}\n    Met: `);
    expect(why).toContain('\n  approvals/people: 1 approval by group oncall\n    Missing: 1 approval by group oncall');
    await plumb(olga, 'lockdown', 'off', namespace);
  });

  test('is refused where an expression is no CEL', async () => {
    const { code, err } = await plumb(olga, 'lockdown', 'on', '--reason', 'r', '--for', '2h', '--check', 'a=object.');
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('plumb: the lockdown: checks/a: ') as string,
    });
  });
});

test('whoever may break the glass needs no other approval', async () => {
  const { code, out } = await plumb(olga, 'approve', change.metadata.name, '--override', 'the shop is down');
  expect(code).toBe(0);
  expect(out).toMatch(/^olga approved, breaking the glass, .*\nit is applied\n$/);
  expect(await value()).toBe('4');
  const { out: shown } = await plumb(bob, 'change', 'show', change.metadata.name);
  expect(shown).toMatch(/^ {4}Overridden: overridden by olga: the shop is down \(\d+[sm] ago\)$/m);
});

test('of a unit that nothing holds, why says what state it is in, and by which rules it would be held', async () => {
  await world.applied('apps', change.spec.revision);
  const { out } = await plumb(olga, 'why', 'Kustomization/apps');
  expect(out).toMatch(
    new RegExp(
      `^Kustomization ${world.namespace}/apps is not held: it is ready, since \\S+ \\(\\d+[sm] ago\\)\n  Applied revision: .*\n  runs .*\nReleasePolicy/${world.namespace}/two-people\n  approvals/two: 2 approvals by group sre\n$`,
    ),
  );
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
