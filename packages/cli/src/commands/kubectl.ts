import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.ts';

/** Runs the built-in kubectl, against the sandbox unless the user says otherwise. @returns its exit code */
export async function runKubectl(args: readonly string[], { root, environment }: Context): Promise<number> {
  const sandbox = join(root, '.plumb', 'control-plane', 'kubeconfig');
  const own = environment['KUBECONFIG'] ?? (existsSync(sandbox) ? sandbox : undefined);
  const env = { ...environment, ...(own === undefined ? {} : { KUBECONFIG: own }) };
  const child = spawn(join(root, 'build', 'cluster'), args, { argv0: 'kubectl', stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}
