import { expect, test } from 'vitest';
import { CHART_NAMES, chartFiles, extrasOf, versionNumber, versionText } from './charts.ts';
import type { Manner } from './model.ts';
import { Model, specOf } from './model.ts';

const MANNER: Manner = {
  ownChart: false,
  remedy: 'none',
  tests: false,
  corrects: true,
  keepsHistory: false,
  history: 3,
  fromConfig: false,
  patches: false,
  bareHooks: false,
  cleansUp: false,
};

function declared(manner: Partial<Manner> = {}) {
  const model = new Model('flux', ['shop', 'market']);
  const release = model.add('alder', { ...MANNER, ...manner }, { chart: 'stall', target: 'shop' });
  return { model, release };
}

test('a version in a text is the number it was made of, and two in a row never have the same objects', () => {
  for (const version of [1, 2, 3, 4, 5, 6]) {
    expect(versionNumber(versionText(version))).toBe(version);
    expect(extrasOf(version)).not.toEqual(extrasOf(version + 1));
  }
});

test('each object that a chart is said to have has a template', () => {
  const { model, release } = declared();
  for (const chart of CHART_NAMES) {
    model.move(release, { chart });
    model.published[chart] = 4;
    const text = Object.values(chartFiles(chart, 4)).join('\n');
    for (const { key } of model.objectsOf(release)) {
      expect(text).toContain(`name: ${key.name.replace('alder', '{{ .Release.Name }}')}\n`);
    }
  }
});

test('the version is the own one of a release with its own chart, else the one that is shared', () => {
  const shared = declared();
  const own = declared({ ownChart: true });
  for (const { model, release } of [shared, own]) {
    model.published.stall = 5;
    release.version = 2;
  }
  expect(shared.model.versionOf(shared.release)).toBe(5);
  expect(own.model.versionOf(own.release)).toBe(2);
});

test('records may stay only of what keeps its history, once it is left', () => {
  const { model, release } = declared({ keepsHistory: true });
  const other = model.add('birch', MANNER, { chart: 'stall', target: 'shop' });
  expect([...model.kept]).toEqual([]);
  model.rename(release, 'alder-b');
  model.remove(release);
  model.remove(other);
  expect([...model.kept]).toEqual(['flux/alder', 'flux/alder-b']);
  expect([...model.names]).toEqual(['alder', 'birch', 'alder-b']);
});

test('what was ever wrong is remembered, though it is well again', () => {
  const { model, release } = declared();
  model.afflict(release, 'refused');
  model.afflict(release, 'none');
  expect(release.trouble).toBe('none');
  expect([...(model.suffered.get('alder') ?? [])]).toEqual(['refused']);
});

test('a spec waits long, unless something is wrong that would last as long', () => {
  const { model, release } = declared({ remedy: 'rollback' });
  expect(specOf(release)).toMatchObject({ timeout: '40s', upgrade: { remediation: { strategy: 'rollback' } } });
  model.afflict(release, 'unready');
  expect(specOf(release)).toMatchObject({ timeout: '2s', values: { trouble: 'unready' } });
});
