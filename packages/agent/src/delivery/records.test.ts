import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '@plumb/api';
import { keyId, keyOf } from '@plumb/api';
import { FakeClock } from '@plumb/testkit';
import { diskWay, onSmallDisk } from '@plumb/testkit/small-disk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RecordsStory } from '../testing/full-records-process.ts';
import { NO_BRINGERS } from './brought.ts';
import { Records } from './records.ts';
import { bodyOf, refill, storeBundle, UnitMemory } from './unit.ts';

const REF = { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' };
const stamp = {
  specDigest: 'spec',
  configs: 'ConfigMap/vars uid 7',
  revision: 'main@sha1:1',
  artifactDigest: 'sha256:1',
};

const map = (name: string, value: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data: { value, long: '9007199254740993 \u00fc' },
});

function bundleOf(...bodies: KubeObject[]): ReturnType<typeof storeBundle> {
  const objects = bodies.map((body, index) => ({
    key: keyOf(body),
    body,
    digest: `digest-${JSON.stringify(body).length}-${index}`,
    origin: { path: 'apps/maps.yaml', document: index },
    ignored: index === 0 ? [] : ['/data/value'],
  }));
  const reads = {
    rules: 'none',
    ids: new Map<string, string | null>([
      ['apps', 'tree-1'],
      ['gone', null],
    ]),
    remotes: [
      {
        url: 'https://git.shop.test/shop/fleet',
        ref: 'main',
        submodules: true,
        revision: 'commit',
        folders: ['base'],
        ids: new Map<string, string | null>([['base', 'tree-2']]),
      },
      { url: 'https://files.shop.test/a.yaml', digest: 'sha256:1' },
    ],
  };
  return storeBundle({ digest: 'bundle', objects, reads, warnings: [], secrets: [] }, stamp);
}

let dir: string;
let clock: FakeClock;
const faults: string[] = [];
const records = (maker = 'this'): Records =>
  new Records({ dir: join(dir, 'units'), maker, clock, onFault: (what) => faults.push(what) });

function delivered(uid: string): UnitMemory {
  const unit = new UnitMemory(REF, uid);
  unit.bundle = bundleOf(map('a', 'first'), map('b', 'second'));
  for (const { key, digest } of unit.bundle.objects)
    unit.applied.set(keyId(key), {
      desiredDigest: digest,
      ownedHash: `hash-${key.name}`,
      uid: 'u',
      resourceVersion: '7',
    });
  return unit;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  clock = new FakeClock();
  faults.length = 0;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a unit comes back with its bundle, without bodies, and with what was applied', async () => {
  const unit = delivered('one');
  const kept = records();
  unit.brought = {
    uid: 'one',
    revision: 'main@sha1:1',
    digest: 'd',
    reads: new Map([['apps', null]]),
    shape: {},
    values: {},
    ...NO_BRINGERS,
  };
  unit.vouched.set('shop/cart.v1', 'content');
  const source = { kind: 'GitRepository', namespace: 'shop', name: 'apps' };
  unit.removedBy = [{ source, range: { revision: 'main@sha1:2', since: 'main@sha1:1' } }];
  kept.note(unit);
  await kept.flush();
  const again = new UnitMemory(REF, 'one');
  await records().recall(again);
  expect(again.brought).toEqual(unit.brought);
  expect([...again.vouched]).toEqual([['shop/cart.v1', 'content']]);
  expect(again.removedBy).toEqual(unit.removedBy);
  const { pack: _before, objects: before, ...rest } = unit.bundle ?? bundleOf();
  expect(again.bundle).toMatchObject(rest);
  expect(again.bundle?.objects.map(({ pack: _pack, ...object }) => object)).toEqual(
    before.map(({ pack: _pack, ...object }) => object),
  );
  expect(again.bundle?.pack.bytes).toBeNull();
  expect([...(again.recalled ?? [])].map(([id, { ownedHash }]) => [id, ownedHash])).toEqual([
    ['/ConfigMap/shop/a', 'hash-a'],
    ['/ConfigMap/shop/b', 'hash-b'],
  ]);
});

test.each<[string, (unit: UnitMemory) => void, string, boolean]>([
  ['the same user has nothing to show', (unit) => unit.actAs('tenant'), 'tenant', false],
  ['another user has', (unit) => unit.actAs('tenant'), 'nobody', true],
  ['so has one for the agent itself', (unit) => unit.actAs(''), 'nobody', true],
  [
    'and one that had not delivered it when it was kept',
    (unit) => {
      unit.actAs('tenant');
      unit.actAs('nobody');
    },
    'nobody',
    true,
  ],
])('a record tells who applied: %s', async (_what, before, now, unproven) => {
  const unit = delivered('one');
  before(unit);
  const kept = records();
  kept.note(unit);
  await kept.flush();
  const again = new UnitMemory(REF, 'one');
  await records().recall(again);
  again.actAs(now);
  expect(again.unproven).toBe(unproven);
});

test('bodies come back only when the bundle is built the same again', async () => {
  const kept = records();
  kept.note(delivered('one'));
  await kept.flush();
  const again = new UnitMemory(REF, 'one');
  await records().recall(again);
  const bundle = again.bundle ?? bundleOf();
  expect(() => bundle.objects.map(bodyOf)).toThrow('without being loaded');
  expect(refill(bundle, bundleOf(map('a', 'first')))).toBe(false);
  expect(refill(bundle, bundleOf(map('a', 'first'), map('b', 'other value')))).toBe(false);
  expect(refill(bundle, bundleOf(map('a', 'first'), map('b', 'second')))).toBe(true);
  expect(bundle.objects.map(bodyOf)).toEqual([map('a', 'first'), map('b', 'second')]);
});

test('changes of some seconds are written once', async () => {
  const kept = records();
  for (let index = 0; index < 100; index++) kept.note(delivered('one'));
  expect(await readdir(dir)).toEqual([]);
  await clock.advance(5_000);
  await kept.flush();
  expect(await readdir(join(dir, 'units'))).toEqual(['one.json']);
});

test('what another program built is not taken over, what it applied is', async () => {
  const kept = records('that');
  kept.note(delivered('one'));
  await kept.flush();
  const again = new UnitMemory(REF, 'one');
  await records('this').recall(again);
  expect(again.bundle).toBeNull();
  expect(again.recalled?.size).toBe(2);
});

test.each([
  '',
  '{',
  'null',
  '[]',
  '{"format":1}',
  '{"format":1,"uid":"one"}',
  '{"format":1,"uid":"one","objects":[1]}',
])('a record that reads %j counts as none', async (text) => {
  const kept = records();
  kept.note(delivered('one'));
  await kept.flush();
  await writeFile(join(dir, 'units', 'one.json'), text);
  const again = new UnitMemory(REF, 'one');
  await kept.recall(again);
  expect(again.bundle).toBeNull();
  expect(again.recalled).toBeNull();
  expect(faults).toEqual([]);
});

test('units that are gone are forgotten', async () => {
  const kept = records();
  for (const uid of ['one', 'two', 'three']) kept.note(delivered(uid));
  await kept.flush();
  kept.forget(delivered('one'));
  kept.keepOnly(new Set(['one', 'two']));
  await kept.flush();
  expect(await readdir(join(dir, 'units'))).toEqual(['two.json']);
});

test('a disk that cannot be written is told, and nothing else happens', async () => {
  await writeFile(join(dir, 'units'), 'a file in the way');
  const kept = records();
  kept.note(delivered('one'));
  await kept.flush();
  expect(faults).toHaveLength(1);
});

test('a full disk keeps the records of before, is told once, and has all of them as soon as there is room', async () => {
  const way = diskWay();
  const program = join(import.meta.dirname, '..', 'testing', 'full-records-process.ts');
  const story = JSON.parse(await onSmallDisk(way, dir, [program, way, dir])) as RecordsStory;
  const words = 'what is known of the units could not be kept; the next start reads it from the cluster';
  const refusal = `${words}: ${way === 'disk' ? 'ENOSPC' : 'EFBIG'}`;
  expect(story).toEqual({
    told: { full: [refusal], still: [], room: [] },
    files: { full: ['one.json', 'two.json'], room: ['four.json', 'one.json', 'three.json', 'two.json'] },
    known: ['one', 'two', 'three', 'four'],
  });
});
