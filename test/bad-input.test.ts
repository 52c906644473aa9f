import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

interface Case {
  /** Name of the Kustomization, of its folder and of the ConfigMap it holds. */
  name: string;
  what: string;
  /** Files that make the folder bad, relative to it. */
  files?: (good: string) => Record<string, string | Buffer | null>;
  /** Where a symlink of this folder points to. */
  link?: string;
  says: string;
  reason?: string;
}

const anchors = 'abcdefghij';
const level = (name: string, below: string): string =>
  `${name}: &${name} [${Array.from({ length: 9 }, () => `*${below}`).join(', ')}]`;
const bomb = [
  'a: &a ["xxxxxxxxxx"]',
  ...[...anchors].slice(1).map((name, index) => level(name, anchors[index] ?? '')),
].join('\n');
const add = (text: string) => (good: string) => ({ 'map.yaml': `${good}${text}` });

const cases: readonly Case[] = [
  { name: 'broken-yaml', what: 'broken YAML', files: add('---\nkind: [\n'), says: 'broken-yaml/map.yaml:10: bad YAML' },
  {
    name: 'duplicate-key',
    what: 'a duplicate key',
    files: add('  a: "2"\n'),
    says: "duplicate-key/map.yaml:8: duplicate key 'a'",
  },
  {
    name: 'alias-bomb',
    what: 'an alias bomb',
    files: add(`---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\n${bomb}\n`),
    says: 'once its aliases are written out',
  },
  {
    name: 'five-megabytes',
    what: 'a document of 5 MB',
    files: add(`  big: "${'x'.repeat(5_000_000)}"\n`),
    says: 'five-megabytes/map.yaml: is larger than 4 MiB',
  },
  {
    name: 'not-utf8',
    what: 'a file that is not UTF-8',
    files: () => ({ 'more.yaml': Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]) }),
    says: 'not-utf8/more.yaml: is not UTF-8 text',
  },
  {
    name: 'list',
    what: 'a nameless object in a List',
    files: () => ({ 'list.yaml': 'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n' }),
    says: 'list/list.yaml:1: the Secret has no metadata.name',
  },
  {
    name: 'nameless',
    what: 'an object without a name',
    files: () => ({ 'secret.yaml': 'apiVersion: v1\nkind: Secret\n' }),
    says: 'nameless/secret.yaml:1: the Secret has no metadata.name',
  },
  {
    name: 'twice',
    what: 'two objects of one identity',
    files: (good) => ({ 'again.yaml': good }),
    says: 'is declared twice, first at twice/again.yaml:1',
  },
  {
    name: 'unknown-kind',
    what: 'an unknown kind',
    files: () => ({
      'wish.yaml': 'apiVersion: example.com/v1\nkind: Wish\nmetadata: {name: pony, namespace: default}\n',
    }),
    says: 'Wish/default/pony (unknown-kind/wish.yaml): the cluster serves no kind Wish in example.com/v1',
    reason: 'ReconciliationFailed',
  },
  {
    name: 'dot-dot',
    what: 'a resource that leaves the root through ..',
    files: () => ({ 'kustomization.yaml': 'resources: [map.yaml, ../../../secret.yaml]\n' }),
    says: "dot-dot/kustomization.yaml: resources[1]: '../../../secret.yaml' leaves the artifact's root",
  },
  {
    name: 'symlink',
    what: 'a symlink that leaves the root',
    link: '../../../secret.yaml',
    says: "leaves the artifact's root",
  },
  {
    name: 'missing-path',
    what: 'a path that is not there',
    files: () => ({ 'map.yaml': null }),
    says: 'kustomization path not found: stat ./missing-path: no such file or directory',
    reason: 'ArtifactFailed',
  },
  {
    name: 'empty-folder',
    what: 'a folder without manifests',
    files: () => ({ 'map.yaml': null, 'README.md': 'To come.\n' }),
    says: "refused: the build of './empty-folder' gave no object and would delete all 1",
    reason: 'EmptyResult',
  },
  {
    name: 'itself',
    what: 'a kustomization that includes itself',
    files: () => ({ 'kustomization.yaml': 'resources: [.]\n' }),
    says: "resources[0] '.' includes itself: itself -> itself",
  },
  {
    name: 'empty-result',
    what: 'a kustomization that gives nothing and would prune everything',
    files: () => ({ 'kustomization.yaml': 'resources: []\n' }),
    says: "refused: the build of './empty-result' gave no object and would delete all 1",
    reason: 'EmptyResult',
  },
];

let world: World;
let first: string;
const good = (name: string, value: string): string => configMap(world.target, name, { a: value });

beforeAll(async () => {
  world = await World.start();
  const maps = Object.fromEntries(cases.map(({ name }) => [`${name}/map.yaml`, good(name, '1')]));
  const commit = await world.repository.commit({ 'base/namespace.yaml': namespace(world.target), ...maps });
  first = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('base');
  await world.applied('base', first);
  await Promise.all(cases.map(({ name }) => world.kustomization(name)));
  await Promise.all(cases.map(({ name }) => world.applied(name, first)));
});
afterAll(() => world.close());

describe('bad input changes nothing and is told in one message', () => {
  beforeAll(async () => {
    const files: Record<string, string | Buffer | null> = {};
    for (const { name, files: bad, link } of cases) {
      for (const [path, content] of Object.entries(bad?.(good(name, '1')) ?? {})) files[`${name}/${path}`] = content;
      if (link !== undefined) await symlink(link, join(world.repository.dir, name, 'link.yaml'));
    }
    await world.push(files);
  });

  test.each(cases)('$what', async ({ name, says, reason = 'BuildFailed' }) => {
    const unit = await world.conditionIs(world.unitKey(name), 'Ready', 'False', reason);
    const message = condition(unit, 'Ready')?.message ?? '';
    expect(message).toContain(says);
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(400);
    expect(unit['status']).toMatchObject({ lastAppliedRevision: first });
    const map = await world.get(configMapKey(world.target, name));
    expect(map?.['data']).toEqual({ a: '1' });
    await world.event(world.unitKey(name), reason, (text) => text.includes(says));
  });

  test('a neighbour goes on', async () => {
    const unit = await world.get(world.unitKey('base'));
    expect(condition(unit, 'Ready')?.status).toBe('True');
    expect(unit?.['status']).not.toMatchObject({ lastAppliedRevision: first });
  });
});

test('the next good commit heals them all', async () => {
  const files: Record<string, string | null> = {};
  for (const { name, files: bad } of cases) {
    for (const path of Object.keys(bad?.('') ?? {})) if (path !== 'map.yaml') files[`${name}/${path}`] = null;
    files[`${name}/map.yaml`] = good(name, '2');
  }
  await rm(join(world.repository.dir, 'symlink/link.yaml'));
  const revision = await world.push(files);
  await Promise.all(cases.map(({ name }) => world.applied(name, revision)));
  for (const { name } of cases)
    expect((await world.get(configMapKey(world.target, name)))?.['data']).toEqual({ a: '2' });
  expect(await world.problems()).toEqual([]);
});

test('a path of the spec that leaves the root is refused', async () => {
  await world.kustomization('outside', { path: '../elsewhere' });
  const unit = await world.conditionIs(world.unitKey('outside'), 'Ready', 'False', 'ArtifactFailed');
  expect(condition(unit, 'Ready')?.message).toBe("spec.path: '../elsewhere' leaves the artifact's root");
});

test('a Kustomization that never had an object may be empty', async () => {
  const revision = await world.push({ 'nothing/README.md': 'To come.\n' });
  await world.kustomization('nothing');
  const unit = await world.applied('nothing', revision);
  expect(unit.status?.inventory?.entries ?? []).toEqual([]);
});
