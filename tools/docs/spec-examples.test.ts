import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checked, Json, JsonObject } from '@plumb/api';
import { checkGitRepository, checkHelmRelease, checkKustomization } from '@plumb/api';
import { readDocuments } from '@plumb/render';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const BLOCK = /^```yaml\n([\s\S]*?)^```$/gm;
/** Rows of the generated tables. */
const SPEC_FIELD = /^\| `(spec\.[^`]+)` \| (.+?) \|/gm;
/** Types of fields that hold what their writer calls as he likes. */
const OPEN: ReadonlySet<string> = new Set(['map of strings', 'any']);
const CONDITION = /^\| `([A-Z]\w+)` \|/gm;

const PAGES: { kind: string; path: string; check: (value: unknown) => Checked<unknown> }[] = [
  { kind: 'GitRepository', path: 'docs/spec/gitrepository.md', check: checkGitRepository },
  { kind: 'Kustomization', path: 'docs/spec/kustomization.md', check: checkKustomization },
  { kind: 'HelmRelease', path: 'docs/spec/helmrelease.md', check: checkHelmRelease },
];

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The examples of a page that are objects of its kind, or the `spec` of one: those are lent what they leave out by the first, which is whole. */
function examplesIn(page: string, kind: string, path: string): JsonObject[] {
  const blocks = [...page.matchAll(BLOCK)].map(([, text = '']) => text);
  const documents = blocks.flatMap((text) => readDocuments(path, Buffer.from(text))).filter(isObject);
  const [whole = {}, ...others] = documents.filter((document) => (document['kind'] ?? kind) === kind);
  const fragments = others.filter((document) => 'spec' in document);
  const completed = fragments.map((example) => {
    if ('kind' in example) return example;
    return { ...whole, ...example, spec: { ...(whole['spec'] as JsonObject), ...(example['spec'] as JsonObject) } };
  });
  return [whole, ...completed];
}

/** The fields an example names, as the table writes them. */
function fieldsOf(value: Json, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, isObject(item) ? `${path}[]` : path));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, child]) => [`${path}.${name}`, ...fieldsOf(child, `${path}.${name}`)]);
}

describe.each(PAGES)('the page of $kind', ({ kind, path, check }) => {
  const page = readFileSync(join(ROOT, path), 'utf8');
  const examples = examplesIn(page, kind, path);
  const rows = [...page.matchAll(SPEC_FIELD)].map(([, field = '', type = '']) => ({ field, type }));
  const shown = new Set(examples.flatMap(({ spec }) => fieldsOf(spec as JsonObject, 'spec')));

  test('has examples that the API server would take', () => {
    expect(examples.length).toBeGreaterThan(5);
    const refused = examples.flatMap((example) => {
      const checked = check(example);
      return checked.ok ? [] : [{ spec: example['spec'], problems: checked.problems }];
    });
    expect(refused).toEqual([]);
  });

  test('shows every field of the spec in an example', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.map(({ field }) => field).filter((field) => !shown.has(field))).toEqual([]);
  });

  test('shows no field that is none', () => {
    const known = new Set(rows.map(({ field }) => field));
    const maps = rows.filter(({ type }) => OPEN.has(type)).map(({ field }) => `${field}.`);
    const isKnown = (field: string): boolean => known.has(field) || maps.some((map) => field.startsWith(map));
    expect([...shown].filter((field) => !isKnown(field))).toEqual([]);
  });

  test('shows every condition in an example', () => {
    const section = /^## Conditions\n([\s\S]*?)^## /m.exec(page)?.[1] ?? '';
    const told = [...section.matchAll(CONDITION)].map(([, type = '']) => type);
    const types = new Set([...page.matchAll(/^ +type: (\w+)$/gm)].map(([, type]) => type));
    expect(told.length).toBeGreaterThan(4);
    expect(told.filter((type) => !types.has(type))).toEqual([]);
  });
});
