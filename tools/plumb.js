#!/usr/bin/env node
// `npx plumb <command>`: the command line of this clone.
import { launch } from './setup/launch.js';

const words = process.argv.slice(2);
// Only what starts a cluster or the engine needs the compiled programs.
const binaries = ['sandbox', 'agent', 'kubectl', 'build', 'diff'].includes(words[0] ?? '');
await launch('packages/cli/src/main.ts', words, { binaries });
