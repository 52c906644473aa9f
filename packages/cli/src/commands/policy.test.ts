import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Context } from '../context.ts';
import { runProgram } from '../program.ts';

const ROOT = join(import.meta.dirname, '../../../..');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-policy-cli-'));
  git('init', '--quiet', '--initial-branch=main');
  write({
    'fleet/apps.yaml': UNIT,
    'fleet/source.yaml': SOURCE,
    'apps/web.yaml': web(2),
    'policies/replicas.yaml': POLICY,
    'policies/kustomization.yaml': 'resources: [replicas.yaml]\n',
  });
  commit('First');
  git('checkout', '--quiet', '-b', 'feature');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const UNIT = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: fleet}}
`;

const SOURCE = `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1m, url: https://example.com/fleet.git}
`;

const POLICY = `apiVersion: plumb.dev/v1
kind: ReleasePolicy
metadata: {name: replicas}
spec:
  checks:
  - name: few
    expression: object.spec.replicas <= 3
    messageExpression: "'asks for ' + string(object.spec.replicas) + ' replicas'"
  - {name: ticket, over: Change, expression: "source.message.contains('REL-')", message: names no ticket, action: Warn}
  approvals:
  - {name: one, count: 1, groups: [sre], when: change.counts.change > 0}
  windows:
  - {type: Allow, timeZone: America/Los_Angeles, cron: '0 12 * * 2', duration: 6h}
`;

const lockdown = (rules: string): string => `apiVersion: plumb.dev/v1
kind: Lockdown
metadata: {name: incident}
spec:
  reason: down
  by: olga
  until: "2026-11-03T22:00:00Z"
${rules}
`;

const web = (replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: ${replicas}}
`;

function git(...args: string[]): void {
  const env = { PATH: process.env['PATH'], HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' };
  execFileSync('git', args, { cwd: dir, env, stdio: 'ignore' });
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

function commit(message: string): void {
  git('add', '--all');
  git('-c', 'user.name=Ada', '-c', 'user.email=ada@example.test', 'commit', '--quiet', '--message', message);
}

async function plumb(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const context: Context = {
    root: ROOT,
    folder: dir,
    environment: { PATH: process.env['PATH'] },
    stdout: { columns: 80, write: (text: string) => ((said.out += text), true) } as Context['stdout'],
    stderr: { write: (text) => (said.err += text) },
    run: () => Promise.resolve(1),
    program: 'test',
    memoryLimit: null,
    untilStopped: () => Promise.resolve(),
  };
  return { code: await runProgram(['policy', ...args], context), ...said };
}

const TUESDAY = ['--at', '2026-11-03T21:00:00Z'];
const FILES = ['-f', 'policies'];
const check = (...more: string[]) => plumb('check', 'fleet', ...FILES, ...TUESDAY, ...more);

describe('policy check', () => {
  test('says that nothing changes, and judges nothing', async () => {
    const { code, out } = await check();
    expect(out.split('\n').slice(-2)).toEqual(['1 unchanged', '']);
    expect(code).toBe(0);
  });

  test('tells of each unit that changes what every rule says, and fails where one is denied', async () => {
    write({ 'apps/web.yaml': web(9) });
    commit('More');
    const { code, out } = await check();
    expect(out).toBe(
      `Kustomization flux-system/apps denied (1 changed)
  denied          checks/few in ReleasePolicy/flux-system/replicas
    apps/web.yaml: Deployment/shop/web: asks for 9 replicas
  warns           checks/ticket in ReleasePolicy/flux-system/replicas
    names no ticket
  waits           approvals/one in ReleasePolicy/flux-system/replicas: waits for 1 approval by group sre
  passes          windows in ReleasePolicy/flux-system/replicas
note: what runs is not looked at: what was there before is what the base declares, and oldObject is the object as it is declared there
1 denied
`,
    );
    expect(code).toBe(1);
  });

  test('passes while only people or time are waited for, unless it is to be strict', async () => {
    write({ 'apps/web.yaml': web(3) });
    commit('REL-7: more');
    const waiting = await check();
    expect(waiting.code).toBe(0);
    expect(waiting.out).toContain('waits           approvals/one');
    expect((await check('--strict')).code).toBe(1);
    const closed = await plumb('check', 'fleet', ...FILES, '--at', '2026-11-04T21:00:00Z', '--approved-by', 'bo=sre+x');
    expect(closed.out).toContain(
      'waits for the window Tue 12:00–18:00 America/Los_Angeles, opens 2026-11-10T20:00:00Z',
    );
    const approved = await check('--strict', '--approved-by', 'bo=sre+x');
    expect(approved.out).toContain('1 passing\n');
    expect(approved.code).toBe(0);
  });

  test('knows no author of what is no commit yet, and says so', async () => {
    write({ 'apps/web.yaml': web(3) });
    expect((await check()).out).toContain('the folder has changes that are no commit yet');
  });

  test('annotates files for GitHub Actions', async () => {
    write({ 'apps/web.yaml': web(9) });
    commit('More, 100%');
    const { out } = await check('-o', 'github');
    expect(out.split('\n')[0]).toBe(
      '::error file=apps/web.yaml,title=Kustomization/flux-system/apps%3A checks/few in ReleasePolicy/flux-system/replicas::Deployment/shop/web: asks for 9 replicas',
    );
    expect(out).toContain('::warning title=');
    expect(out).toContain('::notice title=');
  });

  test('tells programs as JSON and as YAML', async () => {
    write({ 'apps/web.yaml': web(9) });
    commit('More');
    expect(JSON.parse((await check('-o', 'json')).out)).toMatchObject({
      verdicts: [
        { outcome: 'denied', unit: { name: 'apps' }, rules: [{ rule: 'checks/few', outcome: 'denied' }, {}, {}, {}] },
      ],
    });
    expect((await check('-o', 'yaml')).out).toContain('outcome: denied');
  });

  test.each([
    ['no policies', ['check', 'fleet'], /^plumb: there are no policies to judge by: give their files \(--policy\)/],
    ['a base that is not there', ['check', 'fleet', ...FILES, '--base', 'x'], /^plumb: .*has no revision 'x'/],
    [
      'a unit that cannot be built',
      ['check', ...FILES, 'broken'],
      /^Kustomization\/flux-system\/broken: cannot be built: /m,
    ],
  ])('exits with 2 for %s', async (_what, args, message) => {
    write({
      'broken/unit.yaml': UNIT.replaceAll('apps', 'broken'),
      'broken/kustomization.yaml': 'resources: [x.yaml]',
    });
    const { code, err, out } = await plumb(...args);
    expect(code).toBe(2);
    expect(err + out).toMatch(message);
  });
});

describe('policy test', () => {
  test('judges a folder as it stands, as if all of it were new', async () => {
    write({ 'apps/web.yaml': web(9) });
    const { code, out } = await plumb('test', 'fleet', ...FILES, ...TUESDAY);
    expect(out).toBe(
      `Kustomization flux-system/apps denied (1 created)
  denied          checks/few in ReleasePolicy/flux-system/replicas
    apps/web.yaml: Deployment/shop/web: asks for 9 replicas
  not judged here checks/ticket in ReleasePolicy/flux-system/replicas: whose work it is cannot be told: the files as they stand are no commit: --revision names one
  passes          windows in ReleasePolicy/flux-system/replicas
note: every object is judged as a new one, and nothing as deleted: --base says what was there before
1 denied
`,
    );
    expect(code).toBe(1);
  });

  test('judges a revision, with its authors, and what changed since another one', async () => {
    write({ 'apps/web.yaml': web(3) });
    commit('REL-8: more');
    write({ 'apps/web.yaml': web(9) });
    const { code, out } = await plumb('test', 'fleet', ...FILES, ...TUESDAY, '--revision', 'HEAD', '--base', 'main');
    expect(out).toContain('Kustomization flux-system/apps waits (1 changed)');
    expect(out).toContain('passes          checks/ticket');
    expect(code).toBe(0);
  });

  test('judges changes that were recorded, without any repository', async () => {
    const key = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } };
    const plan = {
      apiVersion: 'plumb.dev/v1',
      kind: 'ChangePlan',
      change: {
        unit: { kind: 'Kustomization', namespace: 'flux-system', name: 'apps', labels: {} },
        namespaceLabels: null,
        cluster: 'own',
        source: { kind: 'GitRepository', namespace: 'flux-system', name: 'fleet', revision: 'main@sha1:1' },
        cause: 'routine',
        digest: 'sha256:1',
        authors: { authors: [], message: 'REL-9', verified: false },
        owned: 1,
      },
      objects: [
        {
          key,
          action: 'create',
          path: 'apps/web.yaml',
          outcome: 'created',
          message: '',
          object: { ...deployment, spec: { replicas: 9 } },
          oldObject: null,
          fields: [],
        },
      ],
      unlisted: 0,
    };
    write({ 'plan.json': JSON.stringify(plan) });
    const { code, out } = await plumb('test', ...FILES, ...TUESDAY, '--change', 'plan.json');
    expect(out).toContain('    apps/web.yaml: Deployment/shop/web: asks for 9 replicas\n');
    expect(out).toContain('passes          checks/ticket');
    expect(code).toBe(1);
    write({ 'then.json': JSON.stringify({ ...plan, judgedAt: '2026-11-03T21:00:00Z' }) });
    const then = await plumb('test', ...FILES, '--change', 'then.json');
    expect(then.out).toContain('passes          windows');
    const later = await plumb('test', ...FILES, '--change', 'then.json', '--at', '2026-11-04T21:00:00Z');
    expect(later.out).toContain('waits           windows');
    expect(await plumb('test', '--change', 'plan.json')).toMatchObject({
      code: 2,
      err: 'plumb: plan.json does not say what it was judged by: it has no record of that; name policies to judge it by: --policy policy.yaml\n',
    });
    expect(await plumb('test', '--change', 'plan.json', ...TUESDAY)).toMatchObject({
      code: 2,
      err: 'plumb: without --policy a recorded change is judged by what was recorded with it: no --with, --approved-by or --at beside it\n',
    });
    expect(await plumb('test', 'fleet', ...FILES, '--change', 'plan.json')).toMatchObject({
      code: 2,
      err: 'plumb: --change has all that is judged: no folder, --revision or --base beside it\n',
    });
  });

  test('judges by lockdowns among the policies, until they end', async () => {
    write({ 'freeze/lockdown.yaml': lockdown(''), 'freeze/policy.yaml': POLICY });
    const { code, out } = await plumb('test', 'fleet', '-f', 'freeze', ...TUESDAY, '--strict');
    expect(out).toContain(
      '  waits           freeze in Lockdown/incident: waits for the end of lockdown incident by olga (down), 2026-11-03T22:00:00Z at the latest\n',
    );
    expect(code).toBe(1);
    const later = await plumb('test', 'fleet', '-f', 'freeze', '--at', '2026-11-03T22:00:00Z');
    expect(later.out).not.toContain('Lockdown');
  });

  test('judges by what a lockdown lets pass, and by no policy where there is none', async () => {
    const rules =
      '  checks: [{name: few, expression: object.spec.replicas <= 1}]\n  approvals: [{name: one, count: 1}]';
    write({ 'lockdown.yaml': lockdown(rules) });
    const { code, out } = await plumb('test', 'fleet', '-f', 'lockdown.yaml', ...TUESDAY, '--approved-by', 'ada');
    expect(out).toContain(
      '  denied          checks/few in Lockdown/incident\n    apps/web.yaml: Deployment/shop/web: ',
    );
    expect(out).toContain('  passes          approvals/one in Lockdown/incident\n');
    expect(code).toBe(1);
  });

  test.each<[string, string[], RegExp]>([
    ['no policies', ['fleet'], /^plumb: say which policies are tested: --policy policy.yaml\n$/],
    [
      'files without one',
      ['fleet', '-f', 'apps'],
      /^plumb: there is no ReleasePolicy, ClusterReleasePolicy or Lockdown in apps\n$/,
    ],
    ['a folder without a unit', ['apps', ...FILES], /declares a Kustomization or HelmRelease of Flux\n$/],
    [
      'an expression with a mistake',
      ['fleet', '-f', 'broken.yaml'],
      /^plumb: ReleasePolicy\/flux-system\/replicas is invalid: checks\/few: compilation failed: ERROR: /,
    ],
    [
      'a field that is not known',
      ['fleet', '-f', 'unknown.yaml'],
      /^plumb: ReleasePolicy\/flux-system\/replicas is invalid: spec.checkz is not known to this version\n$/,
    ],
    [
      'a lockdown with a mistake',
      ['fleet', '-f', 'lockdown.yaml'],
      /^plumb: Lockdown\/incident is invalid: checks\/few: compilation failed: ERROR: /,
    ],
    ['a policy that is given twice', ['fleet', '-f', 'policies/replicas.yaml,policies'], /replicas is given twice\n$/],
    ['what is no time', ['fleet', ...FILES, '--at', 'noon'], /--at: 'noon' is no time as 2026-11-03T12:00:00Z\n$/],
    [
      'nobody',
      ['fleet', ...FILES, '--approved-by', '=sre'],
      /--approved-by: '=sre' is not of the form alice=sre\+oncall\n$/,
    ],
  ])('exits with 2 for %s', async (_what, args, message) => {
    write({
      'broken.yaml': POLICY.replace('<= 3', '<='),
      'unknown.yaml': POLICY.replace('checks:', 'checkz:'),
      'lockdown.yaml': lockdown('  checks: [{name: few, expression: object.spec.replicas <=}]'),
    });
    const { code, err } = await plumb('test', ...args);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
