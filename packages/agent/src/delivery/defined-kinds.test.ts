import type { KubeObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { definedKinds } from './defined-kinds.ts';

const definition = (spec?: object): KubeObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'campaigns.example.com' },
  ...(spec === undefined ? {} : { spec }),
});

test('each served version of a definition is a kind', () => {
  const versions = [{ name: 'v1', served: true }, { name: 'v1beta1', served: false }, { name: 'v2' }];
  const objects = [definition({ group: 'example.com', names: { kind: 'Campaign' }, versions })];
  expect([...definedKinds(objects)]).toEqual(['example.com/v1/Campaign', 'example.com/v2/Campaign']);
});

test('other objects bring none, nor does a definition without a spec', () => {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, spec: { versions: [{ name: 'v1' }] } };
  expect(definedKinds([map, definition()]).size).toBe(0);
});
