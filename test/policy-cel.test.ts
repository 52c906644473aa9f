import { randomBytes } from 'node:crypto';
import type { Json, JsonObject, KindRef, KubeObject, ObjectKey } from '@plumb/api';
import { asPlumbError, printJson } from '@plumb/api';
import type { CelExpression, CelMode, CelResult } from '@plumb/engine';
import { createEngine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { freshNamespace, testCluster } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ENGINE_PATH } from './support/paths.ts';

// Every expression is judged twice: by a ValidatingAdmissionPolicy of the real API server, on dry runs, and by the engine.

const MODE: CelMode = { kind: 'policy', variables: ['object', 'oldObject'] };
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';
const ID = randomBytes(4).toString('hex');
const GROUP = `post-${ID}.example.com`;
const PARCEL: KindRef = { group: GROUP, version: 'v1', kind: 'Parcel' };
const CONFIG_MAP: KindRef = { group: '', version: 'v1', kind: 'ConfigMap' };
const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1' };
const POLICY: KindRef = { ...ADMISSION, kind: 'ValidatingAdmissionPolicy' };
const BINDING: KindRef = { ...ADMISSION, kind: 'ValidatingAdmissionPolicyBinding' };
const DEFINITION: KindRef = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
/** What this validation denies shows that a policy is in force. */
const PROBE = "!('probe' in object.metadata.labels)";

/** A number as it is written. */
const written = (JSON as unknown as { rawJSON(text: string): Json }).rawJSON;

const FREE = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const definition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `parcels.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { kind: 'Parcel', plural: 'parcels', singular: 'parcel', listKind: 'ParcelList' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: FREE } }],
  },
};

const SPEC = {
  one: 1,
  float: written('1.0'),
  power: written('1e3'),
  half: 0.5,
  most: 9_223_372_036_854_775_807n as unknown as Json,
  more: written('9223372036854775808'),
  numbers: [3, 1, 2],
  words: ['a', 'b', 'c'],
  text: 'hello',
  yes: true,
  none: null,
  namespace: 'a word of CEL',
  'with-dash': 'dash',
  url: 'https://example.com:8443/path?q=1',
  address: '10.1.2.3',
  cpu: '100m',
  memory: '1Gi',
  version: '1.2.3-rc.1',
  map: { a: 1, b: 2 },
  containers: [
    { name: 'web', image: 'registry.example.com/web@sha256:abc', resources: { limits: { memory: '512Mi' } } },
    { name: 'job', image: 'docker.io/job:latest' },
  ],
};

interface Subject {
  /** Sends it as a dry run, with these labels. */
  send(labels: JsonObject): Promise<unknown>;
  object: KubeObject;
  oldObject: KubeObject | null;
}

const engine = createEngine({ path: ENGINE_PATH, slots: 1 });
let cluster: Cluster;
let namespace: string;
const subjects = new Map<string, Subject>();
/** What the API server said of a policy that it refused. */
const refusals = new Map<Row, string>();

beforeAll(async () => {
  cluster = await testCluster();
  namespace = await freshNamespace(cluster);
  await cluster.create(definition);
  const parcel = (name: string, more: JsonObject): KubeObject => object(PARCEL, name, more);
  await vi.waitFor(() => cluster.create(parcel('old', { spec: SPEC })), { timeout: 20_000 });
  await cluster.create(object(CONFIG_MAP, 'old', { data: { size: '10', gone: 'soon' } }));
  subjects.set('a new parcel', created(parcel('new', { spec: SPEC })));
  subjects.set('a parcel with nothing in it', created(parcel('bare', {})));
  subjects.set(
    'a changed parcel',
    await changed({ ...PARCEL, namespace, name: 'old' }, { spec: { one: 5, yes: false } }),
  );
  subjects.set(
    'a new ConfigMap',
    created(
      object(CONFIG_MAP, 'new', {
        data: { size: '10', 'a.b': 'x', long: 'x'.repeat(10_000) },
        binaryData: { b: 'aGk=' },
      }),
    ),
  );
  subjects.set(
    'a changed ConfigMap',
    await changed({ ...CONFIG_MAP, namespace, name: 'old' }, { data: { size: '20', gone: null } }),
  );
  await inPieces(ALL, publish);
  await inPieces(ALL, inForce);
});

afterAll(async () => {
  await inPieces(ALL, async (row) => {
    await cluster.delete({ ...BINDING, namespace: '', name: nameOf(row) });
    await cluster.delete({ ...POLICY, namespace: '', name: nameOf(row) });
  });
  await cluster.delete({ ...DEFINITION, namespace: '', name: `parcels.${GROUP}` });
  await engine.close();
  await cluster.close();
});

function object({ group, version, kind }: KindRef, name: string, more: JsonObject): KubeObject {
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata: { name, namespace }, ...more };
}

const labelled = ({ metadata, ...more }: KubeObject, labels: JsonObject): KubeObject =>
  ({ ...more, metadata: { ...metadata, labels } }) as KubeObject;

function created(made: KubeObject): Subject {
  return { object: made, oldObject: null, send: (labels) => cluster.create(labelled(made, labels), { dryRun: true }) };
}

async function changed(key: ObjectKey, patch: JsonObject): Promise<Subject> {
  const send = (labels: JsonObject): Promise<KubeObject> =>
    cluster.patch(key, { ...patch, metadata: { labels } }, { type: 'merge', dryRun: true });
  return { object: await send({}), oldObject: await cluster.get(key), send };
}

/** The validations of one policy. `message` is the messageExpression of the first. */
interface Row {
  expressions: readonly string[];
  message?: string;
}

function nameOf(row: Row): string {
  return `plumb-cel-${ID}-${ALL.indexOf(row)}`;
}

async function publish(row: Row): Promise<void> {
  const name = nameOf(row);
  const validations = [...row.expressions, PROBE].map((expression, at) => ({
    expression,
    ...(at === 0 && row.message !== undefined && { messageExpression: row.message }),
  }));
  const rules = [
    { apiGroups: [GROUP], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['parcels'] },
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
  ];
  const matchConstraints = {
    resourceRules: rules,
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    objectSelector: { matchLabels: { row: name } },
  };
  const spec = { validations, matchConstraints };
  try {
    await cluster.create({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: POLICY.kind,
      metadata: { name },
      spec,
    });
  } catch (error) {
    refusals.set(row, asPlumbError(error).message);
    return;
  }
  const binding = { policyName: name, validationActions: ['Deny'] };
  await cluster.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: BINDING.kind,
    metadata: { name },
    spec: binding,
  });
}

async function inForce(row: Row): Promise<void> {
  if (refusals.has(row)) return;
  const probe = created(object(CONFIG_MAP, 'probe', {}));
  const refused = probe.send.bind(probe, { row: nameOf(row), probe: 'yes' });
  await vi.waitFor(() => expect(refused()).rejects.toThrow(nameOf(row)), { timeout: 30_000, interval: 100 });
}

async function inPieces(rows: readonly Row[], each: (row: Row) => Promise<void>): Promise<void> {
  for (let at = 0; at < rows.length; at += 10) await Promise.all(rows.slice(at, at + 10).map(each));
}

/** @returns null where the API server allows it, and otherwise why not */
async function admitted(row: Row, subject: Subject): Promise<string | null> {
  try {
    await subject.send({ row: nameOf(row) });
    return null;
  } catch (error) {
    const { message } = asPlumbError(error);
    const denied = / denied request: (.*)$/s.exec(message)?.[1];
    if (denied === undefined) throw error;
    return denied;
  }
}

function messagesOf({ message }: Row): CelExpression[] {
  return message === undefined ? [] : [{ expression: message, string: true }];
}

function evaluate(expressions: readonly CelExpression[], input: JsonObject): Promise<CelResult<CelExpression>[]> {
  const json = printJson(input);
  const inputs = expressions.map((_one, expression) => ({ expression, json }));
  return engine.celEval({ mode: MODE, expressions, inputs, deadline: 30_000 });
}

/** What a policy makes of what the engine says. */
async function judged(row: Row, { object: seen, oldObject }: Subject): Promise<string | null> {
  const validations = [...row.expressions, PROBE];
  const input = { object: labelled(seen, { row: nameOf(row) }), oldObject } as JsonObject;
  const results = await evaluate([...validations, ...messagesOf(row)], input);
  const errors = results.flatMap((result) => ('error' in result ? [result.error] : []));
  if (errors.includes(OUT_OF_BUDGET)) return OUT_OF_BUDGET;
  for (const [at, expression] of validations.entries()) {
    const result = results[at] ?? { error: 'no answer' };
    if ('error' in result) return result.error;
    if ('value' in result && result.value) continue;
    const message = at === 0 ? results[validations.length] : undefined;
    const text = message !== undefined && 'text' in message ? message.text : '';
    return text === '' ? `failed expression: ${expression.trim()}` : text;
  }
  return null;
}

const one = (expression: string, message?: string): Row => ({
  expressions: [expression],
  ...(message !== undefined && { message }),
});

const ROWS: readonly Row[] = [
  // What there is, and what is missing or null.
  one('oldObject == null'),
  one('oldObject.spec.one == 1'),
  one('has(oldObject.spec) && has(oldObject.spec.one)'),
  one('has(object.spec) && object.spec.one == 1'),
  one('object.spec.missing == 1'),
  one("object.?spec.?text.orValue('') == 'hello'"),
  one('object.?spec.?none.hasValue()'),
  one('object.spec.none == null'),
  one("object.data['size'] == '10'"),
  one('object.data.size != oldObject.data.size'),
  one("'a.b' in object.data && object.data['a.b'] == 'x'"),
  one("object.binaryData.b == 'aGk='"),
  one("object.spec.namespace == 'a word of CEL'"),
  one("object.spec['with-dash'] == 'dash'"),
  one("object.metadata.namespace.startsWith('test-') && object.kind in ['Parcel', 'ConfigMap']"),
  one("timestamp(oldObject.metadata.creationTimestamp) < timestamp('2999-01-01T00:00:00Z')"),
  one('oldObject == null || object.metadata.creationTimestamp == oldObject.metadata.creationTimestamp'),
  one('!has(object.metadata.annotations)'),
  // Numbers.
  one('type(object.spec.one) == int'),
  one('type(object.spec.float) == double'),
  one('type(object.spec.power) == double'),
  one('type(object.spec.most) == int && object.spec.most == 9223372036854775807'),
  one('type(object.spec.more) == double'),
  one('object.spec.float == 1 && object.spec.one < 1.5 && object.spec.half < 1'),
  one('object.spec.one / 0 == 1'),
  one('object.spec.most + 1 > 0'),
  one('object.spec.half + 1 == 1.5'),
  // Results that are no boolean, and what cannot be read.
  one('object.spec.yes'),
  one('object.spec.yes == true'),
  one('object.spec.yes || object.spec.one'),
  one("'a'"),
  one('object.spec.one =='),
  one('nothing == 1'),
  one("[1, 'a'] == [1]"),
  one("object.spec.text.matches('(')"),
  one("duration('1x') < duration('1s')"),
  one("int('x') == 1"),
  one('[1, 2].includes(1)'),
  one("base64.decode('aGk=') == b'hi'"),
  one("object.spec.text + 1 == 'a'"),
  one('object.spec.numbers[7] == 1'),
  one("object.spec.text.matches(object.spec.text + '(')"),
  // The libraries.
  one('object.spec.numbers.isSorted() || object.spec.numbers.sum() == 6'),
  one("object.spec.words.indexOf('b') == 1 && object.spec.numbers.max() == 3"),
  one('lists.range(3).map(n, n * 2) == [0, 2, 4] && object.spec.numbers.sort() == [1, 2, 3]'),
  one("object.spec.words.transformList(at, word, word + string(at)) == ['a0', 'b1', 'c2']"),
  one('object.spec.map.all(name, size, name != "" && size < 2)'),
  one("object.spec.text.find('l+') == 'll' && object.spec.text.findAll('[a-z]').size() == 5"),
  one("url(object.spec.url).getHostname() == 'example.com' && url(object.spec.url).getPort() == '8443'"),
  one("quantity(object.spec.cpu).isLessThan(quantity('1')) && isQuantity(object.spec.memory)"),
  one('quantity(object.spec.text).isInteger()'),
  one("cidr('10.0.0.0/8').containsIP(object.spec.address) && ip(object.spec.address).family() == 4"),
  one('!isIP(object.spec.text) && ip(object.spec.text).isLoopback()'),
  one("semver(object.spec.version).isLessThan(semver('1.2.3')) && semver('v1.2', true).minor() == 2"),
  one('!format.dns1123Label().validate(object.metadata.name).hasValue()'),
  one("format.named('uuid').value().validate(object.metadata.name).hasValue()"),
  one("sets.contains(['a', 'b', 'c', 'd'], object.spec.words)"),
  one("'%s is %d'.format([object.spec.text, object.spec.one]) == 'hello is 1'"),
  one("object.spec.text.upperAscii().replace('L', '1').split('').join('-') == 'H-E-1-1-O'"),
  // As people write them.
  one(
    "object.spec.containers.all(c, c.image.contains('@sha256:'))",
    "'images without a digest: ' + object.spec.containers.filter(c, !c.image.contains('@sha256:')).map(c, string(c.name)).join(', ')",
  ),
  one(
    "object.spec.containers.all(c, c.?resources.?limits.?memory.hasValue() && quantity(c.resources.limits.memory).isLessThan(quantity('1Gi')))",
  ),
  one('  object.spec.one <= oldObject.spec.one  '),
  // Messages.
  one('object.spec.one > 7', "'  it is ' + string(object.spec.one) + ' '"),
  one('object.spec.one > 7', 'string(object.spec.missing)'),
  one('object.spec.one > 7', "'one\\ntwo'"),
  one('object.spec.one > 7', "'   '"),
  one('object.spec.one > 7', "lists.range(2000).map(n, 'abc').join('')"),
  one('object.spec.one > 7', "lists.range(1500).map(n, 'abc').join('')"),
  one('object.spec.one > 7', 'object.spec.one'),
  one('object.spec.one > 7', "string(object.spec.text) + 'é'"),
];

/** Rounds of a loop that cost just less than one expression may. */
const ROUNDS = 1_623;
const rounds = (n: number): string =>
  `'probe' in object.metadata.labels || lists.range(${n}).all(x, lists.range(100).all(y, y >= 0))`;
/** About 900,000 of the 10,000,000 that all may cost together. */
const DEAR = `'probe' in object.metadata.labels || !lists.range(9).exists(x, object.data.long.matches('${'y'.repeat(400)}'))`;
const dear = (times: number): Row => ({ expressions: Array.from({ length: times }, () => DEAR) });

const COSTS: { row: Row; what: string; says: string }[] = [
  { row: one(rounds(ROUNDS)), what: 'just what one expression may', says: 'allowed' },
  { row: one(rounds(ROUNDS + 1)), what: 'more', says: 'operation cancelled: actual cost limit exceeded' },
  { row: dear(11), what: 'just what all may together', says: 'allowed' },
  { row: dear(12), what: 'more than all may together', says: OUT_OF_BUDGET },
];

const ALL = [...ROWS, ...COSTS.map(({ row }) => row)];

describe('a policy at the API server and in the engine', () => {
  test('is refused alike', async () => {
    const differences: unknown[] = [];
    for (const row of ALL) {
      const expressions = [...row.expressions, ...messagesOf(row)];
      const errors = await engine.celCheck({ mode: MODE, expressions, deadline: 20_000 });
      const here = errors.find((error) => error !== null) ?? null;
      const said = refusals.get(row) ?? null;
      const same = here === null ? said === null : said?.includes(here) === true;
      if (!same) differences.push({ ...row, said, here });
    }
    expect(differences).toEqual([]);
    expect(refusals.size).toBeGreaterThan(10);
  });

  test('says the same, be it allowed, denied or failed', async () => {
    const differences: unknown[] = [];
    const verdicts = { allowed: 0, denied: 0, failed: 0 };
    for (const row of ROWS.filter((each) => !refusals.has(each))) {
      for (const [name, subject] of subjects) {
        const said = await admitted(row, subject);
        const here = await judged(row, subject);
        if (said !== here) differences.push({ ...row, over: name, said, here });
        verdicts[kindOf(said)] += 1;
      }
    }
    expect(differences).toEqual([]);
    expect(Math.min(...Object.values(verdicts))).toBeGreaterThan(20);
  });

  test.each(COSTS)('may cost the same: $what', async ({ row, says }) => {
    const subject = subjects.get('a new ConfigMap')!;
    const said = await admitted(row, subject);
    expect(await judged(row, subject)).toBe(said);
    expect(said ?? 'allowed').toContain(says);
  });
});

function kindOf(said: string | null): 'allowed' | 'denied' | 'failed' {
  if (said === null) return 'allowed';
  return said.includes(' resulted in error: ') ? 'failed' : 'denied';
}
