import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.ts';

/** Runs the built-in kubectl, against the sandbox unless the user says otherwise. @returns its exit code */
export function runKubectl(args: readonly string[], { root, environment, run }: Context): Promise<number> {
  const sandbox = join(root, '.plumb', 'control-plane', 'kubeconfig');
  const own = environment['KUBECONFIG'] ?? (existsSync(sandbox) ? sandbox : undefined);
  const env = { ...environment, ...(own === undefined ? {} : { KUBECONFIG: own }) };
  return run({ program: join(root, 'build', 'cluster'), name: 'kubectl', args, env });
}
