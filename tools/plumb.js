#!/usr/bin/env node
// `npx plumb <command>`: the command line of this clone.
import { launch } from './setup/launch.js';

const words = process.argv.slice(2);
// Only what starts a cluster or a helper needs the compiled programs.
/** @type {Record<string, import('./setup/setup.js').Needs>} */
const NEEDS = {
  sandbox: { binaries: ['engine', 'cluster'], later: ['decrypt'] },
  agent: { binaries: ['engine', 'decrypt'] },
  build: { binaries: ['engine', 'decrypt'] },
  diff: { binaries: ['engine', 'decrypt'] },
  kubectl: { binaries: ['cluster'] },
};
await launch('packages/cli/src/main.ts', words, NEEDS[words[0] ?? ''] ?? { binaries: [] });
