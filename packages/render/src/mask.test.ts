import { afterAll, describe, expect, test } from 'vitest';
import { createRenderer } from './create-renderer.ts';
import { withoutContent } from './mask.ts';
import { buildSpec, memoryArtifact, testEngine } from './testing/memory-artifact.ts';

const CANARY = 'hunter2canary';

describe('withoutContent', () => {
  test.each([
    [
      'a transformer config',
      'PatchTransformer with config: `\npatch: |\n  password: hunter2canary\n`: bad',
      'PatchTransformer with config: `…`: bad',
    ],
    [
      'a patch',
      'unable to parse SM or JSON patch from [patch: "a: [hunter2canary]"]',
      'unable to parse SM or JSON patch from [the patch]',
    ],
    [
      'literals',
      'literal sources [a=hunter2canary b]: invalid literal source b, expected key=value',
      'literal sources […]: invalid literal source, expected key=value, expected key=value',
    ],
    ['a quoted document', 'bad "kind: Secret\\ndata: hunter2canary" here', 'bad "…" here'],
    ['nothing of a plain message', 'no such file "patches/cart.yaml"', 'no such file "patches/cart.yaml"'],
  ])('leaves out %s', (_name, message, expected) => {
    expect(withoutContent(message)).toBe(expected);
  });
});

describe('a failed build shows no secret', () => {
  const engine = testEngine();
  const renderer = createRenderer({ engine });
  afterAll(() => engine.close());

  const secretPatch = `apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {password: ${CANARY}}\n`;
  test.each([
    [
      'an inline patch without a target',
      { 'kustomization.yaml': `patches:\n- patch: |\n${secretPatch.replaceAll(/^/gm, '    ')}` },
    ],
    ['a patch file without a target', { 'kustomization.yaml': 'patches: [{path: p.yaml}]\n', 'p.yaml': secretPatch }],
    ['a patch that is no YAML', { 'kustomization.yaml': `patches:\n- patch: |\n    password: [${CANARY}\n` }],
    ['a bad literal', { 'kustomization.yaml': `secretGenerator:\n- name: x\n  literals: [${CANARY}]\n` }],
    [
      'a JSON patch that does not fit',
      {
        'kustomization.yaml': `resources: [a.yaml]\npatches:\n- target: {kind: Secret}\n  patch: |\n    - op: replace\n      path: /no/where\n      value: ${CANARY}\n`,
        'a.yaml': secretPatch,
      },
    ],
    [
      'a patch of a component inside a component',
      {
        'kustomization.yaml': 'components: [a]\n',
        'a/kustomization.yaml': 'kind: Component\ncomponents: [../b]\n',
        'b/kustomization.yaml': `kind: Component\npatches:\n- patch: |\n${secretPatch.replaceAll(/^/gm, '    ')}`,
      },
    ],
  ])('%s', async (_name, files: Record<string, string>) => {
    const error = await renderer.build(memoryArtifact(files), buildSpec(), { deadline: 20_000 }).then(
      () => null,
      (thrown: unknown) => thrown as Error,
    );
    expect(error).not.toBeNull();
    expect(error?.message).not.toContain(CANARY);
  });
});
