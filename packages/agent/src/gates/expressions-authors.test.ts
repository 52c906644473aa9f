import { join } from 'node:path';
import type { PolicyCheck } from '@plumb/api';
import type { Authorship, ChangeFacts, Findings, PolicyFacts } from '@plumb/core';
import { createEngine, type Engine } from '@plumb/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evaluateExpressions } from './expressions.ts';

const ENGINE = join(import.meta.dirname, '../../../../build/engine');
const KNOWN: Authorship = {
  authors: [{ name: 'Alice', email: 'alice@example.test' }],
  message: 'Raise the limit\n\nTicket: SHOP-12',
  verified: true,
  signer: 'SHA256:abc',
};

let engine: Engine;
beforeAll(() => {
  engine = createEngine({ path: ENGINE, slots: 1 });
});
afterAll(() => engine.close());

async function findings(
  expression: string,
  authors: Authorship,
  namespaceLabels: ChangeFacts['namespaceLabels'] = {},
): Promise<Findings | undefined> {
  const check: PolicyCheck = { name: 'c', expression, over: 'Change', action: 'Deny' };
  const policy: PolicyFacts = {
    kind: 'ReleasePolicy',
    namespace: 'shop',
    name: 'p',
    generation: 1,
    spec: { checks: [check] },
    flaw: null,
  };
  const change: ChangeFacts = {
    unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: {} },
    namespaceLabels,
    cluster: 'own',
    source: { kind: 'GitRepository', namespace: 'shop', name: 'shop', revision: 'main@sha1:1' },
    cause: 'routine',
    digest: 'd',
    authors,
    objects: [],
    owned: 0,
  };
  const { signal } = new AbortController();
  const contents = () => Promise.resolve([]);
  const live = () => Promise.resolve(null);
  const found = await evaluateExpressions({
    policies: [policy],
    lockdowns: [],
    change,
    contents,
    live,
    engine,
    signal,
  });
  return [...found.values()][0];
}

test.each([
  'source.authors.all(one, one.email.endsWith("@example.test"))',
  'source.authors[0].name == "Alice"',
  'source.message.matches("SHOP-[0-9]+")',
  'source.verified == true',
  'source.signer == "SHA256:abc"',
])('an expression knows whose work it is: %s', async (expression) => {
  expect(await findings(expression, KNOWN)).toEqual({ broken: [] });
});

test.each([
  'source.authors.all(one, one.email.endsWith("@example.test"))',
  'source.authors.size() == 0',
  '!source.message.contains("force")',
  '!source.verified',
  'source.signer == ""',
])('what is not known makes no expression true, and it is told why: %s', async (expression) => {
  expect(await findings(expression, { unknown: 'the remote is away' })).toEqual({
    trouble: 'nobody knows whose work it is: the remote is away',
  });
});

test('what does not ask for it is evaluated all the same', async () => {
  const expression = 'source.kind == "GitRepository"';
  expect(await findings(expression, { unknown: 'the remote is away' })).toEqual({ broken: [] });
});

test.each([
  '!has(unit.namespaceLabels.env)',
  'unit.namespaceLabels.size() == 0',
  '!("env" in unit.namespaceLabels)',
  'unit.namespaceLabels.all(name, name != "env")',
])('nor do labels of the namespace that are not known: %s', async (expression) => {
  expect(await findings(expression, KNOWN)).toEqual({ broken: [] });
  expect(await findings(expression, KNOWN, null)).toEqual({ trouble: 'the labels of the namespace are not known' });
});
