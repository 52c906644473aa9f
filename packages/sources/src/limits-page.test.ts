import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS as limits } from './limits.ts';

const MIB = 1024 * 1024;
const count = (value: number): string => value.toLocaleString('en');
const bytes = (value: number): string => (value < 1024 * MIB ? `${value / MIB} MiB` : `${value / (1024 * MIB)} GiB`);
const page = readFileSync(join(import.meta.dirname, '../../../docs/spec/gitrepository.md'), 'utf8');

const told: [string, string][] = [
  ['files and folders of one artifact', count(limits.entries)],
  ['levels of folders', count(limits.depth)],
  ['one file', bytes(limits.fileBytes)],
  ['all files of an artifact, before compression', bytes(limits.totalBytes)],
  ['what one fetch may add to the disk', bytes(limits.fetchBytes)],
  ['one object that git must hold in memory', bytes(limits.objectBytes)],
  ['submodules, nested ones too', count(limits.submodules)],
];

test('each limit is named once for the page', () => {
  expect(told).toHaveLength(Object.keys(limits).length);
});

test.each(told)('docs/spec/gitrepository.md tells the limit of %s: %s', (what, value) => {
  expect(page).toContain(`| ${what} | ${value} |`);
});
