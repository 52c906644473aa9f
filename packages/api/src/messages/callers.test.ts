import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as registry from '../messages.ts';

const PACKAGES = join(import.meta.dirname, '../../..');
const GROUPS = ['gitRepositoryMessages', 'kustomizationMessages', 'ownMessages'] as const;

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

test.each(GROUPS)('every entry of %s is said somewhere: the page of all messages is true', (group) => {
  const called = new Set(sources.flatMap((source) => said(group, source)));
  expect(Object.keys(registry[group]).filter((entry) => !called.has(entry))).toEqual([]);
});
