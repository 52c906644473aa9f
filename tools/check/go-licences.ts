import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { goEnvironment, OWN_COMMANDS } from '../setup/go-binaries.js';
import { runTool } from './tool.ts';
import type { Check } from './tool.ts';

/**
 * How a licence text is known, and whether what is linked into our programs may have it; `unchanged` where that takes
 * that its source is published as it is (docs/decisions/0009-mpl-in-decrypt.md).
 */
const KNOWN: readonly { name: string; words: RegExp; allowed: boolean | 'unchanged' }[] = [
  // Before the GPL, which it names.
  { name: 'MPL-2.0', words: /Mozilla Public License/i, allowed: 'unchanged' },
  { name: 'GPL family', words: /GNU (?:AFFERO |LESSER )?GENERAL PUBLIC LICENSE/i, allowed: false },
  { name: 'Apache-2.0', words: /Apache License\s+Version 2\.0/i, allowed: true },
  { name: 'MIT', words: /Permission is hereby granted, free of charge/i, allowed: true },
  { name: 'BSD', words: /Redistribution and use in source and binary forms/i, allowed: true },
  { name: 'ISC', words: /Permission to use, copy, modify, and\/?(?:or)? ?distribute/i, allowed: true },
  { name: 'Unlicense', words: /This is free and unencumbered software/i, allowed: true },
  { name: 'CC0-1.0', words: /CC0 1\.0 Universal/i, allowed: true },
];

/** The one program that may link what must stay unchanged. */
const UNCHANGED_IN = 'decrypt';

/** What is wrong with a module's licence texts for one of our programs; null when nothing is. */
export function goLicenceProblem(program: string, module: string, texts: readonly string[]): string | null {
  if (texts.length === 0) return `${module}: has no licence file`;
  // A module may offer several: one that is allowed is enough, as with `MIT OR MPL-2.0`.
  const found = texts.map((text) => KNOWN.find(({ words }) => words.test(text)));
  if (found.some((licence) => licence?.allowed === true)) return null;
  if (program === UNCHANGED_IN && found.some((licence) => licence?.allowed === 'unchanged')) return null;
  const names = found.map((licence) => licence?.name ?? 'unknown words').join(', ');
  return `${module}: licence ${names} is not on the list for what is linked into ${program}`;
}

function licenceTexts(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && /^(?:licen[cs]e|copying|unlicense)/i.test(entry.name),
  );
  return files.map(({ name }) => readFileSync(join(folder, name), 'utf8'));
}

/** Modules of this repository, which has a licence of its own. */
const OURS = /^plumb\.dev\//;

/** Every module whose packages end up in one of our programs. */
export const goLicences: Check = {
  name: 'go licences',
  async run(root) {
    const format = '{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}';
    const problems: string[] = [];
    for (const command of OWN_COMMANDS) {
      const listed = await runTool('go', ['list', '-deps', '-f', format, command.package], {
        cwd: join(root, command.module),
        env: goEnvironment(),
      });
      if (!listed.ok) return listed;
      const modules = new Set(listed.output.split('\n').filter((line) => line !== '' && !OURS.test(line)));
      if (modules.size === 0) problems.push(`${command.name}: no module is linked into it`);
      for (const line of modules) {
        const [module = '', folder = ''] = line.split('\t');
        const problem = goLicenceProblem(command.name, module, licenceTexts(folder));
        if (problem !== null) problems.push(problem);
      }
    }
    return { ok: problems.length === 0, output: [...new Set(problems)].join('\n') };
  },
};
