import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gitRepositoryMessages } from './git-repository.ts';
import { kustomizationMessages } from './kustomization.ts';
import { ownMessages } from './own.ts';

const PACKAGES = join(import.meta.dirname, '../../..');
const GROUPS = { gitRepositoryMessages, kustomizationMessages, ownMessages };

/** Entries of a group that a source says, whatever name it imports the group by. */
function said(group: string, source: string): string[] {
  const imported = new RegExp(`\\b${group}(?: as (\\w+))?\\b`).exec(source);
  if (imported === null) return [];
  const uses = source.matchAll(new RegExp(`\\b${imported[1] ?? group}\\.(\\w+)`, 'g'));
  return [...uses].map(([, entry]) => entry ?? '');
}

const sources = globSync('*/src/**/*.ts', { cwd: PACKAGES })
  .filter((path) => !path.endsWith('.test.ts') && !path.startsWith('api/'))
  .map((path) => readFileSync(join(PACKAGES, path), 'utf8'));

test.each(Object.entries(GROUPS))(
  'every entry of %s is said somewhere: the page of all messages is true',
  (group, entries) => {
    const called = new Set(sources.flatMap((source) => said(group, source)));
    expect(Object.keys(entries).filter((entry) => !called.has(entry))).toEqual([]);
  },
);
