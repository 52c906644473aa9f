import type { ExternalRule, KubeObject, UnitRef } from '@plumb/api';
import { policyId, type ChangeFacts, type Findings, type PolicyFacts } from '@plumb/core';
import type { CelEvalRequest, CelExpression, CelResult, Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { FakeClock, selfSigned } from '@plumb/testkit';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findingKey } from '../content.ts';
import { ExternalAnswers } from './external.ts';
import { json, System, type Answer } from './testing/system.ts';

const DONE = json({ key: 'SHOP-1', fields: { status: { name: 'Done' } } });
const TO_DO = json({ key: 'SHOP-1', fields: { status: { name: 'To Do' } } });

/** Gives of each expression what a test says. */
class FakeEngine implements Pick<Engine, 'celEval'> {
  gives: (expression: string, input: { response?: { status: number; headers: object; body: unknown } }) => unknown =
    () => 'SHOP-1';

  celEval<E extends CelExpression = string>({ expressions, inputs }: CelEvalRequest<E>): Promise<CelResult<E>[]> {
    const results = inputs.map(({ expression: at, json: text }) => {
      const given = expressions[at];
      const expression = typeof given === 'object' ? given.expression : String(given);
      const value = this.gives(expression, JSON.parse(text) as { response?: never });
      if (value instanceof Error) return { error: value.message };
      if (typeof given === 'object' && 'json' in given) return { text: JSON.stringify(value) };
      return typeof value === 'string' ? { text: value } : { value };
    });
    return Promise.resolve(results as CelResult<E>[]);
  }
}

const change = (name = 'apps', parts: Partial<ChangeFacts> = {}): ChangeFacts => ({
  unit: { kind: 'Kustomization', namespace: 'shop', name, labels: {} },
  namespaceLabels: null,
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'repo', revision: 'main@sha1:1' },
  cause: 'routine',
  digest: `sha256:${name}`,
  authors: { authors: [], message: 'SHOP-1: more', verified: false },
  objects: [],
  owned: 0,
  ...parts,
});

const policy = (rule: ExternalRule, parts: Partial<PolicyFacts> = {}): PolicyFacts => ({
  kind: 'ClusterReleasePolicy',
  namespace: '',
  name: 'p',
  generation: 1,
  spec: { external: [rule] },
  flaw: null,
  ...parts,
});

let system: System;
let clock: FakeClock;
let engine: FakeEngine;
let secrets: Map<string, Record<string, string>>;
let woken: UnitRef[];
let end: AbortController;
let answers: ExternalAnswers;
/** Resolves with the next unit that is woken. */
let wake: PromiseWithResolvers<UnitRef>;

beforeEach(async () => {
  system = await new System().start();
  system.answer = DONE;
  clock = new FakeClock();
  engine = new FakeEngine();
  secrets = new Map();
  woken = [];
  end = new AbortController();
  wake = Promise.withResolvers();
  const cluster = {
    get: ({ kind, namespace, name }: { kind: string; namespace: string; name: string }): Promise<KubeObject | null> => {
      const found = kind === 'Secret' ? secrets.get(`${namespace}/${name}`) : undefined;
      if (found === undefined) return Promise.resolve(null);
      const data = Object.fromEntries(
        Object.entries(found).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
      );
      return Promise.resolve({ apiVersion: 'v1', kind, metadata: { namespace, name }, data });
    },
  } as unknown as Cluster;
  const onChange = (unit: UnitRef): void => {
    woken.push(unit);
    wake.resolve(unit);
  };
  answers = new ExternalAnswers({ cluster, engine, clock, onChange, signal: end.signal });
});

afterEach(async () => {
  end.abort();
  await system[Symbol.asyncDispose]();
  await answers.done();
});

async function read(
  policies: PolicyFacts[],
  facts = change(),
  isEmergency = false,
): Promise<{ found: Findings | undefined; again: number | null }> {
  const { kind, namespace, name } = facts.unit;
  const unit = { kind, namespace, name };
  const told = await answers.read(policies, facts, { unit, isEmergency, signal: end.signal });
  const [first] = policies;
  const rule = first?.spec.external?.[0];
  const id = first === undefined || rule === undefined ? '' : findingKey(policyId(first), `external/${rule.name}`);
  return { found: told.found.get(id), again: told.again };
}

const jira = (parts: Partial<NonNullable<ExternalRule['jira']>> = {}): ExternalRule => ({
  name: 'ticket',
  jira: { url: system.url, statuses: ['Done'], ...parts },
});
const webhook = (parts: Partial<NonNullable<ExternalRule['webhook']>> = {}): ExternalRule => ({
  name: 'hook',
  webhook: { url: `${system.url}/ask`, method: 'POST', expression: 'yes', ...parts },
});
const isYes = (found: Findings | undefined): boolean =>
  found !== undefined && 'broken' in found && found.broken.length === 0;
const troubleOf = (found: Findings | undefined): string =>
  found !== undefined && 'trouble' in found ? found.trouble : `no trouble: ${JSON.stringify(found)}`;

describe('a question', () => {
  test.each<[string, Record<string, string>, string]>([
    ['by name and password', { username: 'ann', password: 'secret' }, `Basic ${btoa('ann:secret')}`],
    ['by address and token', { username: 'ann@example.com', token: 'tok\n' }, `Basic ${btoa('ann@example.com:tok')}`],
    ['by token', { token: 'tok' }, 'Bearer tok'],
  ])('is asked as somebody: %s', async (_how, secret, authorization) => {
    secrets.set('ops/jira', secret);
    const { found } = await read([policy(jira({ secretRef: { name: 'jira', namespace: 'ops' } }))]);
    expect(isYes(found)).toBe(true);
    expect(system.seen).toMatchObject([
      { method: 'GET', path: '/rest/api/2/issue/SHOP-1?fields=status', headers: { authorization } },
    ]);
  });

  test.each<[string, Record<string, string> | null, string]>([
    ['is not there', null, 'there is no Secret ops/jira'],
    ['is empty', {}, 'Secret jira has neither password nor token'],
    ['names nobody', { password: 'secret' }, 'Secret jira has a password without username'],
    [
      'cannot be sent',
      { token: 'two\nlines' },
      'of Secret jira the header authorization has a value that cannot be sent',
    ],
  ])('is not asked where its Secret %s', async (_why, secret, trouble) => {
    if (secret !== null) secrets.set('ops/jira', secret);
    const { found } = await read([policy(jira({ secretRef: { name: 'jira', namespace: 'ops' } }))]);
    expect(found).toEqual({ trouble });
    expect(system.seen).toEqual([]);
  });

  test('of a ReleasePolicy is asked with a Secret of its own namespace only', async () => {
    secrets.set('shop/jira', { token: 'tok' });
    const tenants = policy(jira({ url: 'http://127.0.0.1:1', secretRef: { name: 'jira', namespace: 'ops' } }), {
      kind: 'ReleasePolicy',
      namespace: 'shop',
    });
    // It gets as far as the address.
    expect(troubleOf((await read([tenants])).found)).toContain('is none that a ReleasePolicy may ask');
    secrets.clear();
    secrets.set('ops/jira', { token: 'tok' });
    await clock.advance(30_000);
    expect((await read([tenants])).found).toEqual({ trouble: 'there is no Secret shop/jira' });
  });

  test('of a webhook has the headers of a Secret, and what its expression gives', async () => {
    secrets.set('ops/hook', { 'X-Api-Key': 'key', Authorization: 'Bearer tok' });
    engine.gives = (expression) => (expression === 'body' ? { ask: 'may it?' } : true);
    const rule = webhook({
      body: 'body',
      secretRef: { name: 'hook', namespace: 'ops' },
      headers: { 'X-Team': 'shop' },
    });
    expect(isYes((await read([policy(rule)])).found)).toBe(true);
    expect(system.seen).toMatchObject([
      {
        method: 'POST',
        path: '/ask',
        headers: {
          'x-api-key': 'key',
          authorization: 'Bearer tok',
          'x-team': 'shop',
          'content-type': 'application/json',
        },
        body: '{"ask":"may it?"}',
      },
    ]);
  });

  test('that nobody can ask yet says what is missing', async () => {
    engine.gives = () => '';
    expect((await read([policy(jira())])).found).toEqual({ waits: 'an issue of Jira to be named by the change' });
    engine.gives = () => new Error('no such key: message');
    const facts = change('apps', { authors: { unknown: 'no history' } });
    expect((await read([policy(jira())], facts)).found).toEqual({
      trouble: 'nobody knows whose work it is: no history',
    });
    expect(system.seen).toEqual([]);
  });

  test('about emergencies alone is asked in one only', async () => {
    const rule = jira();
    const own = policy({ ...rule, causes: ['emergency'] });
    expect((await read([own])).found).toBeUndefined();
    expect(system.seen).toEqual([]);
    expect(isYes((await read([own], change(), true)).found)).toBe(true);
  });

  test('is asked once for all who have it', async () => {
    const all = Array.from({ length: 200 }, (_one, index) => read([policy(jira())], change(`unit-${index}`)));
    expect((await Promise.all(all)).every(({ found }) => isYes(found))).toBe(true);
    expect(system.seen).toHaveLength(1);
  });

  test('is another one for every change that its expression reads', async () => {
    engine.gives = (_expression, { response }) => response?.status === 200;
    const readings = webhook({ method: 'GET', expression: 'response.body.unit == unit.name' });
    await read([policy(readings)], change('a'));
    await read([policy(readings)], change('b'));
    expect(system.seen).toHaveLength(2);
    await read([policy(webhook({ method: 'GET' }))], change('a'));
    await read([policy(webhook({ method: 'GET' }))], change('b'));
    expect(system.seen).toHaveLength(3);
  });

  test('waits where many of its policy are on their way', async () => {
    let open = 0;
    let most = 0;
    const held: (() => void)[] = [];
    const eight = Promise.withResolvers<void>();
    system.answer = (response, seen) => {
      open += 1;
      most = Math.max(most, open);
      held.push(() => {
        open -= 1;
        json({})(response, seen);
      });
      if (held.length === 8) eight.resolve();
      if (held.length > 8) held.at(-1)?.();
    };
    engine.gives = () => true;
    const all = Array.from({ length: 20 }, (_one, index) => read([policy(webhook())], change(`unit-${index}`)));
    await eight.promise;
    for (const go of held.slice(0, 8)) go();
    expect((await Promise.all(all)).every(({ found }) => isYes(found))).toBe(true);
    expect([most, system.seen.length]).toEqual([8, 20]);
  });
});

describe('an answer that is none holds until there is a right one', () => {
  const redirect = (to: string): Answer => json({}, 302, { location: to });

  test.each<[string, Answer, string]>([
    ['an error', json({ key: 'SHOP-1', fields: { status: { name: 'Done' } } }, 500), 'HTTP 500'],
    ['no JSON', (response) => void response.end('<html>'), 'it tells of no issue with a status'],
    ['another JSON', json([1, 2]), 'it tells of no issue with a status'],
    ['a redirect', redirect('/elsewhere'), 'HTTP 302: it leads elsewhere, which is not followed'],
    [
      'a redirect to another host',
      redirect('http://127.0.0.2:1/'),
      'HTTP 302: it leads to 127.0.0.2:1, which is not followed',
    ],
    [
      'more than anybody needs',
      (response) => void response.end(`"${'x'.repeat(2 * 1024 * 1024)}"`),
      'the answer is too long',
    ],
    ['a broken line', (response) => void response.socket?.destroy(), 'socket hang up'],
    [
      'half an answer',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"key"', () => response.socket?.destroy());
      },
      'aborted',
    ],
  ])('%s', async (_what, answer, trouble) => {
    system.answer = answer;
    const rule = { ...jira(), retryInterval: '10s' };
    expect(await read([policy(rule)])).toEqual({ found: { trouble }, again: 10_000 });
    // Before its time nobody asks again, whatever wakes the unit.
    system.answer = DONE;
    await clock.advance(9_999);
    expect(await read([policy(rule)])).toEqual({ found: { trouble }, again: 1 });
    expect(system.seen).toHaveLength(1);
    await clock.advance(1);
    const { found, again } = await read([policy(rule)]);
    expect([isYes(found), again, system.seen.length]).toEqual([true, null, 2]);
  });

  test('nobody there', async () => {
    const rule = jira();
    await system[Symbol.asyncDispose]();
    expect(troubleOf((await read([policy(rule)])).found)).toContain('ECONNREFUSED');
    system = await new System().start();
  });

  test('nothing within its time', async () => {
    system.answer = () => undefined;
    expect((await read([policy({ ...jira(), timeout: '50ms' })])).found).toEqual({
      trouble: 'none came within 0.05 s',
    });
  });

  test('an expression that fails on it, or is not true of it', async () => {
    system.answer = json({ ok: false });
    engine.gives = (expression) => (expression === 'why' ? 'no budget' : new Error('no such key: yes'));
    expect((await read([policy(webhook())])).found).toEqual({ trouble: 'no such key: yes' });
    engine.gives = (expression) => (expression === 'why' ? 'no budget' : false);
    const rule = webhook({ messageExpression: 'why' });
    expect((await read([policy(rule)])).found).toEqual({ waits: `127.0.0.1:${system.port} to say yes: no budget` });
  });

  test('an expression does not see what came with an error', async () => {
    system.answer = json({ ok: true }, 500);
    engine.gives = () => true;
    expect((await read([policy(webhook())])).found).toEqual({ trouble: 'HTTP 500' });
  });
});

describe('an answer that comes late', () => {
  test('is not waited for; its unit is woken when it is there, and asks nothing then', async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    system.answer = (response) => asked.resolve(response);
    const told = read([policy(jira())]);
    const response = await asked.promise;
    await clock.advance(1_000);
    const waits = `an answer of Jira at 127.0.0.1:${system.port}, which was asked`;
    expect(await told).toEqual({ found: { waits }, again: null });
    expect(woken).toEqual([]);
    response.end(JSON.stringify({ key: 'SHOP-1', fields: { status: { name: 'Done' } } }));
    expect(await wake.promise).toEqual({ kind: 'Kustomization', namespace: 'shop', name: 'apps' });
    expect(isYes((await read([policy(jira())])).found)).toBe(true);
    expect(system.seen).toHaveLength(1);
  });

  test('is waited for by nobody else, until its system is in time again', async () => {
    const asked = Promise.withResolvers<ServerResponse>();
    system.answer = (response) => asked.resolve(response);
    const told = read([policy(jira())]);
    const response = await asked.promise;
    await clock.advance(1_000);
    await told;
    // The time stands still: whoever waited for an answer would wait for ever.
    const held: (() => void)[] = [];
    system.answer = (other, seen) => void held.push(() => DONE(other, seen));
    engine.gives = () => 'SHOP-2';
    const waits = `an answer of Jira at 127.0.0.1:${system.port}, which was asked`;
    expect(await read([policy(jira())], change('b'))).toEqual({ found: { waits }, again: null });
    system.answer = DONE;
    response.end();
    engine.gives = () => 'SHOP-3';
    wake = Promise.withResolvers();
    expect((await read([policy(jira())], change('c'))).found).toEqual({ waits });
    while (woken.every(({ name }) => name !== 'c')) {
      await wake.promise;
      wake = Promise.withResolvers();
    }
    engine.gives = () => 'SHOP-4';
    expect(isYes((await read([policy(jira())], change('d'))).found)).toBe(true);
    for (const go of held) go();
  });

  test('leaves a no as it was told, and no yes', async () => {
    system.answer = TO_DO;
    const no = { waits: `issue SHOP-1 of Jira at 127.0.0.1:${system.port} to be Done (it is To Do)` };
    expect(await read([policy(jira())])).toEqual({ found: no, again: 30_000 });
    const late = async (): Promise<{ found: Findings | undefined; response: ServerResponse }> => {
      const asked = Promise.withResolvers<ServerResponse>();
      system.answer = (response) => asked.resolve(response);
      const told = read([policy(jira())]);
      const response = await asked.promise;
      await clock.advance(1_000);
      return { found: (await told).found, response };
    };
    await clock.advance(30_000);
    const first = await late();
    expect(first.found).toEqual(no);
    first.response.end(JSON.stringify({ key: 'SHOP-1', fields: { status: { name: 'Done' } } }));
    await wake.promise;
    expect(isYes((await read([policy(jira())])).found)).toBe(true);
    await clock.advance(60_000);
    const second = await late();
    expect(second.found).toEqual({ waits: `an answer of Jira at 127.0.0.1:${system.port}, which was asked` });
    second.response.end();
  });
});

describe('a yes', () => {
  test('counts for as long as its rule says, and no longer', async () => {
    const rule = { ...jira(), cache: '20s' };
    await read([policy(rule)]);
    system.answer = TO_DO;
    await clock.advance(19_999);
    expect(isYes((await read([policy(rule)])).found)).toBe(true);
    expect(system.seen).toHaveLength(1);
    await clock.advance(1);
    expect(isYes((await read([policy(rule)])).found)).toBe(false);
    expect(system.seen).toHaveLength(2);
  });

  test('counts for no other issue, rule or policy', async () => {
    await read([policy(jira())]);
    engine.gives = () => 'SHOP-2';
    await read([policy(jira())]);
    engine.gives = () => 'SHOP-1';
    await read([policy(jira({ statuses: ['Done', 'Closed'] }))]);
    await read([policy(jira(), { name: 'q' })]);
    expect(system.seen).toHaveLength(4);
  });
});

describe('what is secret', () => {
  test('is told in no finding, though the system repeats it', async () => {
    secrets.set('ops/hook', { authorization: 'Bearer sesame-open' });
    system.answer = (response, { headers }) => void response.end(JSON.stringify(headers.authorization));
    engine.gives = (expression, { response }) => (expression === 'why' ? `got ${String(response?.body)}` : false);
    const rule = webhook({ messageExpression: 'why', secretRef: { name: 'hook', namespace: 'ops' } });
    const { found } = await read([policy(rule)]);
    expect(found).toEqual({ waits: `127.0.0.1:${system.port} to say yes: got ***` });
  });
});

describe('where a tenant may not reach', () => {
  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '169.254.169.254', '[fd20:ce::254]', 'localhost'])(
    'a ReleasePolicy does not: %s',
    async (host) => {
      const url = `http://${host}:${system.port}`;
      const tenants = policy(jira({ url }), { kind: 'ReleasePolicy', namespace: 'shop' });
      expect(troubleOf((await read([tenants])).found)).toMatch(/^its address \S+ is none that a ReleasePolicy may ask/);
      expect(system.seen).toEqual([]);
    },
  );

  test('a policy of the cluster does, by name too', async () => {
    expect(isYes((await read([policy(jira({ url: `http://localhost:${system.port}` }))])).found)).toBe(true);
  });
});

describe('over TLS', () => {
  test('a system is believed by its certificate, and may ask for ours', async () => {
    const [own, client] = [selfSigned('own'), selfSigned('client')];
    await using secure = await new System({ ...own, ca: client.cert, requestCert: true }).start();
    secure.answer = DONE;
    const rule = (certSecretRef?: { name: string; namespace: string }): ExternalRule =>
      jira({ url: secure.url, ...(certSecretRef && { certSecretRef }) });
    expect(troubleOf((await read([policy(rule())])).found)).toMatch(/certificate/i);
    secrets.set('ops/ca', { 'ca.crt': own.cert });
    expect(troubleOf((await read([policy(rule({ name: 'ca', namespace: 'ops' }))])).found)).not.toMatch(/^no trouble/);
    expect(secure.seen).toEqual([]);
    secrets.set('ops/both', { 'ca.crt': own.cert, 'tls.crt': client.cert, 'tls.key': client.key });
    expect(isYes((await read([policy(rule({ name: 'both', namespace: 'ops' }))])).found)).toBe(true);
    secrets.set('ops/half', { 'ca.crt': own.cert, 'tls.crt': client.cert });
    expect((await read([policy(rule({ name: 'half', namespace: 'ops' }))])).found).toEqual({
      trouble: 'Secret half needs both tls.crt and tls.key, or neither',
    });
  });
});
