import type { Change, ChangePlan, PlannedObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { paintFor } from './paint.ts';
import { planSummary, planText } from './plan-text.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');
const change = {
  metadata: { name: 'ks-apps-1', namespace: 'shop' },
  spec: { revision: 'main@sha1:1' },
  status: { plan: { at: '2026-11-27T11:58:00Z' } },
} as unknown as Change;

const planned = (
  outcome: PlannedObject['outcome'],
  name: string,
  more: Partial<PlannedObject> = {},
): PlannedObject => ({
  key: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name },
  action: 'change',
  path: '',
  outcome,
  message: '',
  object: null,
  oldObject: null,
  fields: [],
  ...more,
});
const planOf = (...objects: PlannedObject[]): ChangePlan => ({ objects }) as unknown as ChangePlan;

test('what is deleted is said first, and in red', () => {
  const plan = planOf(
    planned('deleted', 'a'),
    planned('changed', 'b', { fields: [{ path: 'data.x', before: '1', after: '2' }] }),
  );
  const text = planText(plan, change, NOW, paintFor({ isTTY: false }, {}));
  expect(text).toBe(
    [
      'Change shop/ks-apps-1, main@sha1:1: what it would do, as of 2026-11-27T11:58:00Z (2m ago)',
      'DELETES 1 object',
      '- ConfigMap/shop/a',
      '~ ConfigMap/shop/b',
      '    data.x',
      "      - '1'",
      "      + '2'",
      '',
    ].join('\n'),
  );
  expect(planText(plan, change, NOW, paintFor({ isTTY: true }, {}))).toContain('\u001b[31mDELETES 1 object\u001b[0m');
});

test('the summary says what there is, and what the plan does not have', () => {
  expect(planSummary(planOf(planned('unchanged', 'a')), 0)).toBe('nothing would change');
  expect(planSummary(planOf(planned('created', 'a'), planned('unread', 'b')), 1)).toBe(
    '1 created, 1 untried; the plan does not have all of 1 object',
  );
});
