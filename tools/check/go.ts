import { join } from 'node:path';

import { BUILD_FLAGS, goEnvironment } from '../setup/go-binaries.js';
import { runTool } from './tool.ts';
import type { Check } from './tool.ts';

export const goFormat: Check = {
  name: 'go format',
  async run(root) {
    const result = await runTool('gofmt', ['-l', 'go'], { cwd: root });
    return { ok: result.ok && result.output === '', output: result.output };
  },
};

/** What is vetted, by module. */
const VETTED = [
  { module: 'go', packages: './engine/...' },
  { module: 'go', packages: './fluxvars/...' },
  { module: 'go/helper', packages: './...' },
  { module: 'go/decrypt', packages: './...' },
  { module: 'go/registry', packages: './...' },
] as const;

/**
 * With the flags of the build, whose compiled packages then serve the type checker too. Not for `cluster`: vet looks at every
 * dependency first, which for upstream Kubernetes takes two minutes the first time, to judge one file that only calls it.
 */
export const goVet: Check = {
  name: 'go vet',
  async run(root) {
    const env = goEnvironment();
    for (const { module, packages } of VETTED) {
      const verdict = await runTool('go', ['vet', ...BUILD_FLAGS, packages], { cwd: join(root, module), env });
      if (!verdict.ok) return verdict;
    }
    return { ok: true, output: '' };
  },
};
