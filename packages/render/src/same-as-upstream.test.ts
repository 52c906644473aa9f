import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '@plumb/api';
import type { Bundle } from './bundle.ts';
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

interface Outcomes {
  spec: BuildSpec;
  ours: PromiseSettledResult<Bundle>;
  theirs: PromiseSettledResult<KubeObject[]>;
}

async function build({ files, upstream, spec: change }: Case): Promise<Outcomes> {
  const spec = buildSpec({ path: './app', ...change });
  const [ours, theirs] = await Promise.allSettled([
    renderer.build(memoryArtifact(files), spec, { deadline: 10_000 }),
    upstreamBuild(engine, { ...files, ...upstream }, spec.path),
  ]);
  return { spec, ours, theirs };
}

function valueOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

const refusal = (message: string): object => ({
  reason: {
    name: 'PlumbError',
    code: 'build-failed',
    policy: 'stall',
    message: expect.stringMatching(message) as string,
  },
});

describe.each(areas)('$area', ({ cases }) => {
  test.each(cases.filter(({ refused, differs }) => refused === undefined && differs === undefined))(
    '$name',
    async (each) => {
      const { spec, ours, theirs } = await build(each);
      const expected = byName(withCommonMetadata(valueOf(theirs), spec));
      const count = Object.keys(expected).length;
      expect(count).toBe(each.objects ?? Math.max(1, count));
      expect(byName(bodies(valueOf(ours)))).toEqual(expected);
    },
  );

  test.each(cases.filter(({ refused }) => refused !== undefined))('$name: refused by both', async (each) => {
    const { ours, theirs } = await build(each);
    expect(theirs).toMatchObject({ reason: { code: 'failed' } });
    expect(ours).toMatchObject(refusal(each.refused ?? ''));
  });

  test.each(cases.filter(({ differs }) => differs !== undefined))('$name: refused here alone', async (each) => {
    const { ours, theirs } = await build(each);
    expect(theirs).toHaveProperty('value');
    expect(ours).toMatchObject(refusal(each.differs ?? ''));
  });
});
