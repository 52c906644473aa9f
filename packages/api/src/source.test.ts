import { describe, expect, test } from 'vitest';
import type { KubeObject } from './object.ts';
import { originRevisionOf, readSource } from './source.ts';

const object = (status: unknown): KubeObject => ({
  apiVersion: 'source.toolkit.fluxcd.io/v1',
  kind: 'OCIRepository',
  metadata: { name: 'shop', namespace: 'apps' },
  status,
});
const ARTIFACT = { revision: 'latest@sha256:1', digest: 'sha256:2', url: 'http://source/a.tar.gz' };
const ORIGIN = { 'org.opencontainers.image.revision': 'main@sha1:3' };

describe('a source that somebody else wrote', () => {
  test('offers its artifact', () => {
    const source = readSource(object({ artifact: { ...ARTIFACT, metadata: ORIGIN, size: 1 }, conditions: [] }));
    expect(source).toMatchObject({ kind: 'OCIRepository', metadata: { name: 'shop', namespace: 'apps' } });
    expect(source.status?.artifact).toEqual({ ...ARTIFACT, metadata: ORIGIN });
    expect(originRevisionOf(source)).toBe('main@sha1:3');
  });

  test.each<[string, unknown]>([
    ['no status', undefined],
    ['a status that is no map', 'ready'],
    ['no artifact', {}],
    ['an artifact that is no map', { artifact: ['x'] }],
    ['no url', { artifact: { ...ARTIFACT, url: undefined } }],
    ['an empty digest', { artifact: { ...ARTIFACT, digest: '' } }],
    ['a revision that is no text', { artifact: { ...ARTIFACT, revision: 7 } }],
    ['a revision longer than any', { artifact: { ...ARTIFACT, revision: 'x'.repeat(5_000) } }],
  ])('offers nothing with %s', (_name, status) => {
    expect(readSource(object(status)).status?.artifact).toBeUndefined();
  });

  test('tells which generation of it was looked at, and why it is given up, where it says so', () => {
    const conditions = [
      { type: 'Ready', status: 'False', message: 'no' },
      { type: 'Stalled', status: 'True', message: 'the bucket has no name' },
    ];
    expect(readSource(object({ observedGeneration: 3, conditions })).status).toEqual({
      observedGeneration: 3,
      stalled: 'the bucket has no name',
    });
    expect(readSource(object({ observedGeneration: '3', conditions: 'none' })).status).toEqual({});
    const recovered = [{ type: 'Stalled', status: 'False', message: 'well again' }, 'odd'];
    expect(readSource(object({ conditions: recovered })).status).toEqual({});
    const long = [{ type: 'Stalled', status: 'True', message: 'x'.repeat(9_000) }];
    expect(readSource(object({ conditions: long })).status?.stalled).toHaveLength(4_096);
  });

  test('says nothing of its origin, or nothing that is a text', () => {
    expect(originRevisionOf(undefined)).toBe('');
    expect(originRevisionOf(readSource(object({ artifact: ARTIFACT })))).toBe('');
    const odd = { ...ARTIFACT, metadata: { 'org.opencontainers.image.revision': 3, other: 'x' } };
    expect(originRevisionOf(readSource(object({ artifact: odd })))).toBe('');
  });
});
