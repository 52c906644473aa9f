import type { PolicySpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { lockdownKind, lockdownRulesOf, lockdownText, rulesOf, selectionText } from './rules.ts';

describe('a rule in words', () => {
  test.each<[string, PolicySpec, string]>([
    [
      'checks/small',
      { checks: [{ name: 'small', expression: 'object.spec.replicas < 10' }] },
      'each object: object.spec.replicas < 10',
    ],
    [
      'checks/few',
      { checks: [{ name: 'few', expression: 'true', over: 'Change', action: 'Warn', causes: ['routine'] }] },
      'the change: true, told only, for routine only',
    ],
    ['forbid/todo', { forbid: [{ name: 'todo', pattern: 'TODO' }] }, 'no object holds /TODO/'],
    ['images', { images: { registries: ['ghcr.io/a'], digests: true } }, 'only from ghcr.io/a, by digest'],
    [
      'limits',
      {
        limits: {
          defaults: 'Off',
          maxDeletes: 3,
          maxDeletePercent: 10,
          protected: [{ kind: 'Secret', namespace: 'shop', name: '*' }],
          approvers: { groups: ['sre'] },
        },
      },
      'takes the default limits away, at most 3 deletions, at most 10 percent deleted, no deletion of Secret/shop/*, more by an approval of group sre',
    ],
    [
      'external/ticket',
      {
        external: [
          { name: 'ticket', jira: { url: 'https://jira.example', statuses: ['Done'], statusCategories: ['new'] } },
        ],
      },
      'the issue of Jira at jira.example is Done or in category new',
    ],
    [
      'external/chg',
      { external: [{ name: 'chg', serviceNow: { url: 'https://now.example' }, causes: ['prune'] }] },
      'the change request of ServiceNow at now.example is approved, in state implement, and it is its time, for prune only',
    ],
    [
      'external/hook',
      {
        external: [
          {
            name: 'hook',
            webhook: { url: 'https://a.example/?t=x', method: 'POST', expression: 'response.body.ok == true' },
          },
        ],
      },
      'a.example answers so that response.body.ok == true',
    ],
    [
      'approvals/two',
      {
        approvals: [
          { name: 'two', count: 2, groups: ['sre'], notAuthor: true, when: 'change.counts.delete > 0', expiry: '24h' },
        ],
      },
      '2 approvals by group sre, none of them by an author, where change.counts.delete > 0, each good for 24h',
    ],
    ['approvals/one', { approvals: [{ name: 'one', count: 1 }] }, '1 approval by anybody'],
    [
      'approvals/one',
      { approvals: [{ name: 'one', count: 1, signed: { signersRef: { name: 's' }, tags: 'ok/*', trailer: 'Ok-by' } }] },
      '1 approval by anybody, or as many signed in Git by a tag ok/* or a trailer Ok-by of somebody in ConfigMap s',
    ],
    [
      'windows',
      {
        windows: [
          {
            type: 'Allow',
            timeZone: 'America/Los_Angeles',
            cron: '0 12 * * 2',
            duration: '6h',
            who: { users: ['eve'] },
            exceptDates: ['2026-12-29'],
          },
          { name: 'night', type: 'Deny', timeZone: 'UTC', cron: '0 22 * * *', duration: '4h', who: { users: ['eve'] } },
        ],
      },
      'Allow Tue 12:00–18:00 America/Los_Angeles, but not on 2026-12-29, only for user eve; Deny daily 22:00–02:00 UTC (night), but not for user eve',
    ],
  ])('%s', (name, spec, text) => {
    expect(rulesOf(spec)).toEqual([{ name, text }]);
  });
});

test('rules of images that ask registries are told one by one', () => {
  const signatures = { keyless: [{ issuer: 'https://a.example', subject: 'b' }], trustedRootRef: { name: 'r' } };
  const vulnerabilities = {
    maxAge: '72h',
    maxSeverity: 'High' as const,
    signedBy: { keys: [{ secretRef: { name: 'k' } }] },
  };
  expect(rulesOf({ images: { signatures, vulnerabilities, action: 'Warn' } })).toEqual([
    { name: 'images', text: 'told only' },
    { name: 'images/signatures', text: 'every image is signed by b of https://a.example, told only' },
    {
      name: 'images/vulnerabilities',
      text: 'every image has a vulnerability report by a key in Secret k, no older than 72h, with nothing above High, told only',
    },
  ]);
});

test.each([
  [undefined, 'all units'],
  [{ kinds: ['HelmRelease' as const], names: ['web-*', 'cart'] }, 'all HelmReleases named web-* or cart'],
  [
    { namespaces: ['shop'], labelSelector: 'app=cart', sources: [{ name: 'fleet' }], clusters: ['own'] },
    'all units in namespace shop with labels app=cart from source/fleet for cluster own',
  ],
  [
    { namespaceSelector: 'tier=prod', touches: { kinds: ['Secret'], namespaces: ['a'], deletes: true } },
    'all units in namespaces with labels tier=prod, changes that touch Secret, changes in namespace a, changes that delete something',
  ],
])('a selection in words: %s', (selection, text) => {
  expect(selectionText(selection)).toBe(text);
});

test('rules of a lockdown are those that let pass, or that it stops all', () => {
  const spec = { reason: 'r', by: 'olga', until: '' };
  expect(lockdownRulesOf(spec)).toEqual([{ name: 'freeze', text: 'all units' }]);
  const approvals = [{ name: 'one', count: 1 }];
  const checks = [{ name: 'c', expression: 'true', over: 'Change' as const }];
  expect(lockdownRulesOf({ ...spec, approvals, checks })).toEqual([
    { name: 'checks/c', text: 'the change: true' },
    { name: 'approvals/one', text: '1 approval by anybody' },
  ]);
});

test('a lockdown in words says what passes all the same', () => {
  const approvals = [{ name: 'one', count: 1, groups: ['sre'] }];
  expect(lockdownText({ reason: 'r', by: 'olga', until: '', approvals, causes: ['routine'] })).toBe(
    'all units, for routine only; passing only with 1 approval by group sre',
  );
  const checks = [{ name: 'c', expression: 'object.kind != "Secret"', causes: ['emergency' as const] }];
  expect(lockdownText({ reason: 'r', by: 'olga', until: '', checks })).toBe(
    'all units; passing only with c holding of each object: object.kind != "Secret", for emergency only',
  );
  expect([{}, { approvals }, { checks }, { approvals, checks }].map(lockdownKind)).toEqual([
    'freeze',
    'approvals',
    'checks',
    'approvals, checks',
  ]);
});
