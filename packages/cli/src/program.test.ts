import { describe, expect, test } from 'vitest';
import type { Context } from './context.ts';
import { runProgram } from './program.ts';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const context: Context = {
    root: '/nowhere',
    folder: '/nowhere',
    environment: { KUBECONFIG: '/mine' },
    stdout: { columns: 80, write: (text: string) => ((said.out += text), true) } as Context['stdout'],
    stderr: { write: (text) => (said.err += text) },
    run: ({ name, args, env }) => (
      (said.out += `${name} ${args.join(' ')} ${env['KUBECONFIG'] ?? ''}`),
      Promise.resolve(7)
    ),
    program: 'test',
    memoryLimit: null,
    untilStopped: () => Promise.resolve(),
  };
  return { code: await runProgram(args, context), ...said };
}

describe('plumb', () => {
  test('lists its commands', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    expect(out).toMatch(/sandbox[\s\S]*agent[\s\S]*crds/);
  });

  test('prints the definitions of the kinds as a list', async () => {
    const { code, out } = await run('crds');
    expect(code).toBe(0);
    const list = JSON.parse(out) as { kind: string; items: { metadata: { name: string } }[] };
    expect(list.kind).toBe('List');
    expect(list.items.map((item) => item.metadata.name)).toEqual([
      'gitrepositories.source.toolkit.fluxcd.io',
      'kustomizations.kustomize.toolkit.fluxcd.io',
      'helmreleases.helm.toolkit.fluxcd.io',
    ]);
  });

  test('prints the kinds that hold changes back, with what vouches for who approves, and roles for people', async () => {
    const { code, out } = await run('crds', '--gates');
    expect(code).toBe(0);
    const { items } = JSON.parse(out) as { items: { kind: string; metadata: { name: string } }[] };
    expect(items.map(({ metadata }) => metadata.name)).toEqual([
      'releasepolicies.plumb.dev',
      'clusterreleasepolicies.plumb.dev',
      'changes.plumb.dev',
      'plans.plumb.dev',
      'approvals.plumb.dev',
      'lockdowns.plumb.dev',
      'approvals.plumb.dev',
      'approvals.plumb.dev',
      'lockdowns.plumb.dev',
      'lockdowns.plumb.dev',
      'plumb-gates-view',
      'plumb-approver',
      'plumb-operator',
      'plumb-policy-admin',
    ]);
    expect(items.slice(9).map(({ kind }) => kind)).toEqual([
      'ValidatingAdmissionPolicyBinding',
      ...Array.from({ length: 4 }, () => 'ClusterRole'),
    ]);
  });

  test('hands every word behind kubectl to kubectl, and gives its exit code', async () => {
    expect(await run('kubectl', 'get', 'pods', '--help')).toEqual({
      code: 7,
      out: 'kubectl get pods --help /mine',
      err: '',
    });
  });

  test.each([
    ['an unknown command', ['fly'], /unknown command 'fly'/],
    ['an unknown option', ['agent', '--fly'], /unknown option '--fly'/],
    ['an approval of nothing', ['approve'], /missing required argument 'name'/],
  ])('refuses %s with exit code 2', async (_name, args, message) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  test.each([
    [
      'a bad value',
      ['agent', '--metrics-port', 'http'],
      "plumb: --metrics-port: 'http' is not a whole number from 0 to 65535\n",
    ],
    [
      'what asks a cluster without one',
      ['change', 'list', '--kubeconfig', ''],
      'plumb: what is held is in the cluster: give --kubeconfig, or set KUBECONFIG\n',
    ],
    [
      'a rejection without a reason',
      ['reject', 'ks-apps-1'],
      'plumb: whoever wrote the change wants to know why: give --comment\n',
    ],
    ['a wait of no duration', ['approve', 'a', '--timeout', 'long'], "plumb: --timeout: invalid duration 'long'"],
    [
      'a lockdown of a namespace whose name is empty',
      ['lockdown', 'on', '--reason', 'r', '--for', '1h', '--namespace', ''],
      "plumb: --namespace: '' names nothing\n",
    ],
    [
      'a lockdown of a selector that is empty',
      ['lockdown', 'on', '--reason', 'r', '--for', '1h', '--selector', ''],
      'plumb: --selector: it is empty, which chooses everything: leave it out where that is meant\n',
    ],
    ['why of no unit', ['why', 'pod/a'], "plumb: 'pod/a' names no unit as kustomization/apps or helmrelease/cart\n"],
    ['an agent without a cluster', ['agent', '--kubeconfig', '/nowhere/kubeconfig'], /^plumb: .*\/nowhere\/kubeconfig/],
  ])('ends with code 1 and one line for %s', async (_name, args, message) => {
    const { code, err } = await run(...args);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  test('names the options of a command in its help', async () => {
    const { out } = await run('agent', '--help');
    expect(out).toMatch(/--kubeconfig <path>/);
    expect(out).toMatch(/--no-cross-namespace-refs/);
  });
});
