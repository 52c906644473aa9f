import type { PolicySpec } from '@plumb/api';
import { expect, test } from 'vitest';
import type { PolicyFacts } from './facts.ts';
import { guardedKeys, protectedKeys } from './guarded.ts';
import { change, fate } from './testing/facts.ts';

function policy(spec: PolicySpec, kind: PolicyFacts['kind'] = 'ClusterReleasePolicy'): PolicyFacts {
  return { kind, namespace: '', name: 'p', generation: 1, spec, flaw: null };
}

const objects = [
  fate('PersistentVolumeClaim', 'data', 'change'),
  fate('PersistentVolumeClaim', 'new', 'create'),
  fate('ConfigMap', 'settings', 'change'),
  fate('Namespace', 'old', 'delete', ''),
];

test.each<[string, PolicyFacts[], string[]]>([
  ['by default what no unit deletes without an approval', [], ['data', 'new', 'old']],
  ['nothing where the defaults are off', [policy({ limits: { defaults: 'Off' } })], []],
  [
    'what a policy protects that is about deletions only',
    [
      policy({
        select: { touches: { deletes: true } },
        limits: { defaults: 'Off', protected: [{ kind: 'ConfigMap' }] },
      }),
    ],
    ['settings'],
  ],
])('is guarded, whatever it is done for: %s', (_what, policies, names) => {
  for (const cause of ['routine', 'drift', 'rollback', 'rebuild', 'prune'] as const) {
    const facts = change({ objects: [], cause });
    const keys = objects.map(({ key }) => key);
    expect(guardedKeys(policies, facts, keys).map(({ name }) => name)).toEqual(names);
  }
});

test.each<[string, PolicyFacts[], string[]]>([
  ['by default', [], ['data', 'new', 'old']],
  ['where the defaults are off', [policy({ limits: { defaults: 'Off' } })], []],
  [
    'by a policy, whatever its causes',
    [policy({ limits: { defaults: 'Off', causes: ['drift'], protected: [{ kind: 'ConfigMap' }] } })],
    ['settings'],
  ],
])('is protected: %s', (_what, policies, names) => {
  const keys = objects.map(({ key }) => key);
  expect(protectedKeys(policies, change({ objects }), keys).map(({ name }) => name)).toEqual(names);
});
