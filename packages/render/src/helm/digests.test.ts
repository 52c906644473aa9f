import { createHash } from 'node:crypto';
import type { PostRenderer } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { commonMetadataDigest, postRenderersDigest } from './digests.ts';

/** What Go's encoder writes, and a line end after it. */
const of = (json: string): string => `sha256:${createHash('sha256').update(`${json}\n`).digest('hex')}`;

describe('the digest of post-renderers', () => {
  test.each<[string, PostRenderer[], string]>([
    ['none', [], '[]'],
    ['an empty one', [{}], '[{}]'],
    ['one that does nothing', [{ kustomize: { images: [], patches: [] } }], '[{"kustomize":{}}]'],
    [
      'patches and images, whatever the order of their fields',
      [
        {
          kustomize: {
            images: [{ digest: 'sha256:1', newTag: '', newName: 'b', name: 'a' }],
            patches: [
              { target: { name: 'x', labelSelector: 'a=b', kind: 'Pod', group: '' }, patch: 'a: 1\n' },
              { patch: 'b' },
            ],
          },
        },
      ],
      '[{"kustomize":{"patches":[{"patch":"a: 1\\n","target":{"kind":"Pod","name":"x","labelSelector":"a=b"}},{"patch":"b"}],' +
        '"images":[{"name":"a","newName":"b","digest":"sha256:1"}]}}]',
    ],
    [
      'a target that says nothing',
      [{ kustomize: { patches: [{ patch: 'x', target: {} }] } }],
      '[{"kustomize":{"patches":[{"patch":"x","target":{}}]}}]',
    ],
    [
      'characters that Go escapes',
      [{ kustomize: { patches: [{ patch: '<a> & "b"\u2028\u007fü' }] } }],
      '[{"kustomize":{"patches":[{"patch":"\\u003ca\\u003e \\u0026 \\"b\\"\\u2028\u007fü"}]}}]',
    ],
  ])('%s', (_what, postRenderers, json) => {
    expect(postRenderersDigest(postRenderers)).toBe(of(json));
  });
});

describe('the digest of common metadata', () => {
  test.each([
    ['nothing', {}, '{}'],
    ['empty maps', { labels: {}, annotations: {} }, '{}'],
    [
      'maps by their keys, also where those look like numbers',
      { labels: { b: '1', '2': 'x', '10': 'y' }, annotations: { z: '<' } },
      '{"annotations":{"z":"\\u003c"},"labels":{"10":"y","2":"x","b":"1"}}',
    ],
  ])('%s', (_what, metadata, json) => {
    expect(commonMetadataDigest(metadata)).toBe(of(json));
  });
});
