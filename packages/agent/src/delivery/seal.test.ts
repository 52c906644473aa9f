import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@plumb/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Records } from './records.ts';
import { sealing } from './seal.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-seal-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('the same is sealed alike after a restart, though records of units that are gone were removed', async () => {
  const units = join(dir, 'units');
  const sealed = await sealing(units)('text');
  const records = new Records({ dir: units, maker: 'this', clock: new FakeClock(), onFault: () => undefined });
  records.keepOnly(new Set());
  await records.flush();
  const again = sealing(units);
  expect(await again('text')).toBe(sealed);
  expect(await again('other')).not.toBe(sealed);
  expect((await stat(join(units, 'seal.key'))).mode & 0o777).toBe(0o600);
});

test.each<[string, () => Promise<string | null>]>([
  ['where it is kept nowhere', () => Promise.resolve(null)],
  [
    'where it cannot be kept',
    async () => {
      await writeFile(join(dir, 'file'), '');
      return join(dir, 'file');
    },
  ],
])('the same is sealed alike as long as the process lives, and otherwise by another, %s', async (_where, place) => {
  const at = await place();
  const seal = sealing(at);
  const sealed = await seal('text');
  expect(await seal('text')).toBe(sealed);
  expect(await sealing(at)('text')).not.toBe(sealed);
});
