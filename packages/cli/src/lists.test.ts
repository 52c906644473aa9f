import { describe, expect, test } from 'vitest';
import { kindsOf, partsOf } from './lists.ts';

describe('a list with commas', () => {
  test('has its parts, without blanks', () => {
    expect(partsOf('a, b,,c ')).toEqual(['a', 'b', 'c']);
    expect(partsOf('')).toEqual([]);
  });

  test('of kinds has their groups', () => {
    expect(kindsOf('rbac.authorization.k8s.io/Role, Secret')).toEqual([
      { group: 'rbac.authorization.k8s.io', kind: 'Role' },
      { group: '', kind: 'Secret' },
    ]);
  });

  test.each(['rbac.authorization.k8s.io/', 'role', 'a/b/C', 'v1 Secret'])('of kinds does not hold %j', (given) => {
    expect(() => kindsOf(`Secret,${given}`)).toThrow(`'${given}' is not a kind as in rbac.authorization.k8s.io/Role`);
  });
});
