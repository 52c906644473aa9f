import type { KubeObject, PostBuild } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { kustomization } from '../testing/builders.ts';
import { Referenced } from './references.ts';
import { substitutionOf } from './substitution.ts';

const object = (kind: string, name: string, data: Record<string, string>): [string, KubeObject] => [
  `${kind}/${name}`,
  { apiVersion: 'v1', kind, metadata: { name }, data },
];
const referenced = new Referenced(
  new Map<string, KubeObject | null>([
    object('ConfigMap', 'first', { region: 'eu', zone: 'a', text: 'two\nlines\n' }),
    object('Secret', 'second', { region: btoa('us'), token: btoa('s3cr3t'), pem: btoa('-----\nKEY\n-----\n') }),
    ['ConfigMap/gone', null],
  ]),
);

const of = (postBuild: PostBuild | undefined) =>
  substitutionOf(kustomization({ spec: postBuild === undefined ? {} : { postBuild } }), referenced, true);

const from = (kind: 'ConfigMap' | 'Secret', name: string, optional = false) => ({ kind, name, optional });

describe('variables', () => {
  test.each<{ name: string; postBuild: PostBuild; variables: Record<string, string> }>([
    { name: 'are those of substitute', postBuild: { substitute: { a: '1' } }, variables: { a: '1' } },
    {
      name: 'of a Secret are decoded, and a later object goes before an earlier one',
      postBuild: { substituteFrom: [from('ConfigMap', 'first'), from('Secret', 'second')] },
      variables: { region: 'us', zone: 'a', text: 'twolines', token: 's3cr3t', pem: '-----KEY-----' },
    },
    {
      name: 'of substitute go before all others',
      postBuild: { substitute: { zone: 'b\n' }, substituteFrom: [from('ConfigMap', 'first')] },
      variables: { region: 'eu', zone: 'b', text: 'twolines' },
    },
    {
      name: 'of an optional object that is not there are none',
      postBuild: { substituteFrom: [from('ConfigMap', 'gone', true)] },
      variables: {},
    },
    {
      name: 'may have any name',
      postBuild: { substitute: JSON.parse('{"__proto__": "1", "constructor": "2"}') as Record<string, string> },
      variables: JSON.parse('{"__proto__": "1", "constructor": "2"}') as Record<string, string>,
    },
  ])('$name', ({ postBuild, variables }) => {
    const found = of(postBuild);
    expect(new Map(Object.entries(found?.variables ?? {}))).toEqual(new Map(Object.entries(variables)));
    expect(found).toMatchObject({ strict: true, always: false });
  });
});

test('values of Secrets are known as such, as they are put in, whatever goes before them', () => {
  const postBuild = {
    substitute: { region: 'eu' },
    substituteFrom: [from('ConfigMap', 'first'), from('Secret', 'second')],
  };
  expect(of(postBuild)?.secrets).toEqual(['us', 's3cr3t', '-----KEY-----']);
});

test('without spec.postBuild nothing is substituted', () => expect(of(undefined)).toBeUndefined());

test('the strategy Always runs without a variable', () =>
  expect(of({ substituteStrategy: 'Always' })).toMatchObject({ always: true, variables: {} }));

test('an object that must be there and is not is named', () => {
  expect(() => of({ substituteFrom: [from('ConfigMap', 'gone')] })).toThrow(
    'post build failed: substitute from \'ConfigMap/gone\' error: configmaps "gone" not found',
  );
});
