import type { Artifact } from '@plumb/sources';
import { describe, expect, test } from 'vitest';
import { Artifacts } from './artifacts.ts';

const SOURCE = { kind: 'GitRepository', namespace: 'shop', name: 'shop' };

function opener(answer: (call: number) => Promise<Artifact | null>) {
  const seen = { calls: 0, now: 0 };
  const artifacts = new Artifacts({ open: () => answer(++seen.calls) }, () => seen.now);
  return { seen, open: (revision: string) => artifacts.open(SOURCE, { revision, digest: `sha256:${revision}` }) };
}

const FOUND = {} as Artifact;

describe('Artifacts', () => {
  test('opens one revision once for all units it wakes', async () => {
    const { seen, open } = opener(() => Promise.resolve(FOUND));
    await Promise.all([open('a'), open('a')]);
    expect(await open('a')).toBe(FOUND);
    expect(seen.calls).toBe(1);
  });

  test('opens another revision, and the same one after a while', async () => {
    const { seen, open } = opener(() => Promise.resolve(FOUND));
    await open('a');
    await open('b');
    seen.now = 60_000;
    await open('b');
    expect(seen.calls).toBe(3);
  });

  test('looks again for what was not there and for what failed', async () => {
    const { seen, open } = opener((call) =>
      call === 1 ? Promise.resolve(null) : call === 2 ? Promise.reject(new Error('disk')) : Promise.resolve(FOUND),
    );
    expect(await open('a')).toBeNull();
    await expect(open('a')).rejects.toThrow('disk');
    expect(await open('a')).toBe(FOUND);
    expect(seen.calls).toBe(3);
  });
});
