import { createHash } from 'node:crypto';
import { EngineError } from '@plumb/engine';
import type { Engine } from '@plumb/engine';
import { describe, expect, test } from 'vitest';
import { helmRelease } from '../testing/builders.ts';
import type { HookRecord, ReleaseRecord } from './record.ts';
import { digestOfValues, snapshotOf, testHooksOf } from './snapshots.ts';

type Digesting = Pick<Engine, 'helmDigest' | 'helmValues'>;
const hashed = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Digests that say what they are of. */
const engine: Digesting = {
  helmDigest: ({ record, ociDigest = '' }) => Promise.resolve(`record:${hashed(record + ociDigest)}`),
  helmValues: ({ layers }) => Promise.resolve({ json: '{}', digest: `values:${JSON.stringify(layers)}` }),
};
const signal = new AbortController().signal;
const context = (own: Partial<Digesting> = {}) => ({
  engine: { ...engine, ...own },
  release: helmRelease(),
  lasting: signal,
});

const record: ReleaseRecord = {
  name: 'cart',
  namespace: 'shop',
  version: 3,
  info: {
    status: 'deployed',
    first_deployed: '2026-01-01T10:00:00.123456789+01:00',
    last_deployed: '2026-01-02T09:00:00Z',
    deleted: '',
  },
  chart: { metadata: { name: 'cart', version: '1.4.0', appVersion: '7' } },
  config: { replicas: 2 },
};

describe('a snapshot', () => {
  test('says of a record what Flux says, in whole seconds and UTC', async () => {
    expect(await snapshotOf(record, {}, context())).toEqual({
      apiVersion: 'v2',
      digest: expect.stringMatching(/^record:/) as string,
      name: 'cart',
      namespace: 'shop',
      version: 3,
      status: 'deployed',
      chartName: 'cart',
      chartVersion: '1.4.0',
      appVersion: '7',
      configDigest: 'values:[{"yaml":"{\\"replicas\\":2}"}]',
      firstDeployed: '2026-01-01T09:00:00Z',
      lastDeployed: '2026-01-02T09:00:00Z',
    });
  });

  test('says what made it, what it came in and when it was uninstalled, where that is so', async () => {
    const gone: ReleaseRecord = {
      ...record,
      info: { ...record.info, status: 'uninstalled', deleted: '2026-01-03T00:00:00Z' },
    };
    const more = { action: 'uninstall', ociDigest: 'sha256:abc' } as const;
    expect(await snapshotOf(gone, more, context())).toMatchObject({
      status: 'uninstalled',
      deleted: '2026-01-03T00:00:00Z',
      action: 'uninstall',
      ociDigest: 'sha256:abc',
    });
  });

  test('has a digest of the record and of what it came in, but not of labels that users set', async () => {
    const digest = async (change: Partial<ReleaseRecord>, more = {}): Promise<string> =>
      (await snapshotOf({ ...record, ...change }, more, context())).digest;
    const same = await digest({});
    expect(await digest({ labels: { team: 'shop' } })).toBe(same);
    expect(new Set([same, await digest({ version: 4 }), await digest({}, { ociDigest: 'sha256:abc' })]).size).toBe(3);
  });

  test('of a record that says next to nothing is made all the same', async () => {
    const bare: ReleaseRecord = { name: 'cart', namespace: 'shop', version: 1, info: { first_deployed: 'once' } };
    expect(await snapshotOf(bare, {}, context())).toMatchObject({
      status: 'unknown',
      chartName: '',
      chartVersion: '',
      firstDeployed: '1970-01-01T00:00:00Z',
      configDigest: 'values:[{"yaml":"{}"}]',
    });
  });

  test.each([
    ['helmDigest', 'failed', 'build-failed'],
    ['helmValues', 'crashed', 'engine-failed'],
    ['helmDigest', 'cancelled', 'cancelled'],
  ] as const)('is not made without the helper: %s %s', async (call, code, told) => {
    const own = { [call]: () => Promise.reject(new EngineError(code, 'ended')) };
    await expect(snapshotOf(record, {}, context(own))).rejects.toMatchObject({ code: told });
  });
});

test('values that have no digest have an empty one', async () => {
  const none: Digesting['helmValues'] = () => Promise.resolve({ layer: 0, error: 'unsupported value' });
  expect(await digestOfValues({}, { engine: { helmValues: none }, tenant: 'shop', signal })).toBe('');
});

describe('the tests of a release', () => {
  const hook = (name: string | undefined, last_run: HookRecord['last_run']): HookRecord => ({
    ...(name === undefined ? {} : { name }),
    last_run,
  });

  test('are told by name, with what is known of their last run', () => {
    expect(
      testHooksOf([
        hook('cart-test', {
          started_at: '2026-01-01T10:00:00.5Z',
          completed_at: '2026-01-01T10:00:03Z',
          phase: 'Succeeded',
        }),
        hook('cart-load', { started_at: '2026-01-01T10:00:04Z', completed_at: '', phase: 'Running' }),
        hook('cart-later', { phase: '' }),
      ]),
    ).toEqual({
      'cart-test': {
        lastStarted: '2026-01-01T10:00:00Z',
        lastCompleted: '2026-01-01T10:00:03Z',
        phase: 'Succeeded',
      },
      'cart-load': { lastStarted: '2026-01-01T10:00:04Z', phase: 'Running' },
      'cart-later': {},
    });
  });

  test('that are none are an empty map: they were looked for', () => {
    expect(testHooksOf([])).toEqual({});
  });
});
