import { describe, expect, test } from 'vitest';
import { gateCrds } from './crd.ts';
import { gateRoles } from './gate-roles.ts';

interface Role {
  metadata: { name: string; labels: Record<string, string> };
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}
const roles = gateRoles() as unknown as Role[];
const READING = ['get', 'list', 'watch'];
const writes = ({ rules }: Role): string[] =>
  rules.flatMap(({ resources, verbs }) =>
    verbs
      .filter((verb) => !READING.includes(verb))
      .flatMap((verb) => resources.map((resource) => `${verb} ${resource}`)),
  );
const named = (name: string): Role => roles.find(({ metadata }) => metadata.name === name) as Role;
const aggregated = roles.filter(({ metadata }) =>
  Object.keys(metadata.labels).some((key) => key.includes('aggregate')),
);

describe('the roles that are shipped', () => {
  test.each<[string, string[]]>([
    ['plumb-gates-view', []],
    ['plumb-approver', ['create approvals']],
    ['plumb-operator', ['create', 'update', 'patch', 'delete'].map((verb) => `${verb} lockdowns`)],
    [
      'plumb-policy-admin',
      [
        ...['create', 'update', 'patch', 'delete'].flatMap((verb) => [
          `${verb} releasepolicies`,
          `${verb} clusterreleasepolicies`,
        ]),
        'delete approvals',
      ],
    ],
  ])('%s changes nothing but %j', (name, expected) => {
    expect(writes(named(name))).toEqual(expected);
  });

  test('give whoever may view, edit or administer a namespace nothing but a look', () => {
    expect(aggregated.map(({ metadata }) => metadata.name)).toEqual(['plumb-gates-view']);
    expect(aggregated.flatMap(writes)).toEqual([]);
  });

  test('name what is served, each kind of which somebody may look at', () => {
    const served = gateCrds().map(({ metadata }) => metadata.name.replace('.plumb.dev', ''));
    for (const role of roles) {
      const asked = role.rules.filter(({ apiGroups }) => apiGroups.includes('plumb.dev'));
      const resources = new Set(asked.flatMap((rule) => rule.resources));
      // Whoever may view a namespace may not see what a unit of it does in others.
      const seen = served.filter((name) => name !== 'plans' || role.metadata.name !== 'plumb-gates-view');
      expect([...resources].toSorted()).toEqual(seen.toSorted());
    }
  });
});
