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
