import { stripVTControlCharacters } from 'node:util';
import type { Kustomization } from '@plumb/api';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { jsonScreen } from './json-screen.ts';
import { block, condense, liveScreen } from './live-screen.ts';
import { plainScreen } from './plain-screen.ts';
import { age, shortRevision, unitLine } from './words.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const REVISION = 'main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9';
const ADDRESSES = { url: 'https://127.0.0.1:6443', kubeconfig: '/k', git: 'http://127.0.0.1:8930/fleet.git' };

function unit(ready: { status: string; reason: string; message: string } | null, more: object = {}): Kustomization {
  const conditions = ready === null ? [] : [{ type: 'Ready', lastTransitionTime: '2026-11-23T11:59:30Z', ...ready }];
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'apps', namespace: 'shop' },
    spec: { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' }, ...more },
    status: { lastAppliedRevision: REVISION, conditions: conditions as never },
  };
}

const READY = { status: 'True', reason: 'ReconciliationSucceeded', message: `Applied revision: ${REVISION}` };

describe('unitLine', () => {
  test.each([
    ['Ready', unit(READY), ''],
    [
      'Working',
      unit({ status: 'Unknown', reason: 'Progressing', message: 'Reconciliation in progress' }),
      'Reconciliation in progress',
    ],
    ['Waiting', unit({ status: 'False', reason: 'DependencyNotReady', message: 'a is not ready' }), 'a is not ready'],
    ['Failed', unit({ status: 'False', reason: 'BuildFailed', message: 'a.yaml:1: bad\nmore' }), 'a.yaml:1: bad'],
    ['Suspended', unit(READY, { suspend: true }), `Applied revision: ${REVISION}`],
    ['New', unit(null), ''],
  ])('calls it %s', (state, object, detail) => {
    expect(unitLine(object)).toMatchObject({ name: 'shop/apps', revision: 'main@5c1dbd1c', state, detail });
  });
});

test.each([
  [REVISION, 'main@5c1dbd1c'],
  ['sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9', '5c1dbd1c'],
  ['v1.2.3@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9', 'v1.2.3@5c1dbd1c'],
  ['', ''],
])('shortens %s', (revision, short) => {
  expect(shortRevision(revision)).toBe(short);
});

test.each([
  [0, '0s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
])('writes an age of %d ms', (ms, text) => {
  expect(age(NOW - ms, NOW)).toBe(text);
});

describe('condense', () => {
  test('leaves short lists and sentences alone', () => {
    expect(condense(['Service/a/b created'])).toEqual(['Service/a/b created']);
    const sentences = ['one bad thing', 'two', 'three', 'four', 'five'];
    expect(condense(sentences)).toEqual(sentences);
  });

  test('counts long lists of changes', () => {
    const created = ['a', 'b', 'c', 'd', 'e'].map((name) => `Service/shop/${name} created`);
    expect(condense([...created, 'Service/shop/f deleted'])).toEqual([
      '5 created: Service/shop/a, Service/shop/b, Service/shop/c, ...',
      '1 deleted: Service/shop/f',
    ]);
  });
});

describe('the live block', () => {
  const units = [
    unitLine(unit(READY)),
    unitLine(unit({ status: 'False', reason: 'BuildFailed', message: 'x'.repeat(200) })),
  ];

  test.each([40, 80, 200])('fits into %d columns', (columns) => {
    const lines = block({ shown: ADDRESSES, units, step: 'working', now: NOW, columns });
    for (const line of lines) expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns);
  });

  test('shows addresses, states and ages', () => {
    const text = block({ shown: ADDRESSES, units, step: '', now: NOW, columns: 100 })
      .map(stripVTControlCharacters)
      .join('\n');
    expect(text).toContain('git         http://127.0.0.1:8930/fleet.git');
    expect(text).toMatch(/shop\/apps +main@5c1dbd1c +Ready +30s/);
    expect(text).toMatch(/shop\/apps +main@5c1dbd1c +Failed +30s +xxx/);
  });
});

describe('screens', () => {
  afterEach(() => vi.useRealTimers());

  const telling = {
    kind: 'Kustomization',
    namespace: 'shop',
    name: 'apps',
    event: { type: 'Normal', reason: 'Progressing', message: 'Service/a/b created\nService/a/c created' },
  } as const;

  test('plain: a line for each thing, a state only when it changed, and one that begins with ready', () => {
    let out = '';
    const screen = plainScreen(
      (text) => (out += text),
      () => NOW,
    );
    screen.tell(telling);
    screen.units([unit(READY)]);
    screen.units([unit(READY)]);
    screen.notice({ level: 'warn', event: 'etcd-stopped', message: 'etcd stopped' });
    screen.ready(ADDRESSES, 9.87);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
    expect(lines).toEqual([
      'Kustomization/shop/apps: Service/a/b created',
      'Kustomization/shop/apps: Service/a/c created',
      'shop/apps  Ready  main@5c1dbd1c',
      'warn: etcd stopped',
      'ready  after 9.9 s  kubeconfig=/k  git=http://127.0.0.1:8930/fleet.git',
    ]);
  });

  test('json: one object a line', () => {
    const lines: unknown[] = [];
    const screen = jsonScreen(
      (text) => lines.push(JSON.parse(text)),
      () => NOW,
    );
    screen.step('starting');
    screen.units([unit(READY)]);
    screen.units([unit(READY)]);
    screen.ready(ADDRESSES, 9.87);
    expect(lines).toEqual([
      { time: '2026-11-23T12:00:00.000Z', event: 'step', message: 'starting' },
      {
        time: '2026-11-23T12:00:00.000Z',
        event: 'kustomization',
        name: 'shop/apps',
        revision: 'main@5c1dbd1c',
        state: 'Ready',
        detail: '',
      },
      {
        time: '2026-11-23T12:00:00.000Z',
        event: 'ready',
        kubeconfig: '/k',
        git: ADDRESSES.git,
        url: ADDRESSES.url,
        seconds: 9.87,
      },
    ]);
  });

  test('live: what happens stays above, the block below is drawn anew', () => {
    vi.useFakeTimers();
    let out = '';
    const screen = liveScreen(
      (text) => (out += text),
      () => NOW,
      () => 80,
    );
    screen.addresses(ADDRESSES);
    screen.units([unit(READY)]);
    vi.advanceTimersByTime(150);
    screen.tell(telling);
    vi.advanceTimersByTime(150);
    screen.close();
    expect(vi.getTimerCount()).toBe(0);
    const visible = stripVTControlCharacters(out);
    expect(visible).toContain('Kustomization/shop/apps Service/a/b created');
    expect(visible.match(/Ctrl-C stops everything/g)?.length).toBeGreaterThanOrEqual(2);
  });
});
