import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

const CORPUS = join(import.meta.dirname, '../packages/render/src/testdata/hostile');
const corpus = (name: string): Buffer => readFileSync(join(CORPUS, `${name}.yaml`));

interface Case {
  /** Name of the Kustomization and of its folder. */
  name: string;
  says: string;
  content?: Buffer | string;
  reason?: string;
}

/** One of each sort: what the parser, the bounds, the checks and the API server refuse. */
const cases: readonly Case[] = [
  { name: 'bomb-block', says: 'once its aliases are written out' },
  { name: 'merge-loop', says: "merge-loop/bad.yaml:7: anchor 'loop' contains itself" },
  { name: 'duplicate-key-flow', says: "duplicate-key-flow/bad.yaml:5: duplicate key 'a'" },
  { name: 'key-control-duplicate', says: "duplicate key 'a\\u{1b}[2J b\\u{0}'" },
  { name: 'key-proto-is-the-object', says: 'bad.yaml:1: the object has no apiVersion' },
  { name: 'infinity', says: '.inf is not a number that JSON can hold' },
  { name: 'nul', says: 'null byte is not allowed in input' },
  { name: 'overlong-utf8', says: 'overlong-utf8/bad.yaml: is not UTF-8 text' },
  { name: 'utf16-le', says: 'is not UTF-8 text but UTF-16: save it as UTF-8' },
  { name: 'surrogate-alone', says: 'half of a surrogate pair is no character' },
  { name: 'line-separator', says: 'holds the character U+2028' },
  { name: 'open-double-quote', says: 'open-double-quote/bad.yaml:7: bad YAML' },
  { name: 'end-marker-then-text', says: "kustomize leaves out what follows '...'" },
  { name: 'tag-int-of-text', says: "'hello' is not what its tag !!int says" },
  { name: 'template', says: 'template/bad.yaml:4: a map key must be a string' },
  { name: 'name-newline', says: 'may hold no blank, line end, "/" or "%"' },
  { name: 'name-slash', says: "metadata.name 'a/../b' may hold no blank" },
  { name: 'name-long', says: 'is longer than 253 characters' },
  { name: 'kind-newline', says: "kind 'Config Map' may hold letters and digits" },
  { name: 'name-uppercase', says: 'Upper', reason: 'ReconciliationFailed' },
  { name: 'name-query', says: 'a?b#c', reason: 'ReconciliationFailed' },
  { name: 'deep', says: 'nesting exceeded maxDepth', content: `a: ${'['.repeat(100_000)}` },
  { name: 'many-documents', says: 'holds more than 10000 documents', content: '---\n'.repeat(50_000) },
  {
    name: 'many-objects',
    says: 'a list of more than 20000 objects',
    content: `apiVersion: v1\nkind: List\nitems:\n${Array.from(
      { length: 50_000 },
      (_, index) => `- {apiVersion: v1, kind: ConfigMap, metadata: {name: x${index}}}\n`,
    ).join('')}`,
  },
];

let world: World;
let first: string;

beforeAll(async () => {
  world = await World.start();
  const good = Object.fromEntries(
    cases.map(({ name }) => [`${name}/good.yaml`, configMap(world.target, name, { a: '1' })]),
  );
  const commit = await world.repository.commit({
    'base/namespace.yaml': namespace(world.target),
    'neighbour/map.yaml': configMap(world.target, 'neighbour', { a: '1' }),
    ...good,
  });
  first = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('base');
  await world.applied('base', first);
  await Promise.all(['neighbour', ...cases.map(({ name }) => name)].map((name) => world.kustomization(name)));
  await Promise.all(['neighbour', ...cases.map(({ name }) => name)].map((name) => world.applied(name, first)));
});
afterAll(() => world.close());

/** The API server takes a namespaced object only with a namespace. */
function inNamespace({ name, content, reason }: Case): Buffer | string {
  const bad = content ?? corpus(name);
  return reason === undefined ? bad : String(bad).replace('{name:', `{namespace: ${world.target}, name:`);
}

describe('hostile YAML stops its own unit only', () => {
  beforeAll(async () => {
    const bad = Object.fromEntries(cases.map((each) => [`${each.name}/bad.yaml`, inNamespace(each)]));
    await world.push({ ...bad, 'neighbour/map.yaml': configMap(world.target, 'neighbour', { a: '2' }) });
  });

  test('a neighbour gets its commit while the others fail', async () => {
    const key = configMapKey(world.target, 'neighbour');
    await world.until(key, 'have the new value', (map) => (map?.['data'] as { a?: string } | undefined)?.a === '2');
  });

  test.each(cases)('$name', async ({ name, says, reason = 'BuildFailed' }) => {
    const unit = await world.conditionIs(world.unitKey(name), 'Ready', 'False', reason);
    const message = condition(unit, 'Ready')?.message ?? '';
    expect(message).toContain(says);
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(500);
    expect(unit['status']).toMatchObject({ lastAppliedRevision: first });
    expect((await world.get(configMapKey(world.target, name)))?.['data']).toEqual({ a: '1' });
  });
});

test('the next good commit heals them all', async () => {
  const gone = Object.fromEntries(cases.map(({ name }) => [`${name}/bad.yaml`, null]));
  const revision = await world.push(gone);
  await Promise.all(cases.map(({ name }) => world.applied(name, revision)));
  expect(await world.problems()).toEqual([]);
});
