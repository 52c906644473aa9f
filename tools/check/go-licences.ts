import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { COMMANDS, goEnvironment } from '../setup/go-binaries.js';
import { runTool } from './tool.ts';
import type { Check } from './tool.ts';

/** How a licence text is known, and whether what is linked into our programs may have it. */
const KNOWN: readonly { name: string; words: RegExp; allowed: boolean }[] = [
  { name: 'GPL family', words: /GNU (?:AFFERO |LESSER )?GENERAL PUBLIC LICENSE/i, allowed: false },
  { name: 'MPL-2.0', words: /Mozilla Public License/i, allowed: false },
  { name: 'Apache-2.0', words: /Apache License\s+Version 2\.0/i, allowed: true },
  { name: 'MIT', words: /Permission is hereby granted, free of charge/i, allowed: true },
  { name: 'BSD', words: /Redistribution and use in source and binary forms/i, allowed: true },
  { name: 'ISC', words: /Permission to use, copy, modify, and\/?(?:or)? ?distribute/i, allowed: true },
  { name: 'Unlicense', words: /This is free and unencumbered software/i, allowed: true },
  { name: 'CC0-1.0', words: /CC0 1\.0 Universal/i, allowed: true },
];

/** What is wrong with a module's licence texts; null when nothing is. */
export function goLicenceProblem(module: string, texts: readonly string[]): string | null {
  if (texts.length === 0) return `${module}: has no licence file`;
  // A module may offer several: one that is allowed is enough, as with `MIT OR MPL-2.0`.
  const found = texts.map((text) => KNOWN.find(({ words }) => words.test(text)));
  if (found.some((licence) => licence?.allowed === true)) return null;
  const names = found.map((licence) => licence?.name ?? 'unknown words').join(', ');
  return `${module}: licence ${names} is not on the list for what is linked into our programs`;
}

function licenceTexts(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && /^(?:licen[cs]e|copying|unlicense)/i.test(entry.name),
  );
  return files.map(({ name }) => readFileSync(join(folder, name), 'utf8'));
}

/** Every module whose packages end up in `engine` or `cluster`. */
export const goLicences: Check = {
  name: 'go licences',
  async run(root) {
    const format = '{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}';
    const packages = COMMANDS.map((command) => `./${command}`);
    const listed = await runTool('go', ['list', '-deps', '-f', format, ...packages], {
      cwd: join(root, 'go'),
      env: goEnvironment(),
    });
    if (!listed.ok) return listed;
    const modules = new Set(listed.output.split('\n').filter((line) => line !== ''));
    const problems = [...modules].flatMap((line) => {
      const [module = '', folder = ''] = line.split('\t');
      return goLicenceProblem(module, licenceTexts(folder)) ?? [];
    });
    return { ok: problems.length === 0 && modules.size > 0, output: problems.join('\n') };
  },
};
