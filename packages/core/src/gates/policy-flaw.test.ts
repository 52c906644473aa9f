import type { JsonObject, KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { governs } from './select.ts';
import { lockdownFacts, policyFacts } from './policy-flaw.ts';
import { change } from './testing/facts.ts';

function object(kind: string, spec: JsonObject): KubeObject {
  const metadata = { name: 'p', generation: 4, ...(kind === 'ReleasePolicy' && { namespace: 'shop' }) };
  return { apiVersion: 'plumb.dev/v1', kind, metadata, spec };
}
const flawOf = (spec: JsonObject, kind = 'ReleasePolicy'): string | null => policyFacts(object(kind, spec)).flaw;

const window = { type: 'Allow', timeZone: 'UTC', cron: '0 12 * * 2', duration: '6h' };

test('a policy is read with what the API server fills in', () => {
  expect(policyFacts(object('ReleasePolicy', { approvals: [{ name: 'a' }] }))).toEqual({
    kind: 'ReleasePolicy',
    namespace: 'shop',
    name: 'p',
    generation: 4,
    spec: { approvals: [{ name: 'a', count: 1 }] },
    flaw: null,
  });
  expect(policyFacts(object('ClusterReleasePolicy', { limits: { defaults: 'Off' } }))).toMatchObject({
    kind: 'ClusterReleasePolicy',
    namespace: '',
    flaw: null,
  });
});

test.each([
  { approvals: [{ name: 'a', users: [] }] },
  { limits: { approvers: { groups: [] } } },
  { windows: [{ ...window, who: { users: ['alice'], groups: [] } }] },
  { breakGlass: { expiry: '1h', groups: [] } },
])('an empty list of people is nobody, which would stand for everybody: %o', (spec) => {
  expect(flawOf(spec as unknown as JsonObject)).toMatch(/(users|groups) must not have fewer/);
});

describe('what the schema takes and nobody can judge by is a flaw', () => {
  test.each<[string, JsonObject, string]>([
    ['a selector of units', { select: { labelSelector: 'a=b=c' } }, 'select.labelSelector: unexpected "=c"'],
    ['a time zone', { windows: [window, { ...window, timeZone: 'Mars/Base' }] }, 'windows[1]: '],
    ['a window that is never open', { windows: [{ ...window, duration: '0s' }] }, 'windows[0]: '],
    ['a window without a start', { windows: [{ type: 'Allow', timeZone: 'UTC', duration: '1h' }] }, 'windows[0]: '],
    ['a duration beyond all bounds', { windows: [{ ...window, duration: '99999999999h' }] }, 'windows[0]: '],
    [
      'an image in a Secret',
      { images: { fields: [{ kind: 'Secret', path: 'data.image' }] } },
      'images.fields: a Secret names no images',
    ],
    ['an image that nobody may sign', { images: { signatures: {} } }, 'images.signatures names nobody'],
    [
      'reports that nobody signs',
      { images: { vulnerabilities: { maxAge: '1h', maxSeverity: 'Low' } } },
      'images.vulnerabilities needs signedBy, or images.signatures',
    ],
    [
      'reports that are too old at once',
      {
        images: {
          vulnerabilities: { maxAge: '0s', maxSeverity: 'Low', signedBy: { keys: [{ secretRef: { name: 'a' } }] } },
        },
      },
      'images.vulnerabilities.maxAge must be longer than 0s',
    ],
    ['a pattern', { forbid: [{ name: 'a', pattern: '(?=x)' }] }, 'forbid[0]: (?=x) is no pattern of RE2'],
    [
      'two approvals of one name',
      { approvals: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] },
      'the name a is given to two rules',
    ],
    [
      'two checks of one name',
      {
        checks: [
          { name: 'a', expression: 'true' },
          { name: 'a', expression: 'true' },
        ],
      },
      'the name a is given to two rules',
    ],
    [
      'two patterns of one name',
      {
        forbid: [
          { name: 'a', pattern: 'x' },
          { name: 'a', pattern: 'y' },
        ],
      },
      'the name a is given to two rules',
    ],
    [
      'approvals that last no time',
      { approvals: [{ name: 'a', expiry: '0s' }] },
      'approvals[0].expiry must be longer than 0s',
    ],
    [
      'approvals that last longer than a duration can',
      { approvals: [{ name: 'a' }, { name: 'b', expiry: '9999999h' }] },
      "approvals[1].expiry: invalid duration '9999999h'",
    ],
    [
      'an override that lasts longer than a duration can',
      { breakGlass: { users: ['a'], expiry: '9999999h' } },
      "breakGlass.expiry: invalid duration '9999999h'",
    ],
    [
      'an override that lasts no time',
      { breakGlass: { users: ['a'], expiry: '0m' } },
      'breakGlass.expiry must be longer than 0m',
    ],
  ])('%s', (_what, spec, flaw) => {
    expect(flawOf(spec)).toContain(flaw);
    expect(policyFacts(object('ReleasePolicy', spec)).spec).toMatchObject(spec);
  });

  test('a selector of namespaces, of what stands above them', () => {
    expect(flawOf({ select: { namespaceSelector: 'a in b' } }, 'ClusterReleasePolicy')).toContain(
      'select.namespaceSelector: expected "("',
    );
  });

  test('identities without a namespace, of what stands above namespaces', () => {
    const spec = { identitiesRef: { name: 'people' } };
    expect(flawOf(spec, 'ClusterReleasePolicy')).toBe('identitiesRef.namespace is required');
    expect(flawOf(spec)).toBeNull();
    expect(flawOf({ identitiesRef: { name: 'people', namespace: 'a' } }, 'ClusterReleasePolicy')).toBeNull();
  });
});

describe('a field that a newer version may have set is a flaw', () => {
  test.each<[string, JsonObject, string]>([
    ['a rule', { signatures: { required: true } }, 'spec.signatures'],
    ['part of a rule', { images: { cosign: { key: 'x' } } }, 'spec.images.cosign'],
    [
      'part of a rule in a list',
      { approvals: [{ name: 'a' }, { name: 'b', quorum: 'all' }] },
      'spec.approvals[1].quorum',
    ],
    ['what narrows a selection', { select: { touches: { fields: ['spec'] } } }, 'spec.select.touches.fields'],
    ['what only the other kind has', { limits: { defaults: 'Off' } }, 'spec.limits.defaults'],
    ['a name that every object has', { constructor: {} }, 'spec.constructor'],
  ])('%s', (_what, spec, path) => {
    expect(flawOf(spec)).toBe(`${path} is not known to this version`);
    const facts = lockdownFacts(object('Lockdown', { reason: 'x', by: 'y', until: '2026-11-03T13:00:00Z', ...spec }));
    expect(facts.flaw).not.toBeNull();
  });
});

describe('what cannot be read at all holds everything', () => {
  test.each<[string, JsonObject, string]>([
    ['of a wrong type', { select: { names: 'apps' } }, 'spec.select.names'],
    ['of a choice that is none', { images: { action: 'Allow' } }, 'spec.images.action must be one of Deny, Warn'],
    ['of nobody to approve', { approvals: [{ name: 'a', count: 0 }] }, 'spec.approvals[0].count'],
    ['of a duration that is none', { approvals: [{ name: 'a', expiry: '1 day' }] }, 'spec.approvals[0].expiry'],
    ['of no system that is asked', { external: [{ name: 'a' }] }, 'exactly one of jira, serviceNow and webhook'],
    ['without a name', { forbid: [{ pattern: 'a' }] }, 'spec.forbid[0].name is required'],
  ])('%s', (_what, spec, flaw) => {
    const facts = policyFacts(object('ReleasePolicy', { ...spec, select: spec['select'] ?? { names: ['other'] } }));
    expect(facts.flaw).toContain(flaw);
    expect(governs(facts.spec.select, change())).toBe(true);
  });
});

describe('a lockdown', () => {
  const spec = { reason: 'fire', by: 'olga', until: '2026-11-03T13:00:00Z' };
  const read = (parts: JsonObject): ReturnType<typeof lockdownFacts> =>
    lockdownFacts(object('Lockdown', { ...spec, ...parts }));

  test('is read', () => {
    expect(read({})).toEqual({ name: 'p', at: Number.NaN, generation: 4, spec, flaw: null });
    expect(read({ approvals: [{ name: 'a', expiry: '1h' }] }).flaw).toBeNull();
  });

  test.each<[string, JsonObject, string]>([
    ['a selector of namespaces', { select: { namespaceSelector: 'a in b' } }, 'select.namespaceSelector: '],
    ['two approvals of one name', { approvals: [{ name: 'a' }, { name: 'a' }] }, 'the name a is given to two rules'],
    [
      'two checks of one name',
      { checks: ['true', 'false'].map((expression) => ({ name: 'c', expression })) },
      'the name c is given to two rules',
    ],
    ['a check that only warns', { checks: [{ name: 'c', expression: 'true', action: 'Warn' }] }, 'action'],
    ['a duration beyond all bounds', { approvals: [{ name: 'a', expiry: '9999999h' }] }, 'approvals[0].expiry: '],
    ['identities without a namespace', { identitiesRef: { name: 'a' } }, 'identitiesRef.namespace is required'],
  ])('has a flaw by %s', (_what, parts, flaw) => {
    expect(read(parts).flaw).toContain(flaw);
  });

  test.each<[string, JsonObject]>([
    ['an end that is none', { until: 'tomorrow', select: { names: ['x'] } }],
    ['an end that only the API server reads', { until: '2026-11-03T13:00:00,5Z', select: { names: ['x'] } }],
    ['a selection of a wrong type', { select: { names: 'apps' } }],
    ['a cause that is none', { causes: ['boredom'] }],
  ])('that has %s is in force', (_what, parts) => {
    const facts = read(parts);
    expect(facts.flaw).not.toBeNull();
    expect(Date.parse(facts.spec.until) <= Date.now()).toBe(false);
  });
});

describe('reviews are asked for in a way that nobody can turn', () => {
  const github = { provider: 'GitHub', secretRef: { name: 'forge' } };
  const above = { ...github, secretRef: { name: 'forge', namespace: 'plumb' } };
  const rule = (reviews: JsonObject, more: JsonObject = {}): JsonObject => ({
    approvals: [{ name: 'peer', ...more, reviews }],
  });
  test.each<[string, JsonObject, string | null, string?]>([
    ['the repository of the unit', rule(github), null],
    ['at this machine', rule({ ...github, url: 'http://127.0.0.1:3000/api' }), null],
    ['without https', rule({ ...github, url: 'http://forge.example/api' }), 'url: http://forge.example/api is no'],
    ['with a login in the address', rule({ ...github, url: 'https://me:x@forge.example' }), 'url: '],
    ['of a host that begins like this machine', rule({ ...github, url: 'http://127.0.0.1.example/api' }), 'url: '],
    ['of a folder above', rule({ ...github, repository: 'shop/..' }), 'repository: shop/.. is no name'],
    ['Gitea, wherever that is', rule({ ...github, provider: 'Gitea' }), 'url is required for Gitea'],
    ['Bitbucket, by anybody', rule({ ...github, provider: 'Bitbucket' }), 'reviewers are required for Bitbucket'],
    ['Bitbucket, by somebody', rule({ ...github, provider: 'Bitbucket', reviewers: ['1:a'] }), null],
    ['by a group that a forge does not know', rule(github, { groups: ['sre'] }), 'reviewers are required where'],
    ['by a group, and by logins', rule({ ...github, reviewers: ['bob'] }, { groups: ['sre'] }), null],
    ['above, of nowhere', rule({ ...github, repository: 'a/b' }), 'secretRef.namespace is', 'ClusterReleasePolicy'],
    ['above, of a repository a tenant chose', rule(above), 'repository or reviewers are', 'ClusterReleasePolicy'],
    ['above, of one it names', rule({ ...above, repository: 'a/b' }), null, 'ClusterReleasePolicy'],
    ['above, by whom it names', rule({ ...above, reviewers: ['bob'] }), null, 'ClusterReleasePolicy'],
  ])('%s', (_what, spec, flaw, kind) => {
    const found = flawOf(spec, kind);
    const wanted = flaw === null ? null : `approvals[0].reviews: ${flaw}`;
    expect(found?.slice(0, wanted?.length) ?? null).toBe(wanted);
  });

  test('of a lockdown too', () => {
    const spec = { reason: 'r', by: 'olga', until: '2026-11-03T13:00:00Z', ...rule(above) };
    expect(lockdownFacts(object('Lockdown', spec)).flaw).toContain('approvals[0].reviews: repository or reviewers are');
  });
});

describe('what is signed is asked for', () => {
  const rule = (signed: JsonObject): JsonObject => ({ approvals: [{ name: 'peer', signed }] });
  const signersRef = { name: 'signers' };
  const above = { name: 'signers', namespace: 'plumb' };
  test.each<[string, JsonObject, string | null, string?]>([
    ['by tags', { signersRef, tags: 'approved/*' }, null],
    ['by a trailer', { signersRef, trailer: 'Approved-by' }, null],
    ['not by neither', { signersRef }, 'needs tags or trailer'],
    ['not by what is no trailer', { signersRef, trailer: 'Approved by' }, 'trailer'],
    ['not of nobody', { tags: '*' }, 'signersRef'],
    ['above, in no namespace', { signersRef, tags: '*' }, 'signersRef.namespace is required', 'ClusterReleasePolicy'],
    ['above, in a namespace', { signersRef: above, tags: '*' }, null, 'ClusterReleasePolicy'],
  ])('%s', (_what, signed, flaw, kind) => {
    const found = flawOf(rule(signed), kind);
    expect(found === null).toBe(flaw === null);
    expect(found ?? '').toContain(flaw ?? '');
  });

  test('by a lockdown too', () => {
    const spec = { reason: 'r', by: 'olga', until: '2026-11-03T13:00:00Z', ...rule({ signersRef, tags: '*' }) };
    expect(lockdownFacts(object('Lockdown', spec)).flaw).toBe('approvals[0].signed: signersRef.namespace is required');
  });
});

test('a policy of the cluster says where the objects it names are', () => {
  const named = (namespace: { namespace?: string }): JsonObject => ({
    images: {
      signatures: { keys: [{ secretRef: { name: 'a', ...namespace } }] },
      pullSecretRefs: [{ name: 'b', ...namespace }],
    },
  });
  expect(flawOf(named({}), 'ClusterReleasePolicy')).toBe(
    'images: each Secret and ConfigMap that is named needs its namespace',
  );
  expect(flawOf(named({ namespace: 'shop' }), 'ClusterReleasePolicy')).toBeNull();
  expect(flawOf(named({}))).toBeNull();
});
