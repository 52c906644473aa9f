import { join } from 'node:path';

import { BUILD_FLAGS, COMMANDS, goEnvironment } from '../setup/go-binaries.js';
import { runTool } from './tool.ts';
import type { Check } from './tool.ts';

export const goFormat: Check = {
  name: 'go format',
  async run(root) {
    const result = await runTool('gofmt', ['-l', ...COMMANDS], { cwd: join(root, 'go') });
    return { ok: result.ok && result.output === '', output: result.output };
  },
};

/**
 * With the flags of the build, whose compiled packages then serve the type checker too. Not for `cluster`: vet looks at every
 * dependency first, which for upstream Kubernetes takes two minutes the first time, to judge one file that only calls it.
 */
export const goVet: Check = {
  name: 'go vet',
  run(root) {
    return runTool('go', ['vet', ...BUILD_FLAGS, './engine/...'], { cwd: join(root, 'go'), env: goEnvironment() });
  },
};
