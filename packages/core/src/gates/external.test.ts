import type { ExternalRule } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import {
  askedExpression,
  externalTimes,
  questionOf,
  readAnswer,
  readsSource,
  readVerdict,
  refusedBy,
  systemOf,
  type ExternalAnswer,
} from './external.ts';
import { change, fate, NOW } from './testing/facts.ts';

const jira: ExternalRule = {
  name: 'ticket',
  jira: { url: 'https://jira.example/base/', statuses: ['Approved', 'Done'], statusCategories: ['indeterminate'] },
};
const serviceNow: ExternalRule = { name: 'chg', serviceNow: { url: 'https://now.example' } };
const webhook = (parts: Partial<NonNullable<ExternalRule['webhook']>> = {}): ExternalRule => ({
  name: 'hook',
  webhook: {
    url: 'https://hook.example/ask?token=abc',
    method: 'POST',
    expression: 'response.body.ok == true',
    ...parts,
  },
});

function says(body: unknown, status = 200, headers: Record<string, string> = {}): ExternalAnswer {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

const issue = (name: string, category = 'new', key = 'SHOP-1'): object => ({
  key,
  fields: { status: { name, statusCategory: { key: category } } },
});
const request = (parts: object = {}): object => ({
  number: 'CHG0030001',
  approval: 'approved',
  state: '-1',
  start_date: '2026-11-03 11:00:00',
  end_date: '2026-11-03 13:00:00',
  ...parts,
});

describe('what is asked', () => {
  test('of Jira is the status of an issue', () => {
    expect(askedExpression(jira)).toMatchObject({ isText: true });
    expect(questionOf(jira, change(), 'SHOP-1')).toEqual({
      question: {
        method: 'GET',
        url: 'https://jira.example/base/rest/api/2/issue/SHOP-1?fields=status',
        headers: { accept: 'application/json' },
      },
    });
  });

  test('of ServiceNow is one record of the table of change requests, with its times in UTC', () => {
    const asked = questionOf(serviceNow, change(), 'CHG0030001');
    const url = new URL('question' in asked ? asked.question.url : '');
    expect(url.href).toMatch(/^https:\/\/now\.example\/api\/now\/table\/change_request\?/);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      sysparm_query: 'number=CHG0030001',
      sysparm_fields: 'number,approval,state,start_date,end_date',
      sysparm_display_value: 'false',
      sysparm_limit: '2',
    });
  });

  test.each<[ExternalRule, string | null]>([
    [jira, null],
    [jira, ''],
    [jira, 'SHOP'],
    [jira, 'SHOP-1/../../myself'],
    [jira, 'SHOP-1?x'],
    [serviceNow, ''],
    [serviceNow, 'CHG1^ORapproval=approved'],
    [serviceNow, 'CHG 1'],
  ])('is nothing where the change names nothing that can be asked for: %#', (rule, key) => {
    expect(questionOf(rule, change(), key)).toEqual({
      waits: expect.stringMatching(
        /^(an issue of Jira|a change request of ServiceNow) to be named by the change/,
      ) as string,
    });
  });

  test('of a webhook is, by default, a document of the change', () => {
    const asked = questionOf(
      webhook({ headers: { 'X-Team': 'shop' } }),
      change({ objects: [fate('ConfigMap', 'a')] }),
      null,
    );
    expect(asked).toMatchObject({
      question: {
        method: 'POST',
        url: 'https://hook.example/ask?token=abc',
        headers: { 'content-type': 'application/json', 'x-team': 'shop' },
      },
    });
    expect(JSON.parse('question' in asked ? (asked.question.body ?? '') : '')).toEqual({
      unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps' },
      cluster: 'own',
      cause: 'routine',
      source: { kind: 'GitRepository', namespace: 'shop', name: 'repo', revision: 'main@sha1:1' },
      digest: 'sha256:aaaa',
      counts: { create: 0, change: 1, delete: 0 },
      authors: [{ name: 'Alice Liddell', email: 'alice@example.com' }],
    });
  });

  test('does not claim that nobody is the author where nobody knows', () => {
    const asked = questionOf(webhook(), change({ authors: { unknown: 'no history' } }), null);
    expect(JSON.parse('question' in asked ? (asked.question.body ?? '') : '')).not.toHaveProperty('authors');
  });

  test('of a webhook is what its expression gives: a text as it is, anything else as JSON', () => {
    const rule = webhook({ body: 'x', headers: { 'Content-Type': 'text/csv' } });
    expect(questionOf(rule, change(), '"a,b"')).toMatchObject({
      question: { body: 'a,b', headers: { 'content-type': 'text/csv' } },
    });
    expect(questionOf(webhook({ body: 'x' }), change(), '{"a":1}')).toMatchObject({
      question: { body: '{"a":1}', headers: { 'content-type': 'application/json' } },
    });
    const none = questionOf(webhook({ method: 'GET' }), change(), null);
    expect('question' in none ? none.question : {}).not.toHaveProperty('body');
  });

  test.each<[string, ExternalRule, boolean]>([
    ['an issue that the message names', jira, true],
    ['an issue that a label names', { ...jira, jira: { url: '', issue: 'string(unit.labels.ticket)' } }, false],
    ['a change request that the message names', serviceNow, true],
    ['the document of a change', webhook(), true],
    ['nothing', webhook({ method: 'GET' }), false],
    ['a body of its own', webhook({ body: 'change.digest' }), false],
    ['an expression over the answer', webhook({ method: 'GET', expression: 'response.body == source.message' }), true],
  ])('depends on whose work a change is: %s', (_what, rule, reads) => {
    expect(readsSource(rule)).toBe(reads);
  });

  test('is told without what may be secret in an address', () => {
    expect([jira, serviceNow, webhook()].map(systemOf)).toEqual([
      'Jira at jira.example',
      'ServiceNow at now.example',
      'hook.example',
    ]);
  });

  test('has times of its own, or the usual ones', () => {
    expect(externalTimes(jira)).toEqual({ timeout: 10_000, retryInterval: 30_000, cache: 60_000 });
    expect(externalTimes({ ...jira, timeout: '1s', retryInterval: '2s', cache: '1m30s' })).toEqual({
      timeout: 1_000,
      retryInterval: 2_000,
      cache: 90_000,
    });
  });
});

describe('an answer of Jira', () => {
  const read = (answer: ExternalAnswer) => readAnswer(jira, { key: 'SHOP-1', at: NOW, answer });

  test.each<[string, object]>([
    ['a status that was asked for', issue('Approved')],
    ['it in another spelling', issue('APPROVED')],
    ['a category that was asked for', issue('In Review', 'indeterminate')],
  ])('lets pass: %s', (_what, body) => {
    const status = (body as { fields: { status: { name: string } } }).fields.status.name;
    expect(read(says(body))).toEqual({
      broken: [],
      evidence: [`issue SHOP-1 of Jira at jira.example is ${status}, as told 2026-11-03T12:00:00Z`],
    });
  });

  test('about an issue that was moved is one about the issue', () => {
    expect(read(says(issue('Done', 'done', 'OPS-7')))).toMatchObject({
      evidence: ['issue SHOP-1 (now OPS-7) of Jira at jira.example is Done, as told 2026-11-03T12:00:00Z'],
    });
  });

  test.each<[string, ExternalAnswer, string]>([
    [
      'another status',
      says(issue('To Do')),
      'issue SHOP-1 of Jira at jira.example to be Approved or Done or in category indeterminate (it is To Do)',
    ],
    [
      'a category that was not asked for, by a name that was',
      says(issue('indeterminate', 'done')),
      'issue SHOP-1 of Jira at jira.example to be Approved or Done or in category indeterminate (it is indeterminate)',
    ],
    ['none', says({}, 404), 'issue SHOP-1, which Jira at jira.example does not have or does not show'],
  ])('waits: %s', (_what, answer, waits) => {
    expect(read(answer)).toEqual({ waits });
  });

  test.each<[string, ExternalAnswer, string]>([
    ['an error', says('down', 500), 'HTTP 500'],
    ['an error with a right answer in it', says(issue('Approved'), 503), 'HTTP 503'],
    ['a refusal', says({}, 401), 'HTTP 401: what is in secretRef does not let it in'],
    [
      'a page to log in',
      says('', 302, { location: 'https://login.example/?from=jira' }),
      'HTTP 302: it leads to login.example, which is not followed',
    ],
    ['no JSON', says('<html>Approved</html>'), 'it tells of no issue with a status'],
    ['an issue without status', says({ key: 'SHOP-1', fields: {} }), 'it tells of no issue with a status'],
    ['an issue without key', says({ fields: { status: { name: 'Approved' } } }), 'it tells of no issue with a status'],
    ['a list', says([issue('Approved')]), 'it tells of no issue with a status'],
    [
      'a status that is no text',
      says({ key: 'SHOP-1', fields: { status: { name: ['Approved'] } } }),
      'it tells of no issue with a status',
    ],
  ])('says nothing: %s', (_what, answer, trouble) => {
    expect(read(answer)).toEqual({ trouble });
  });

  test('is told on one line, and not at any length', () => {
    const found = read(says(issue(`To\nDo ${'x'.repeat(5_000)}`)));
    expect('waits' in found && found.waits.length < 500 && !found.waits.includes('\n')).toBe(true);
  });
});

describe('an answer of ServiceNow', () => {
  const read = (answer: ExternalAnswer, rule = serviceNow) => readAnswer(rule, { key: 'CHG0030001', at: NOW, answer });
  const what = 'change request CHG0030001 of ServiceNow at now.example';

  test('lets pass from start to end where it is approved and to be carried out', () => {
    expect(read(says({ result: [request()] }))).toEqual({
      broken: [],
      evidence: [`${what} is approved, and in state implement, as told 2026-11-03T12:00:00Z`],
      during: { from: Date.parse('2026-11-03T11:00:00Z'), to: Date.parse('2026-11-03T13:00:00Z'), of: what },
    });
  });

  test('lets pass in the states that a rule names, by name or by value', () => {
    const rule = { ...serviceNow, serviceNow: { url: 'https://now.example', states: ['scheduled', '42'] } };
    for (const state of ['-2', '42'])
      expect(read(says({ result: [request({ state })] }), rule)).toMatchObject({ broken: [] });
    expect(read(says({ result: [request()] }), rule)).toEqual({
      waits: `${what} to be in state scheduled or 42 (it is in implement)`,
    });
  });

  test.each<[string, object, string]>([
    ['nobody approved it', { approval: 'requested' }, `${what} to be approved (it is requested)`],
    ['it was refused', { approval: 'rejected' }, `${what} to be approved (it is rejected)`],
    ['it is done with', { state: '3' }, `${what} to be in state implement (it is in closed)`],
    ['it is in a state of their own', { state: '77' }, `${what} to be in state implement (it is in 77)`],
    ['it has no start', { start_date: '' }, `${what} to have a start and an end`],
    ['it has no end', { end_date: '' }, `${what} to have a start and an end`],
    ['its times are as people read them', { start_date: '03/11/2026 11:00' }, `${what} to have a start and an end`],
    ['its times are on no calendar', { end_date: '2026-13-03 13:00:00' }, `${what} to have a start and an end`],
  ])('waits: %s', (_why, parts, waits) => {
    expect(read(says({ result: [request(parts)] }))).toEqual({ waits });
  });

  test('waits where there is none', () => {
    expect(read(says({ result: [] }))).toEqual({ waits: `${what}, which is not there or is not shown` });
  });

  test.each<[string, ExternalAnswer, string]>([
    ['an error', says({ result: [request()] }, 500), 'HTTP 500'],
    ['another one', says({ result: [request({ number: 'CHG0030002' })] }), 'it tells of another change request'],
    ['several', says({ result: [request(), request()] }), 'it tells of another change request'],
    ['one that is no list', says({ result: request() }), 'it tells of no change request'],
    ['no JSON', says('approved'), 'it tells of no change request'],
    [
      'values as people see them',
      says({ result: [request({ approval: { value: 'approved' } })] }),
      'it tells of a change request without approval or state',
    ],
  ])('says nothing: %s', (_what, answer, trouble) => {
    expect(read(answer)).toEqual({ trouble });
  });
});

describe('an answer to a webhook', () => {
  const verdict = (holds: boolean, message = '') => readVerdict(webhook(), { holds, message, at: NOW, status: 200 });

  test('lets pass by its expression', () => {
    expect(verdict(true, 'ignored')).toEqual({
      broken: [],
      evidence: ['hook.example says yes (HTTP 200), as told 2026-11-03T12:00:00Z'],
    });
  });

  test('that does not is told in the words of the rule', () => {
    expect(verdict(false, 'budget is spent')).toEqual({ waits: 'hook.example to say yes: budget is spent' });
    expect(verdict(false)).toEqual({
      waits: 'hook.example to say yes: its answer (HTTP 200) is not as response.body.ok == true',
    });
  });

  test.each([100, 199, 300, 304, 400, 404, 429, 500])('with status %d says nothing', (status) => {
    expect(refusedBy(says({ ok: true }, status))).toContain(`HTTP ${status}`);
  });

  test('with a status of success may', () => {
    for (const status of [200, 202, 299]) expect(refusedBy(says('', status))).toBeNull();
  });
});
