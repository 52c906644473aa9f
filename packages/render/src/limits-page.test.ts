import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { limits } from './limits.ts';

const MIB = 1024 * 1024;
const count = (value: number): string => value.toLocaleString('en');
const bytes = (value: number): string => (value < 1024 * MIB ? `${value / MIB} MiB` : `${value / (1024 * MIB)} GiB`);
const page = readFileSync(join(import.meta.dirname, '../../../docs/spec/kustomization.md'), 'utf8');

const told: [string, string][] = [
  ['one file', bytes(limits.fileBytes)],
  ['all files', bytes(limits.totalBytes)],
  ['files', count(limits.files)],
  ['objects', count(limits.objects)],
  ['levels of folders', count(limits.folderDepth)],
  ['kustomizations that include each other', count(limits.kustomizationDepth)],
  ['remote bases', count(limits.remotes)],
  ['levels of lists and maps in YAML', count(limits.yamlDepth)],
  ['documents of one file', count(limits.documents)],
  ['marks (commas, colons, dashes, brackets, line ends) of one file', count(limits.fileMarks)],
  ['marks of all files', count(limits.totalMarks)],
  ['YAML aliases of one document', count(limits.aliases)],
  ['bytes of one document with its aliases written out', bytes(limits.expandedBytes)],
  ['symlinks on the way to one path', count(limits.links)],
  ['characters of one path', count(limits.pathLength)],
  ['names and symlinks followed on all paths', count(limits.steps)],
];

test('each limit is named once for the page', () => {
  expect(told).toHaveLength(Object.keys(limits).length);
});

test.each(told)('docs/spec/kustomization.md tells the limit of %s: %s', (what, value) => {
  expect(page).toContain(`| ${what} | ${value} |`);
});
