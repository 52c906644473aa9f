import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChangeRequirement, JsonObject, KubeObject } from '@plumb/api';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { changeOf, clusterPolicy, inPhase, installGates, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { condition, configMapKey, World } from './support/world.ts';

interface Request {
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** What the system on this machine answers now: a status and a body, as JSON unless it is a text. */
type Answer = (request: Request) => { status?: number; body: unknown } | Promise<{ status?: number; body: unknown }>;

let world: World;
let answer: Answer;
let url: string;
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const asked = { path: request.url ?? '', headers: request.headers, body };
    void Promise.resolve(answer(asked)).then(({ status = 200, body: told }) => {
      response.writeHead(status).end(typeof told === 'string' ? told : JSON.stringify(told));
    });
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  await world.gitRepository();
});

beforeEach(() => {
  answer = () => ({ status: 500, body: 'down' });
});

afterAll(async () => {
  await world.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function secret(name: string, stringData: Record<string, string>): Promise<{ name: string; namespace: string }> {
  const metadata = { name, namespace: world.namespace };
  await world.cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata, stringData });
  return metadata;
}

/** Asked often, so that nobody has to wait for long. */
const asks = (unit: string, rule: JsonObject): Promise<() => Promise<void>> =>
  clusterPolicy(world, unit, {
    select: { names: [unit] },
    external: [{ name: 'asked', retryInterval: '1s', ...rule }],
  });

async function push(unit: string, message: string): Promise<string> {
  return world.push({ [`${unit}/a.yaml`]: configMap(world.target, unit, { a: '1' }) }, message);
}

/** Waits until a unit is held with these words. */
async function isHeld(unit: string, words: RegExp): Promise<KubeObject> {
  const object = await world.until(world.unitKey(unit), `be held: ${String(words)}`, (one) => {
    const ready = condition(one, 'Ready');
    return ready?.reason === 'Gated' && words.test(ready.message);
  });
  return object as KubeObject;
}

async function verdictOf(unit: string): Promise<ChangeRequirement | undefined> {
  const { status } = await changeOf(world, unit, 'be applied', inPhase('Applied'));
  return status?.requirements?.find(({ rule }) => rule === 'external/asked');
}

test('an issue of Jira holds a change until it is in a state, whatever else comes back before', async () => {
  const secretRef = await secret('jira', { username: 'ann@example.com', token: 'jira-token' });
  await asks('ticket', { jira: { url, secretRef, statuses: ['Approved'] } });
  const revision = await push('ticket', 'SHOP-7: sell more');
  await world.kustomization('ticket', { retryInterval: '1h' });
  await isHeld('ticket', /^waits for an answer of Jira at \S+: HTTP 500$/);
  answer = () => ({ body: '<html>Approved</html>' });
  await isHeld('ticket', /: it tells of no issue with a status$/);
  let status = 'In Review';
  answer = ({ path, headers }) => {
    const isAllowed = headers.authorization === `Basic ${btoa('ann@example.com:jira-token')}`;
    if (!isAllowed) return { status: 401, body: {} };
    if (path !== '/rest/api/2/issue/SHOP-7?fields=status') return { status: 404, body: {} };
    return { body: { key: 'SHOP-7', fields: { status: { name: status } } } };
  };
  await isHeld('ticket', /^waits for issue SHOP-7 of Jira at \S+ to be Approved \(it is In Review\)$/);
  expect(await world.get(configMapKey(world.target, 'ticket'))).toBeNull();
  status = 'Approved';
  await world.applied('ticket', revision);
  expect(await verdictOf('ticket')).toMatchObject({
    verdict: 'Met',
    evidence: [expect.stringMatching(/^issue SHOP-7 of Jira at \S+ is Approved, as told 20\S+Z$/) as string],
    at: expect.stringMatching(/^20/) as string,
  });
});

test('a change request of ServiceNow has to be approved, and to be under way', async () => {
  const secretRef = await secret('servicenow', { token: 'now-token' });
  await asks('request', { cache: '10s', serviceNow: { url, secretRef } });
  const revision = await push('request', 'Sell more\n\nCHG0030001');
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
  const record = { number: 'CHG0030001', approval: 'requested', state: '-1', start_date: '', end_date: '' };
  answer = ({ path, headers }) => {
    const asked = new URL(path, url);
    if (headers.authorization !== 'Bearer now-token' || asked.pathname !== '/api/now/table/change_request')
      return { status: 403, body: {} };
    const isFound = asked.searchParams.get('sysparm_query') === `number=${record.number}`;
    return { body: { result: isFound ? [record] : [] } };
  };
  await world.kustomization('request', { retryInterval: '1h' });
  await isHeld(
    'request',
    /^waits for change request CHG0030001 of ServiceNow at \S+ to be approved \(it is requested\)$/,
  );
  record.approval = 'approved';
  await isHeld('request', /to have a start and an end$/);
  const HOUR = 3_600_000;
  Object.assign(record, { start_date: time(Date.now() + HOUR), end_date: time(Date.now() + 2 * HOUR) });
  await isHeld('request', /^waits for the start of change request CHG0030001 of ServiceNow at \S+, 20\S+Z$/);
  expect(await world.get(configMapKey(world.target, 'request'))).toBeNull();
  // It may be moved, and is asked for again when what it said counts no more.
  const starts = Date.now() + 20_000;
  record.start_date = time(starts);
  await world.applied('request', revision);
  expect(Date.now()).toBeGreaterThanOrEqual(starts - 1_000);
  expect(await verdictOf('request')).toMatchObject({
    verdict: 'Met',
    message: expect.stringMatching(/^let pass until 20\S+Z$/) as string,
    evidence: [expect.stringContaining('CHG0030001') as string],
  });
});

test('a webhook is told of the change, and answers when it is ready', async () => {
  const secretRef = await secret('hook', { 'X-Api-Key': 'open-sesame' });
  await asks('hook', {
    webhook: {
      url: `${url}/may`,
      secretRef,
      body: "{'unit': dyn(unit.name), 'digest': dyn(change.digest), 'creates': dyn(change.counts.create)}",
      expression: "response.status == 200 && response.body.?verdict.orValue('') == 'yes' && unit.name == 'hook'",
      messageExpression: "'told ' + string(response.body.verdict) + ' by ' + response.headers['x-who']",
    },
  });
  const revision = await push('hook', 'Sell more');
  const [asked, told] = [Promise.withResolvers<Request>(), Promise.withResolvers<{ body: unknown }>()];
  answer = (request) => {
    asked.resolve(request);
    return told.promise;
  };
  await world.kustomization('hook', { retryInterval: '1h' });
  await isHeld('hook', /^waits for an answer of 127\.0\.0\.1:\d+, which was asked$/);
  const request = await asked.promise;
  const change = await changeOf(world, 'hook', 'be held', inPhase('Pending'));
  expect(request).toMatchObject({ path: '/may', headers: { 'x-api-key': 'open-sesame' } });
  expect(JSON.parse(request.body)).toEqual({ unit: 'hook', digest: change.spec.digest, creates: 1 });
  told.resolve({ body: { verdict: 'no' } });
  // It knows no header x-who, so that the usual words are said.
  await isHeld('hook', /to say yes: its answer \(HTTP 200\) is not as response\.status == 200/);
  answer = () => ({ body: { verdict: 'yes' } });
  await world.applied('hook', revision);
  expect(await verdictOf('hook')).toMatchObject({
    verdict: 'Met',
    evidence: [expect.stringMatching(/^127\.0\.0\.1:\d+ says yes \(HTTP 200\), as told 20/) as string],
  });
});

test('a policy that is edited while another system is being asked is judged by as it is then', async () => {
  const ready = (expression: string): Promise<unknown> =>
    policy(world, 'edited', { select: { names: ['edited'] }, checks: [{ name: 'ready', expression }] });
  await ready('true');
  await asks('edited', { webhook: { url, expression: 'response.body.yes == true' } });
  const [asked, told] = [Promise.withResolvers<void>(), Promise.withResolvers<{ body: unknown }>()];
  answer = () => {
    asked.resolve();
    return told.promise;
  };
  await push('edited', 'Sell more');
  await world.kustomization('edited', { retryInterval: '1h' });
  await asked.promise;
  // The answer is still waited for.
  await ready('false');
  answer = () => ({ body: { yes: true } });
  told.resolve({ body: { yes: true } });
  await isHeld('edited', /^refused by checks\/ready in /);
  expect(await world.get(configMapKey(world.target, 'edited'))).toBeNull();
});

test('a change that passes and cannot be carried out has failed, and says why until one that can is there', async () => {
  await asks('broken', { webhook: { url, expression: 'response.body.yes == true' } });
  const broken = configMap(world.target, 'Not_A_Name', { a: '1' });
  await world.push({ 'broken/a.yaml': broken });
  await world.kustomization('broken', { retryInterval: '1h' });
  await isHeld('broken', /^waits for /);
  const held = await changeOf(world, 'broken', 'be held', inPhase('Pending'));
  answer = () => ({ body: { yes: true } });
  const failed = await changeOf(world, 'broken', 'fail', inPhase('Failed'));
  expect(failed.metadata.uid).toBe(held.metadata.uid);
  expect(failed.status).toMatchObject({
    message: expect.stringContaining('Not_A_Name') as string,
    decidedAt: expect.stringMatching(/^20/) as string,
    endedAt: expect.stringMatching(/^20/) as string,
    requirements: [{ rule: 'external/asked', verdict: 'Met' }],
  });
  answer = () => ({ status: 500, body: 'down' });
  const mended = await world.push({ 'broken/a.yaml': configMap(world.target, 'a-name', { a: '1' }) });
  await changeOf(world, 'broken', 'wait again', (one) => one.spec.revision === mended && inPhase('Pending')(one));
  answer = () => ({ body: { yes: true } });
  await world.applied('broken', mended);
  await changeOf(world, 'broken', 'be applied', (one) => one.spec.revision === mended && inPhase('Applied')(one));
  expect(await changeOf(world, 'broken', 'stay failed', inPhase('Failed'))).toMatchObject({ spec: failed.spec });
});

test('a policy of a namespace may not ask the agent itself', async () => {
  let asked = 0;
  answer = ({ path }) => ({ body: { yes: (asked += path === '/inside' ? 1 : 0) > 0 } });
  await policy(world, 'inside', {
    select: { names: ['inside'] },
    external: [{ name: 'asked', webhook: { url: `${url}/inside`, expression: 'response.body.yes == true' } }],
  });
  await push('inside', 'Sell more');
  await world.kustomization('inside', { retryInterval: '1h' });
  await isHeld('inside', /: its address 127\.0\.0\.1 is none that a ReleasePolicy may ask/);
  expect(asked).toBe(0);
});

test('a rule that cannot be asked by is refused, or told of in the status of its policy', async () => {
  const two = { name: 'a', jira: { url, statuses: ['Done'] }, webhook: { url, expression: 'true' } };
  await expect(policy(world, 'two', { external: [two] })).rejects.toMatchObject({
    code: 'api-invalid',
    message: expect.stringContaining('exactly one of jira, serviceNow and webhook must be given') as string,
  });
  const flawed = async (name: string, webhook: JsonObject): Promise<string> => {
    const external = [{ name: 'asked', webhook }];
    const told = await policy(world, name, { select: { names: ['none'] }, external });
    return condition(told, 'Ready')?.message ?? '';
  };
  expect(await flawed('answer', { url, expression: 'answer.body == 1' })).toMatch(
    /external\/asked: .*undeclared reference to 'answer'/,
  );
  expect(await flawed('body', { url, body: 'response', expression: 'true' })).toMatch(
    /external\/asked: .*undeclared reference to 'response'/,
  );
  expect(await flawed('plain', { url: 'http://hook.example', expression: 'true' })).toContain(
    'external[0]: webhook.url is of http, which needs insecure: true',
  );
});
