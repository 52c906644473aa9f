import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import type { BuildSpec } from './renderer.ts';
import { parseCases } from './testing/cases.ts';
import type { Case } from './testing/cases.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';
import { bodies, byName, upstreamBuild, withCommonMetadata } from './testing/upstream.ts';

/**
 * The Bundle is what upstream's kustomize gives for the same folder. Where the spec of a Kustomization asks for more, or the folder has
 * no kustomization file, the case holds the file that kustomize-controller would write there (fluxcd/pkg kustomize_generator.go),
 * written by hand.
 */

const engine = testEngine();
const renderer = createRenderer({ engine });
afterAll(() => engine.close());

const folder = new URL('testdata/upstream/', import.meta.url);
const areas = readdirSync(folder)
  .sort()
  .map((file) => ({
    area: file.replace('.cases', ''),
    cases: parseCases(readFileSync(new URL(file, folder), 'utf8')),
  }));

async function compare({ files, upstream, refused, differs, objects, ...rest }: Case): Promise<void> {
  const spec: BuildSpec = buildSpec({ path: './app', ...rest.spec });
  const [ours, theirs] = await Promise.allSettled([
    renderer.build(memoryArtifact(files), spec, { deadline: 10_000 }),
    upstreamBuild(engine, { ...files, ...upstream }, spec.path),
  ]);
  const message = refused ?? differs;
  if (message !== undefined) {
    expect(ours).toMatchObject({ reason: { name: 'PlumbError', code: 'build-failed', policy: 'stall' } });
    expect(ours).toMatchObject({ reason: { message: expect.stringMatching(message) } });
  }
  if (refused !== undefined) {
    expect(theirs).toMatchObject({ reason: { code: 'failed' } });
    return;
  }
  const expected = byName(withCommonMetadata(valueOf(theirs), spec));
  if (objects === undefined) expect(Object.keys(expected)).not.toEqual([]);
  else expect(Object.keys(expected)).toHaveLength(objects);
  if (differs === undefined) expect(byName(bodies(valueOf(ours)))).toEqual(expected);
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

describe.each(areas)('$area', ({ cases }) => {
  test.each(cases)('$name', compare);
});
