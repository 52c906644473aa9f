import type { ReleaseSnapshot } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { ReleaseRecord } from './record.ts';
import { contentOf, isStrange, isVouchedFor, vouchFor } from './vouched.ts';

const record: ReleaseRecord = {
  name: 'cart',
  namespace: 'shop',
  version: 1,
  info: { status: 'deployed' },
  chart: { metadata: { name: 'cart', version: '1.0.0' } },
  config: { colour: 'green' },
  manifest: 'colour: green',
  hooks: [{ path: 'a.yaml', manifest: 'kind: Pod', events: ['test'], last_run: { phase: '' } }],
};
const [hook] = record.hooks ?? [];
const unit = (): { vouched: Map<string, string> } => ({ vouched: new Map() });

describe('what a record says', () => {
  test.each<[string, Partial<ReleaseRecord>]>([
    ['its status', { info: { status: 'superseded', description: 'over' } }],
    ['its labels', { labels: { a: 'b' } }],
    ['the runs of its tests', { hooks: [{ ...hook, last_run: { phase: 'Succeeded' } }] }],
    [
      'what helm notes of a hook once it has run',
      { hooks: [{ ...hook, delete_policies: ['before-hook-creation'], last_run: { phase: 'Succeeded' } }] },
    ],
  ])('is the same whatever becomes of %s', (_what, parts) => {
    expect(contentOf({ ...record, ...parts })).toBe(contentOf(record));
  });

  test.each<[string, Partial<ReleaseRecord>]>([
    ['objects', { manifest: 'colour: pink' }],
    ['values', { config: { colour: 'pink' } }],
    ['chart', { chart: { metadata: { name: 'cart', version: '2.0.0' } } }],
    ['hooks', { hooks: [{ ...hook, manifest: 'kind: Job', last_run: { phase: '' } }] }],
    ['moments of hooks', { hooks: [{ ...hook, events: ['post-rollback'], last_run: { phase: '' } }] }],
  ])('is another with other %s', (_what, parts) => {
    expect(contentOf({ ...record, ...parts })).not.toBe(contentOf(record));
  });
});

test('a record is vouched for by its own name only', () => {
  const ours = unit();
  vouchFor(ours, record, contentOf(record));
  expect(isVouchedFor(ours, record, contentOf(record))).toBe(true);
  expect(isVouchedFor(ours, { ...record, version: 2 }, contentOf(record))).toBe(false);
  expect(isVouchedFor(ours, record, contentOf({ ...record, manifest: 'colour: pink' }))).toBe(false);
});

test('of very many the oldest are forgotten', () => {
  const ours = unit();
  for (let version = 1; version <= 40; version += 1) vouchFor(ours, { ...record, version }, contentOf(record));
  expect(ours.vouched.size).toBe(32);
  expect(isVouchedFor(ours, { ...record, version: 40 }, contentOf(record))).toBe(true);
  expect(isVouchedFor(ours, record, contentOf(record))).toBe(false);
});

describe('among records in force', () => {
  const deployed = (version: number): ReleaseSnapshot =>
    ({ name: 'cart', namespace: 'shop', version, status: 'deployed' }) as ReleaseSnapshot;
  const failed = (version: number): ReleaseSnapshot => ({ ...deployed(version), status: 'failed' });
  const edited = { ...record, manifest: 'colour: pink' };
  const second = { ...record, version: 2 };

  test.each<[string, { known: ReleaseRecord | null; found: ReleaseRecord; history?: ReleaseSnapshot[] }, boolean]>([
    ['where nothing is known of the release is believed', { known: null, found: record }, false],
    [
      'of which only the like-named is known is believed',
      { known: { ...record, name: 'cart.v1' }, found: record },
      false,
    ],
    ['as we know it is ours', { known: record, found: record, history: [deployed(1)] }, false],
    ['that was edited is strange', { known: record, found: edited, history: [deployed(1)] }, true],
    ['of a number that we never made is strange', { known: record, found: second, history: [deployed(1)] }, true],
    ['of a number of which ours failed is strange', { known: record, found: second, history: [failed(2)] }, true],
    ['that another replica brought in is believed', { known: record, found: second, history: [deployed(2)] }, false],
  ])('one %s', (_what, { known, found, history = [] }, expected) => {
    const ours = unit();
    if (known !== null) vouchFor(ours, known, contentOf(known));
    expect(isStrange(ours, { named: found, content: contentOf(found) }, history)).toBe(expected);
  });
});
