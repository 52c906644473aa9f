#!/usr/bin/env node
// `npx plumb <command>`: the command line of this clone.
import { launch } from './setup/launch.js';

await launch('packages/cli/src/main.ts', process.argv.slice(2), { binaries: true });
