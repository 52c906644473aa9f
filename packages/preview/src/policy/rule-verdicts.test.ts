import type { PolicySpec } from '@plumb/api';
import type { ChangeFacts, Findings, Requirement } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { NO_GAPS, ruleVerdicts, type Judged } from './rule-verdicts.ts';

const CHANGE: ChangeFacts = {
  unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: {} },
  namespaceLabels: {},
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'fleet', revision: '' },
  cause: 'routine',
  digest: '',
  authors: { authors: [], message: '', verified: false },
  objects: [],
  owned: 0,
};
const POLICY = 'ClusterReleasePolicy/rules';

interface Case extends Partial<Omit<Judged, 'found' | 'ruling'>> {
  spec?: PolicySpec;
  rule?: string;
  verdict?: Requirement['verdict'];
  found?: Record<string, Findings>;
}

function judged({ spec = {}, rule = 'checks/a', verdict = 'Met', found = {}, ...more }: Case): [string, string][] {
  const requirement = { policy: POLICY, generation: 1, rule, verdict, message: 'said', evidence: [] };
  const told = ruleVerdicts(rule === '' ? [] : [requirement], {
    change: CHANGE,
    ruling: [{ id: POLICY, spec, flaw: null }],
    found: (_policy, name) => found[name],
    contents: [],
    knowsSigned: true,
    gaps: NO_GAPS,
    ...more,
  });
  return told.map(({ outcome, message }) => [outcome, message]);
}

const check = (expression: string, over: 'Object' | 'Change' = 'Object'): PolicySpec => ({
  checks: [{ name: 'a', expression, over }],
});
const when = (expression: string): PolicySpec => ({ approvals: [{ name: 'two', count: 2, when: expression }] });
const TROUBLE = { trouble: 'no such key' };
const unlabelled = { change: { ...CHANGE, namespaceLabels: null } };
const nameless = { change: { ...CHANGE, authors: { unknown: 'nobody asked' } } };

describe('what came of a rule', () => {
  test.each<[string, Case, string]>([
    ['one that is met', {}, 'passes'],
    ['one that was overridden', { rule: 'approvals/two', verdict: 'Overridden' }, 'passes'],
    ['one that is broken', { verdict: 'Denied' }, 'denied'],
    ['one that only tells', { verdict: 'Warned' }, 'warned'],
    ['a check that failed', { verdict: 'Missing' }, 'failed'],
    ['an image rule that failed', { rule: 'images', verdict: 'Missing' }, 'failed'],
    ['a policy that cannot be judged by', { rule: 'spec', verdict: 'Missing' }, 'failed'],
    ['approvals', { rule: 'approvals/two', verdict: 'Missing' }, 'waits'],
    ['limits', { rule: 'limits/0', verdict: 'Missing' }, 'waits'],
    ['windows', { rule: 'windows', verdict: 'Missing' }, 'waits'],
    ['who may pass in a window', { rule: 'windows/who', verdict: 'Missing' }, 'waits'],
    [
      'approvals whose condition failed',
      { rule: 'approvals/two', verdict: 'Missing', found: { 'approvals/two/when': TROUBLE } },
      'failed',
    ],
    ['a rule that asks somebody else', { rule: 'external/tickets', verdict: 'Missing' }, 'unknown'],
  ])('%s', (_what, given, outcome) => {
    expect(judged(given).map(([found]) => found)).toEqual([outcome]);
  });

  test.each<[string, Case, string | null]>([
    [
      'a check that failed for want of labels',
      {
        ...unlabelled,
        spec: check("unit.namespaceLabels.env == 'prod'"),
        verdict: 'Missing',
        found: { 'checks/a': TROUBLE },
      },
      'the labels of namespace shop are not known',
    ],
    [
      'one that holds whatever they are',
      { ...unlabelled, spec: check("true || unit.namespaceLabels.env == 'x'") },
      null,
    ],
    [
      'one that holds perhaps only for want of them',
      { ...unlabelled, spec: check('!has(unit.namespaceLabels.env)') },
      'the labels of namespace shop are not known',
    ],
    [
      'one that asks for authors',
      { ...nameless, spec: check('source.authors.size() == 1'), verdict: 'Missing', found: { 'checks/a': TROUBLE } },
      'whose work it is cannot be told: nobody asked',
    ],
    [
      'one that asks whether the revision is signed',
      { knowsSigned: false, spec: check('source.verified'), verdict: 'Denied' },
      'whether the revision is signed as its source asks is not looked at',
    ],
    ['one that asks that where it is known', { spec: check('source.verified') }, null],
    [
      'one of a policy that is perhaps not about it',
      { ...unlabelled, spec: { select: { namespaceSelector: 'a=b' } }, verdict: 'Denied' },
      `whether ${POLICY} is about this unit depends on the labels of namespace shop, which nothing here declares; if it is: said`,
    ],
    [
      'approvals that are perhaps needed',
      { ...unlabelled, spec: when('has(unit.namespaceLabels.env)'), rule: '' },
      'the labels of namespace shop are not known',
    ],
    [
      'one that holds for all that is known',
      { gaps: { ...NO_GAPS, objects: '3 are missing' }, spec: check('true') },
      '3 are missing',
    ],
    [
      'one that is broken by what is known',
      { gaps: { ...NO_GAPS, objects: '3 are missing' }, verdict: 'Denied' },
      null,
    ],
    [
      'one over the whole change',
      { gaps: { ...NO_GAPS, objects: '3 are missing' }, spec: check('true', 'Change') },
      null,
    ],
    [
      'one over all of a list that is cut',
      { gaps: { ...NO_GAPS, list: 'it is cut' }, spec: check('true', 'Change') },
      'it is cut',
    ],
    [
      'one that asks what was before',
      { gaps: { ...NO_GAPS, before: 'it is lost' }, spec: check('oldObject == null') },
      'it is lost',
    ],
    ['one that does not', { gaps: { ...NO_GAPS, before: 'it is lost' }, spec: check('true') }, null],
  ])('is not judged, or is: %s', (_what, given, why) => {
    const [[outcome, message] = []] = judged(given);
    expect([outcome === 'unknown', message]).toEqual([why !== null, why ?? 'said']);
  });
});
