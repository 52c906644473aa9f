import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Check } from './tool.ts';

/** Licences that ask for no more than their text and notice. */
const PERMISSIVE = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
];
/** Weak copyleft is fine for what only runs on a developer's machine. */
const DEVELOPMENT_ONLY = ['CC-BY-4.0', 'MPL-2.0'];

interface LockedPackage {
  version?: string;
  license?: string;
  dev?: boolean;
  devOptional?: boolean;
  link?: boolean;
}

/** Whether an SPDX expression (`MIT`, `(MIT OR GPL-2.0)`, `MIT AND ISC`) can be met with the allowed licences alone. */
export function allowedExpression(expression: string, allowed: readonly string[]): boolean {
  const choices = expression.replaceAll(/[()]/g, ' ').split(/\sOR\s/);
  return choices.some((choice) => choice.split(/\sAND\s/).every((term) => allowed.includes(term.trim())));
}

/** What is wrong with the licence of one locked package; null when nothing is. */
export function licenceProblem(path: string, entry: LockedPackage, declared: string | undefined): string | null {
  const development = entry.dev === true || entry.devOptional === true;
  const allowed = development ? [...PERMISSIVE, ...DEVELOPMENT_ONLY] : PERMISSIVE;
  const name = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${entry.version}`;
  if (declared === undefined || declared === '') return `${name}: declares no licence`;
  if (allowedExpression(declared, allowed)) return null;
  return `${name}: licence ${declared} is not on the list for ${development ? 'development' : 'run-time'} dependencies`;
}

/** The manifest's own word counts; the lockfile speaks for packages of other platforms, which are not installed. */
function declaredLicence(root: string, path: string, entry: LockedPackage): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as {
      license?: unknown;
      /** As npm 1 had it; a few packages never changed it. */
      licenses?: { type?: string }[];
    };
    if (typeof manifest.license === 'string') return manifest.license;
    const old = manifest.licenses?.flatMap(({ type }) => type ?? []) ?? [];
    if (old.length > 0) return old.join(' OR ');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return entry.license;
}

export const licences: Check = {
  name: 'licences',
  async run(root) {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, LockedPackage>;
    };
    const found = Object.entries(lock.packages)
      .filter(([path, entry]) => path.includes('node_modules/') && entry.link !== true)
      .map(([path, entry]) => licenceProblem(path, entry, declaredLicence(root, path, entry)))
      .filter((problem) => problem !== null);
    return { ok: found.length === 0, output: found.join('\n') };
  },
};
