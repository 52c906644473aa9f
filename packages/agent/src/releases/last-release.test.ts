import { unlockedBy } from '@plumb/core';
import { expect, test } from 'vitest';
import { lastReleaseOf } from './last-release.ts';
import type { ReleaseRecord } from './record.ts';

const SEEN = { digest: 'sha256:record', configDigest: 'sha256:values', lastDeployed: '2026-01-01T00:00:00Z' };
const bare: ReleaseRecord = { name: 'cart', namespace: 'shop', version: 3, info: {} };

test('a decision sees of a record what it is made from', () => {
  const madeWith = { postRenderersDigest: 'sha256:p', commonMetadataDigest: '' };
  const record: ReleaseRecord = {
    ...bare,
    info: { status: 'failed', description: unlockedBy('pending-upgrade') },
    chart: { metadata: { name: 'cart', version: '1.2.3' } },
  };
  const annotations = { 'plumb.dev/made-with': JSON.stringify(madeWith) };
  expect(lastReleaseOf({ record, metadata: { name: 'x', annotations } }, SEEN)).toEqual({
    ...SEEN,
    version: 3,
    status: 'failed',
    name: 'cart',
    namespace: 'shop',
    chartName: 'cart',
    chartVersion: '1.2.3',
    madeWith,
    interrupted: 'killed',
  });
});

test('of one that says little, little', () => {
  const seen = lastReleaseOf({ record: bare, metadata: { name: 'x' } }, SEEN);
  expect(seen).toMatchObject({
    status: 'unknown',
    chartName: '',
    chartVersion: '',
    madeWith: null,
    interrupted: null,
  });
});
