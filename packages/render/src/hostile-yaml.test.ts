import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ownPeak, resetOwnPeak } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { built, refused } from './testing/hostile-outcomes.ts';
import type { OtherRoad } from './testing/hostile-outcomes.ts';
import { kustomizedList, testEngine } from './testing/memory-artifact.ts';
import { outcomeOf } from './testing/outcome.ts';
import type { Outcome } from './testing/outcome.ts';

const dir = fileURLToPath(new URL('testdata/hostile/', import.meta.url));
const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

/** Milliseconds that a build may take beside whatever else the machine does. */
const longest = 10_000;
/** Bytes by which one build makes this process grow, and that the helper ever holds. A bomb that went off would take many times as much. */
const most = 256 * 1024 * 1024;

async function inFolder(file: string, more: Record<string, string> = {}): Promise<Outcome> {
  const before = resetOwnPeak();
  const start = performance.now();
  const outcome = await outcomeOf(renderer, { 'a.yaml': readFileSync(`${dir}${file}.yaml`), ...more });
  expect(performance.now() - start).toBeLessThan(longest);
  expect(ownPeak() - before).toBeLessThan(most);
  expect((await engine.usage()).peakRssBytes).toBeLessThan(most);
  return outcome;
}

/**
 * Where both roads build a file they must give the same, or a kustomization file would change what is deployed.
 */
async function assertOtherRoad(file: string, plain: Outcome, other: OtherRoad | undefined): Promise<void> {
  for (const kustomization of ['resources: [a.yaml]', kustomizedList(['a.yaml'])]) {
    const { says = '', bundle } = await inFolder(file, { 'kustomization.yaml': kustomization });
    const refuses = other === undefined ? plain.says !== undefined : other === 'kustomize refuses';
    expect(says !== '').toBe(refuses);
    const digests = [plain.bundle?.digest, bundle?.digest].filter((digest) => digest !== undefined);
    expect(new Set(digests).size).toBeLessThanOrEqual(1);
    expect(says).not.toMatch(/\n|goroutine|panic/);
    expect(says.length).toBeLessThan(400);
  }
}

describe('a hostile file is refused with one message', () => {
  test.each(refused.map(([file, says, other]) => ({ file, says, other })))('$file', async ({ file, says, other }) => {
    const outcome = await inFolder(file);
    expect(outcome).toEqual({ says });
    expect(says).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(says.length).toBeLessThan(400);
    await assertOtherRoad(file, outcome, other);
  });
});

describe('an odd file gives what it says', () => {
  test.each(built.map(([file, gives, other]) => ({ file, gives, other })))('$file', async ({ file, gives, other }) => {
    const outcome = await inFolder(file);
    expect(outcome).toMatchObject({ gives });
    await assertOtherRoad(file, outcome, other);
  });
});

test('every file of the corpus has its row', () => {
  const rows = [...refused, ...built].map(([file]) => `${file}.yaml`).sort();
  expect(
    readdirSync(dir)
      .filter((name) => name.endsWith('.yaml'))
      .sort(),
  ).toEqual(rows);
  expect(new Set(rows).size).toBe(rows.length);
});

test('no file of the corpus reaches the prototype of all objects', () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('a hostile file spoils its own build only: the next one of the same renderer is well', async () => {
  const good = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n';
  const builds = refused.map(async ([file]) => {
    await outcomeOf(renderer, { 'a.yaml': readFileSync(`${dir}${file}.yaml`), 'good.yaml': good });
    return await outcomeOf(renderer, { 'good.yaml': good });
  });
  for (const outcome of await Promise.all(builds)) expect(outcome).toMatchObject({ gives: 'ConfigMap/good' });
});
