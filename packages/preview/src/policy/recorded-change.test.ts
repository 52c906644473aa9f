import type { ChangePlan, KubeObject, PlannedObject } from '@plumb/api';
import { keyId, keyOf, printJson } from '@plumb/api';
import { judgeRecorded, type GateInput, type PolicyFacts } from '@plumb/core';
import { createEngine } from '@plumb/engine';
import fc from 'fast-check';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { judgeKnown, type KnownChange, type UnitVerdict } from './judge-units.ts';
import { readRecorded, replayRecorded } from './recorded-change.ts';
import { NO_GAPS } from './rule-verdicts.ts';
import { clusterPolicy, configMap } from './testing/bench.ts';

const engine = createEngine({ path: fileURLToPath(new URL('../../../../build/engine', import.meta.url)), slots: 1 });
afterAll(() => engine.close());

const SEVERAL: PolicyFacts[] = [
  clusterPolicy({
    checks: [
      { name: 'size', expression: 'int(object.data.size) < 5', messageExpression: "'has ' + object.data.size" },
      { name: 'grows', expression: 'oldObject == null || int(object.data.size) <= int(oldObject.data.size)' },
      { name: 'few', over: 'Change', expression: 'change.counts.create < 2 && change.objects.size() < 4' },
      { name: 'ours', over: 'Change', expression: "source.authors.all(a, a.email.endsWith('@example.test'))" },
      { name: 'prod', over: 'Change', expression: "unit.namespaceLabels.env == 'prod'", action: 'Warn' },
    ],
    forbid: [{ name: 'words', pattern: 'secret' }],
    approvals: [{ name: 'one', count: 1, when: 'change.counts.delete > 0' }],
    limits: { maxDeletes: 1 },
  }),
];

const circumstances = {
  policies: SEVERAL,
  lockdowns: [],
  objects: [],
  approvedBy: [],
  now: Date.parse('2026-11-03T12:00:00Z'),
  engine,
  signal: new AbortController().signal,
};

const facts: ChangePlan['change'] = {
  unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: {} },
  namespaceLabels: { env: 'prod' },
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'fleet', revision: 'main@sha1:1' },
  cause: 'routine',
  digest: 'sha256:1',
  authors: { authors: [{ name: 'Ada', email: 'ada@example.test' }], message: 'Change', verified: false },
  owned: 4,
};

function entry(
  action: PlannedObject['action'],
  object: KubeObject | null,
  oldObject: KubeObject | null,
): PlannedObject {
  const key = keyOf(object ?? oldObject ?? configMap('none', {}));
  return { key, action, path: 'a.yaml', outcome: 'untried', message: '', object, oldObject, fields: [] };
}

function planOf(objects: PlannedObject[], over: Partial<ChangePlan> = {}): ChangePlan {
  return { apiVersion: 'plumb.dev/v1', kind: 'ChangePlan', change: facts, objects, unlisted: 0, ...over };
}

const read = (plan: object): KnownChange => readRecorded('plan.json', printJson(plan as never));
const rulesOf = ({ rules }: UnitVerdict): Record<string, string> =>
  Object.fromEntries(rules.map(({ rule, outcome }) => [rule, outcome]));

const object = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  size: fc.constantFrom('1', '4', '7', 'many', 'secret'),
  old: fc.constantFrom('1', '4', '7', null),
  action: fc.constantFrom('create', 'change', 'delete'),
});
const authors = fc.constantFrom<ChangePlan['change']['authors']>(
  facts.authors,
  { authors: [{ name: 'Eve', email: 'eve@example.com' }], message: '', verified: true },
  { unknown: 'nobody asked' },
);
const labels = fc.constantFrom<ChangePlan['change']['namespaceLabels']>({ env: 'prod' }, { env: 'test' }, {}, null);

describe('a recorded change', () => {
  test('is judged as it was, whatever it is: its record is all that a verdict is made from', async () => {
    const objects = fc.uniqueArray(object, { maxLength: 5, selector: ({ name }) => name });
    await fc.assert(
      fc.asyncProperty(objects, authors, labels, async (some, by, namespaceLabels) => {
        const bodies = some.map(({ name, size, old, action }) => ({
          action,
          object: action === 'delete' ? null : configMap(name, { size }),
          old: action === 'create' ? null : configMap(name, { size: old ?? '1' }),
        }));
        const change = { ...facts, authors: by, namespaceLabels };
        const entries = bodies.map((one) => entry(one.action, one.object, one.old));
        const direct: KnownChange = {
          facts: { ...change, objects: entries.map(({ key, action }) => ({ key, action })) },
          contents: entries.flatMap(({ key, object: body }) => (body === null ? [] : [{ key, body, path: 'a.yaml' }])),
          before: new Map(
            entries.flatMap(({ key, oldObject }) => (oldObject === null ? [] : [[keyId(key), oldObject]])),
          ),
          knowsSigned: true,
          gaps: NO_GAPS,
          hide: (text) => text,
          notes: [],
        };
        const verdict = await judgeKnown(direct, circumstances);
        const plan = planOf(entries, { change });
        expect(await judgeKnown(read(plan), circumstances)).toEqual(verdict);
        expect(await judgeKnown(read(plan), circumstances)).toEqual(verdict);
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  test('says what is masked in it', async () => {
    const secret = { ...configMap('db', { password: '***' }), kind: 'Secret' };
    const { notes } = await judgeKnown(read(planOf([entry('create', secret, null)])), circumstances);
    expect(notes).toEqual([
      'secret values are masked in its record: rules that read Secret/shop/db are judged with the masks',
    ]);
  });

  test('has no verdict on what is not in it', async () => {
    const [small, big] = [configMap('a', { size: '1' }), configMap('b', { size: '9' })];
    const bare = { ...entry('create', small, null), object: null };
    expect(rulesOf(await judgeKnown(read(planOf([bare])), circumstances))).toMatchObject({
      'checks/size': 'unknown',
      'forbid/words': 'unknown',
      'checks/few': 'passes',
    });
    const unread = entry('change', small, null);
    expect(rulesOf(await judgeKnown(read(planOf([unread])), circumstances))).toMatchObject({
      'checks/size': 'passes',
      'checks/grows': 'unknown',
    });
    const cut = planOf([entry('create', big, null)], { unlisted: 7 });
    const verdict = await judgeKnown(read(cut), circumstances);
    expect(rulesOf(verdict)).toMatchObject({
      'checks/size': 'denied',
      'checks/few': 'unknown',
      'forbid/words': 'unknown',
    });
    expect(verdict.notes).toEqual(['7 of its objects are not listed in its record: limits are judged without them']);
  });

  describe('by what was recorded with it alone', () => {
    const asked: Pick<GateInput, 'findings' | 'identities' | 'endorsements'> = {
      findings: (_policy, rule) => {
        const large = [`ConfigMap/shop/a: has 9`];
        return rule === 'checks/size' ? { broken: large } : { broken: [] };
      },
      identities: () => null,
      endorsements: () => undefined,
    };
    const said = { approvals: [], distrust: null, earlier: [], clockTrouble: null };
    const entries = [entry('create', configMap('a', { size: '9' }), null)];
    const change = { ...facts, objects: entries.map(({ key, action }) => ({ key, action })) };
    const { now } = circumstances;
    const input = { change, policies: SEVERAL, lockdowns: [], ...said, ...asked, now };
    const judged = judgeRecorded(input).record as unknown as NonNullable<ChangePlan['judged']>;
    const again = (more: Partial<ChangePlan>): UnitVerdict =>
      replayRecorded('plan.json', printJson(planOf(entries, more) as never));

    test('is told as it was told, and when that was', () => {
      const verdict = again({ judged });
      expect(verdict).toMatchObject({ state: 'rejected', policies: ['ClusterReleasePolicy/rules'] });
      expect(verdict.rules[0]).toEqual({
        policy: 'ClusterReleasePolicy/rules',
        rule: 'checks/size',
        outcome: 'denied',
        message: 'ConfigMap/shop/a: has 9',
        places: [{ path: 'a.yaml', message: 'ConfigMap/shop/a: has 9' }],
      });
      expect(verdict.notes).toEqual([
        'this is what the cluster found at 2026-11-03T12:00:00Z, from what it recorded then: nothing that came later counts',
      ]);
      expect(again({ judged, unlisted: 7 }).notes[1]).toContain('7 of its objects are not listed');
    });

    test.each([
      ['an older plan', {}, 'plan.json does not say what it was judged by: it has no record of that; name policies'],
      [
        'one without room for it',
        { unjudged: 'it is large' },
        'plan.json does not say what it was judged by: it is large; name',
      ],
      [
        'one that was spoilt',
        { judged: { ...judged, policies: [null] } },
        'what plan.json was judged by cannot be judged by again: ',
      ],
    ])('is not made up for %s', (_what, more, message) => {
      expect(() => again(more)).toThrow(message);
    });
  });

  test.each([
    ['no JSON', '{', /^plan.json is no JSON: /],
    ['something else', '{"kind":"Change"}', /^plan.json is no ChangePlan of plumb.dev\/v1: /],
  ])('is refused where it is %s', (_what, text, message) => {
    expect(() => readRecorded('plan.json', text)).toThrow(message);
  });
});
