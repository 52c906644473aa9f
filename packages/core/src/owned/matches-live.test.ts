import type { JsonObject, KubeObject } from '@plumb/api';
import { displayKey, keyOf } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Match } from './compare-values.ts';
import { matchesLive } from './matches-live.ts';
import { DEPLOYMENT, KINDS, MANAGER } from './testdata/samples.ts';

const { desired, live } = DEPLOYMENT;

describe('on a real Deployment', () => {
  test.each<[keyof typeof live, Match]>([
    ['applied', 'equal'],
    ['others-added', 'equal'],
    ['shared', 'equal'],
    ['args', 'different'],
    ['image', 'different'],
    ['label-removed', 'different'],
    ['removed', 'different'],
    ['scaled', 'different'],
    ['takeover', 'different'],
  ])('%s: %s', (state, match) => {
    expect(matchesLive(desired, live[state], MANAGER)).toBe(match);
  });

  test('somebody else has applied nothing', () => {
    expect(matchesLive(desired, live.applied, 'helm-controller')).toBe('different');
  });

  test('another version is for the API server to compare', () => {
    expect(matchesLive({ ...desired, apiVersion: 'apps/v2' }, live.applied, MANAGER)).toBe('undecided');
    const managedFields = [
      ...(live.applied.metadata.managedFields ?? []),
      ...(live.applied.metadata.managedFields ?? []),
    ];
    expect(
      matchesLive(desired, { ...live.applied, metadata: { ...live.applied.metadata, managedFields } }, MANAGER),
    ).toBe('undecided');
  });

  test('identity, and a status that is not applied, do not count', () => {
    const metadata = {
      ...desired.metadata,
      uid: 'u',
      resourceVersion: '1',
      generation: 7,
      creationTimestamp: '2026-01-01T00:00:00Z',
    };
    expect(matchesLive({ ...desired, metadata, status: { replicas: 9 } }, live.applied, MANAGER)).toBe('equal');
  });
});

test.each(KINDS.map((sample) => [displayKey(keyOf(sample.desired)), sample] as const))(
  'a real %s right after apply is equal',
  (_name, sample) => {
    expect(matchesLive(sample.desired, sample.live, MANAGER)).toBe('equal');
  },
);

interface Case {
  apiVersion?: string;
  kind?: string;
  desired: Record<string, unknown>;
  live: Record<string, unknown>;
  own: JsonObject;
  others?: JsonObject;
}

function judge({ apiVersion = 'apps/v1', kind = 'Deployment', ...rest }: Case): Match {
  const managedFields = [
    {
      manager: MANAGER,
      operation: 'Apply' as const,
      apiVersion,
      fieldsV1: { 'f:spec': { 'f:anchor': {}, ...rest.own } },
    },
    { manager: 'other', operation: 'Update' as const, apiVersion, fieldsV1: { 'f:spec': rest.others ?? {} } },
    { manager: 'silent', operation: 'Update' as const, apiVersion },
  ];
  const object = (spec: Record<string, unknown>): KubeObject => ({
    apiVersion,
    kind,
    metadata: { name: 'x' },
    spec: { anchor: 1, ...spec },
  });
  return matchesLive(object(rest.desired), { ...object(rest.live), metadata: { name: 'x', managedFields } }, MANAGER);
}

const CUSTOM = { apiVersion: 'b.dev/v1', kind: 'Widget' };
const leaf = (name: string): JsonObject => ({ [`f:${name}`]: {} });

describe('scalars', () => {
  test.each<[string, unknown, unknown, Match]>([
    ['the same text', 'a', 'a', 'equal'],
    ['another text', 'a', 'b', 'different'],
    ['text where a number is', '80', 80, 'undecided'],
    ['an integer as bigint', 5n, 5, 'equal'],
    ['a quantity outside a quantity field', '1000m', '1', 'undecided'],
    ['false that is not stored', false, undefined, 'equal'],
    ['an empty text that is not stored', '', undefined, 'equal'],
    ['zero that is not stored', 0, null, 'equal'],
    ['true that is gone', true, undefined, 'different'],
    ['null for nothing', null, undefined, 'equal'],
    ['null for an empty text', null, '', 'equal'],
    ['null for something', null, 'a', 'undecided'],
    ['a text where a map is', 'a', { b: 1 }, 'undecided'],
  ])('%s', (_name, wanted, found, match) => {
    expect(judge({ desired: { x: wanted }, live: found === undefined ? {} : { x: found }, own: leaf('x') })).toBe(
      match,
    );
  });

  test('a custom resource stores zero values, so one that is missing is in doubt', () => {
    expect(judge({ ...CUSTOM, desired: { x: false }, live: {}, own: leaf('x') })).toBe('undecided');
    expect(judge({ ...CUSTOM, desired: { x: null }, live: { x: '' }, own: leaf('x') })).toBe('undecided');
  });

  test('another spelling of a value that others own too is a conflict', () => {
    const own = { 'f:limits': { 'f:cpu': {} } };
    const one = { desired: { limits: { cpu: '1000m' } }, live: { limits: { cpu: '1' } }, own };
    expect(judge(one)).toBe('equal');
    expect(judge({ ...one, others: own })).toBe('undecided');
    expect(judge({ ...one, desired: { limits: { cpu: '2' } }, others: own })).toBe('different');
    expect(judge({ ...one, desired: { limits: { cpu: '1' } }, others: own })).toBe('equal');
    expect(judge({ ...CUSTOM, ...one })).toBe('undecided');
  });
});

describe('ownership', () => {
  test.each<[string, Case, Match]>([
    ['a field of ours that is declared no more', { desired: {}, live: { a: 1 }, own: leaf('a') }, 'different'],
    ['a declared field that is not ours', { desired: { a: 1 }, live: { a: 1 }, own: {} }, 'different'],
    ['a zero value that is not ours', { desired: { a: false }, live: {}, own: {} }, 'undecided'],
    [
      'an empty list owned item by item',
      { desired: { volumes: [] }, live: { volumes: [{ name: 'theirs' }] }, own: {} },
      'equal',
    ],
    ['an empty list of a custom resource', { ...CUSTOM, desired: { volumes: [] }, live: {}, own: {} }, 'undecided'],
    [
      'fields that others declared',
      { desired: { a: 1 }, live: { a: 1, b: 2 }, own: leaf('a'), others: leaf('b') },
      'equal',
    ],
    [
      'a map where the live object has none',
      { desired: { a: { b: 1 } }, live: { a: 1 }, own: { 'f:a': leaf('b') } },
      'different',
    ],
    ['a scalar where fields were owned', { desired: { a: 1 }, live: { a: 1 }, own: { 'f:a': leaf('b') } }, 'different'],
    [
      'a map where items were owned',
      { desired: { a: { b: 1 } }, live: { a: { b: 1 } }, own: { 'f:a': { 'k:{"name":"b"}': {} } } },
      'undecided',
    ],
  ])('%s', (_name, one, match) => {
    expect(judge(one)).toBe(match);
  });
});

describe('values owned whole', () => {
  test.each<[string, Case, Match]>([
    ['a list', { desired: { args: ['a'] }, live: { args: ['a'] }, own: leaf('args') }, 'equal'],
    ['a list that is gone', { desired: { args: ['a'] }, live: {}, own: leaf('args') }, 'different'],
    [
      'a list of another order',
      { desired: { args: ['a', 'b'] }, live: { args: ['b', 'a'] }, own: leaf('args') },
      'different',
    ],
    ['a longer list', { desired: { args: ['a'] }, live: { args: ['a', 'b'] }, own: leaf('args') }, 'different'],
    ['a list that is a text now', { desired: { args: ['a'] }, live: { args: 'a' }, own: leaf('args') }, 'different'],
    [
      'a map known to be atomic',
      { desired: { selector: { a: 'b' } }, live: { selector: { a: 'b' } }, own: leaf('selector') },
      'equal',
    ],
    [
      'an atomic map that differs',
      { desired: { selector: { a: 'b' } }, live: { selector: { a: 'c' } }, own: leaf('selector') },
      'different',
    ],
    [
      'an atomic map that is a text now',
      { desired: { selector: { a: 'b' } }, live: { selector: 'a' }, own: leaf('selector') },
      'different',
    ],
    [
      'an atomic map with more in it',
      { desired: { selector: { a: 'b' } }, live: { selector: { a: 'b', c: 'd' } }, own: leaf('selector') },
      'undecided',
    ],
    [
      'a map that may have been declared empty',
      { desired: { strategy: { type: 'A' } }, live: { strategy: { type: 'A' } }, own: leaf('strategy') },
      'undecided',
    ],
    [
      'a map of a custom resource',
      { ...CUSTOM, desired: { selector: { a: 'b' } }, live: { selector: { a: 'b' } }, own: leaf('selector') },
      'undecided',
    ],
    [
      'a container that others fill',
      { desired: { a: ['x'] }, live: { a: ['x'] }, own: leaf('a'), others: { 'f:a': { 'v:"x"': {} } } },
      'different',
    ],
    [
      'a default inside',
      {
        desired: { ingress: [{ ports: [{ port: 80 }] }] },
        live: { ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }] },
        own: leaf('ingress'),
      },
      'equal',
    ],
    [
      'more than a default inside',
      {
        desired: { ingress: [{ ports: [{ port: 80 }] }] },
        live: { ingress: [{ ports: [{ port: 80, protocol: 'UDP' }] }] },
        own: leaf('ingress'),
      },
      'undecided',
    ],
    [
      'anything more in a custom resource',
      { ...CUSTOM, desired: { a: [{ b: 1 }] }, live: { a: [{ b: 1, protocol: 'TCP' }] }, own: leaf('a') },
      'undecided',
    ],
  ])('%s', (_name, one, match) => {
    expect(judge(one)).toBe(match);
  });
});

describe('declared empty', () => {
  test.each<[string, Case, Match]>([
    ['and empty', { desired: { a: {} }, live: { a: {} }, own: leaf('a') }, 'equal'],
    ['and not stored', { desired: { a: [] }, live: {}, own: leaf('a') }, 'equal'],
    [
      'filled with defaults',
      { desired: { strategy: {} }, live: { strategy: { type: 'A' } }, own: leaf('strategy') },
      'equal',
    ],
    [
      'filled by others',
      { desired: { a: {} }, live: { a: { b: 1 } }, own: leaf('a'), others: { 'f:a': leaf('b') } },
      'equal',
    ],
    ['filled by nobody known', { desired: { a: {} }, live: { a: { b: 1 } }, own: leaf('a') }, 'undecided'],
    ['a list that is filled', { desired: { a: [] }, live: { a: [1] }, own: leaf('a') }, 'undecided'],
  ])('%s', (_name, one, match) => {
    expect(judge(one)).toBe(match);
  });
});

describe('lists owned item by item', () => {
  const item = (...fields: string[]): JsonObject =>
    Object.fromEntries([['.', {}], ...fields.map((field) => [`f:${field}`, {}])]);
  const own = { 'f:env': { 'k:{"name":"A"}': item('name', 'value'), 'k:{"name":"B"}': item('name', 'value') } };
  const A = { name: 'A', value: '1' };
  const B = { name: 'B', value: '2' };
  const ports = (step: string, ...fields: string[]): JsonObject => ({ 'f:ports': { [step]: item(...fields) } });
  const tcp = { port: 80, protocol: 'TCP' };

  test.each<[string, Case, Match]>([
    ['the same items', { desired: { env: [A, B] }, live: { env: [A, B] }, own }, 'equal'],
    ['items of others between', { desired: { env: [A, B] }, live: { env: [A, { name: 'C' }, B] }, own }, 'equal'],
    ['another order', { desired: { env: [A, B] }, live: { env: [B, A] }, own }, 'undecided'],
    ['a key that is there twice', { desired: { env: [A, B] }, live: { env: [A, A, B] }, own }, 'undecided'],
    ['an item changed', { desired: { env: [A, B] }, live: { env: [A, { ...B, value: '3' }] }, own }, 'different'],
    ['an item gone', { desired: { env: [A, B] }, live: { env: [A] }, own }, 'different'],
    ['an item declared no more', { desired: { env: [A] }, live: { env: [A, B] }, own }, 'different'],
    ['another item', { desired: { env: [A, { name: 'C' }] }, live: { env: [A, B] }, own }, 'different'],
    ['no list any more', { desired: { env: [A, B] }, live: { env: 'A' }, own }, 'different'],
    [
      'a key left to its default',
      {
        desired: { ports: [{ port: 80 }] },
        live: { ports: [tcp] },
        own: ports('k:{"port":80,"protocol":"TCP"}', 'port'),
      },
      'equal',
    ],
    [
      'a key that was declared, now left to its default',
      {
        desired: { ports: [{ port: 80 }] },
        live: { ports: [tcp] },
        own: ports('k:{"port":80,"protocol":"TCP"}', 'port', 'protocol'),
      },
      'different',
    ],
    [
      'a default of the schema',
      {
        ...CUSTOM,
        desired: { ports: [{ port: 80 }] },
        live: { ports: [{ port: 80, mode: 'x' }] },
        own: ports('k:{"mode":"x","port":80}', 'port'),
      },
      'equal',
    ],
    [
      'a default of the schema that changed',
      {
        ...CUSTOM,
        desired: { ports: [{ port: 80 }] },
        live: { ports: [{ port: 80, mode: 'x' }] },
        own: ports('k:{"mode":"x","port":80}', 'port', 'mode'),
      },
      'different',
    ],
    [
      'items owned whole',
      {
        desired: { refs: [{ name: 'r' }] },
        live: { refs: [{ name: 'r' }] },
        own: { 'f:refs': { 'k:{"name":"r"}': {} } },
      },
      'equal',
    ],
    [
      'items owned whole by two',
      {
        desired: { refs: [{ name: 'r' }] },
        live: { refs: [{ name: 'r' }] },
        own: { 'f:refs': { 'k:{"name":"r"}': {} } },
        others: { 'f:refs': { 'k:{"name":"r"}': {} } },
      },
      'undecided',
    ],
    [
      'a set',
      {
        desired: { tags: ['a', 'b'] },
        live: { tags: ['a', 'x', 'b'] },
        own: { 'f:tags': { 'v:"a"': {}, 'v:"b"': {} } },
      },
      'equal',
    ],
    [
      'a set that lost one',
      { desired: { tags: ['a', 'b'] }, live: { tags: ['a'] }, own: { 'f:tags': { 'v:"a"': {}, 'v:"b"': {} } } },
      'different',
    ],
    [
      'a set with another one',
      { desired: { tags: ['c'] }, live: { tags: ['a'] }, own: { 'f:tags': { 'v:"a"': {} } } },
      'different',
    ],
  ])('%s', (_name, one, match) => {
    expect(judge(one)).toBe(match);
  });
});

describe('values the API server respells', () => {
  test.each<[string, string, Record<string, unknown>, Record<string, unknown>, Match]>([
    ['ResourceQuota', 'v1', { hard: { pods: 10 } }, { hard: { pods: '10' } }, 'equal'],
    ['LimitRange', 'v1', { limits: [{ max: { cpu: '2000m' } }] }, { limits: [{ max: { cpu: '2' } }] }, 'equal'],
    ['LimitRange', 'v1', { limits: [{ type: '1000m' }] }, { limits: [{ type: '1' }] }, 'undecided'],
    [
      'Deployment',
      'apps/v1',
      { limits: [{ max: { cpu: '2000m' } }] },
      { limits: [{ max: { cpu: '2' } }] },
      'undecided',
    ],
  ])('%s %s: %o', (...[kind, apiVersion, wanted, found, match]) => {
    const own = Object.fromEntries(
      Object.entries(wanted).map(([name, value]) => [`f:${name}`, Array.isArray(value) ? {} : leaf('pods')]),
    );
    expect(judge({ apiVersion, kind, desired: wanted, live: found, own })).toBe(match);
  });

  test.each([
    ['Z\nA==', 'ZA==', 'equal'],
    ['ZA==', 'ZB==', 'different'],
    [7, 'ZA==', 'undecided'],
  ] as const)('Secret data %o', (wanted, found, match) => {
    const secret = (a: unknown): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      data: { a },
    });
    const managedFields = [
      { manager: MANAGER, operation: 'Apply' as const, apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:a': {} } } },
    ];
    expect(matchesLive(secret(wanted), { ...secret(found), metadata: { name: 's', managedFields } }, MANAGER)).toBe(
      match,
    );
  });
});

test('the status of a custom resource may be declared', () => {
  const object: KubeObject = {
    apiVersion: 'b.dev/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    status: { phase: 'Done' },
  };
  const seen = (fieldsV1: JsonObject): KubeObject => ({
    ...object,
    metadata: {
      name: 'w',
      managedFields: [{ manager: MANAGER, operation: 'Apply', apiVersion: 'b.dev/v1', fieldsV1 }],
    },
  });
  expect(matchesLive(object, seen({ 'f:status': leaf('phase') }), MANAGER)).toBe('equal');
  expect(matchesLive(object, seen({}), MANAGER)).toBe('different');
  expect(matchesLive({ ...object, status: {} }, seen({}), MANAGER)).toBe('equal');
});
