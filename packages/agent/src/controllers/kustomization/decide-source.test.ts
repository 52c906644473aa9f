import { describe, expect, test } from 'vitest';
import { kustomization } from '../../testing/builders.ts';
import { seen, SETTINGS, source } from '../../testing/seen.ts';
import type { Seen } from './decide.ts';
import { decide } from './decide.ts';

const external = kustomization({ spec: { sourceRef: { kind: 'ExternalArtifact', name: 'shop' } } });

test('an ExternalArtifact is a source as any where there is leave for it', () => {
  const settings = { ...SETTINGS, externalArtifacts: true };
  expect(decide(seen({ object: external, delivered: null, settings }))).toMatchObject({ do: 'deliver', source });
});

describe('a source that is not in view', () => {
  const oci = kustomization({ spec: { sourceRef: { kind: 'OCIRepository', name: 'fleet' } } });
  const waitsFor = (sources: Seen['sources'], object = oci) => {
    const step = decide(seen({ object, source: undefined, sources, delivered: null }));
    return step.do === 'await' ? [step.said.reason, step.said.text] : step.do;
  };

  test.each<[string, Seen['sources'], string]>([
    [
      'is not found where one can look',
      { availability: 'listed', trouble: null },
      "Source 'OCIRepository/fleet' not found",
    ],
    [
      'is told apart from a kind that is not served',
      { availability: 'not-served', trouble: null },
      "Source 'OCIRepository/shop/fleet' not found: the cluster serves no kind OCIRepository in source.toolkit.fluxcd.io/v1",
    ],
    [
      'is not known before the first list',
      { availability: 'pending', trouble: null },
      "unable to get source 'shop/fleet': no answer yet",
    ],
    [
      'says what keeps it away',
      { availability: 'pending', trouble: 'forbidden' },
      "unable to get source 'shop/fleet': forbidden",
    ],
  ])('%s', (_name, sources, text) => {
    expect(waitsFor(sources)).toEqual(['ArtifactFailed', text]);
  });

  test('is named as the spec names it', () => {
    const object = kustomization({ spec: { sourceRef: { kind: 'Bucket', name: 'fleet', namespace: 'other' } } });
    expect(waitsFor({ availability: 'listed', trouble: null }, object)).toEqual([
      'ArtifactFailed',
      "Source 'Bucket/other/fleet' not found",
    ]);
  });
});
