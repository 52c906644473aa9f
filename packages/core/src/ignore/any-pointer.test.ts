import type { Json, JsonObject, KubeObject } from '@plumb/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { declaredFor } from './declared-for.ts';
import { compileIgnoreRules } from './ignore-rules.ts';
import { releasePatch } from './release.ts';
import { withoutIgnored } from './strip.ts';

/** Trials of one run of the suite; raise it for a long run. */
const trials = 400;

const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', '0', '-', 'a/b', '~', 'é'];
const name = fc.oneof(fc.constantFrom(...names, 'a', 'b', 'name'), fc.string({ unit: 'binary', maxLength: 3 }));

const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<Json>(0, 'x', true, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

/** What the reader of an object still takes in depth. */
const deep = (depth: number): Json => {
  let nested: Json = 'x';
  for (let level = 0; level < depth; level += 1) nested = { '': nested };
  return nested;
};

const body = fc.oneof({ weight: 30, arbitrary: value }, { weight: 1, arbitrary: fc.constant(deep(480)) });
const steps = [
  'metadata',
  'labels',
  'managedFields',
  'spec',
  'data',
  'apiVersion',
  '~2',
  '~',
  '~01',
  '~1',
  '01',
  '1',
  '9'.repeat(400),
];
const token = fc.oneof(
  name,
  fc.constantFrom(...names, ...steps, '4294967295', '9007199254740993', '-1', '1e3', '$', '*'),
);
const pointer = fc.oneof(
  fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => `/${tokens.join('/')}`),
  fc.array(token, { maxLength: 4 }).map((tokens) => ['/spec', ...tokens].join('/')),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '/',
    '/-',
    '//',
    '~2',
    '/~2',
    '/__proto__',
    '/__proto__/polluted',
    '/spec/__proto__',
    '/metadata',
  ),
  fc.constantFrom(1, 2, 400, 479, 480, 481, 9_000).map((count) => `/spec${'/'.repeat(count)}`),
  fc.constantFrom(64, 9_000).map((length) => `/spec/${'x'.repeat(length)}`),
);

interface Trial {
  declared: KubeObject;
  live: KubeObject;
  pointers: string[];
}

const trial: fc.Arbitrary<Trial> = fc
  .record({ declared: body, live: body, owned: fc.boolean(), pointers: fc.array(pointer, { maxLength: 8 }) })
  .map(({ declared, live, owned, pointers }) => ({
    declared: objectOf(declared),
    live: objectOf(live, owned ? { 'f:spec': ownedOf(declared) } : undefined),
    pointers,
  }));

function objectOf(spec: Json, fieldsV1?: JsonObject): KubeObject {
  const held =
    fieldsV1 === undefined ? {} : { managedFields: [{ manager: 'we', operation: 'Apply' as const, fieldsV1 }] };
  return { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a', resourceVersion: '1', ...held }, spec };
}

/** The set of a manager that applied a value: its maps by field, its lists in one piece. */
function ownedOf(of: Json): JsonObject {
  if (typeof of !== 'object' || of === null || Array.isArray(of)) return {};
  return Object.fromEntries(Object.entries(of).map(([field, child]) => [`f:${field}`, ownedOf(child ?? null)]));
}

/** Every map and list in a value has the prototype it is born with. */
function isPlain(of: unknown): boolean {
  if (typeof of !== 'object' || of === null) return true;
  const proto: unknown = Object.getPrototypeOf(of);
  return proto === (Array.isArray(of) ? Array.prototype : Object.prototype) && Object.values(of).every(isPlain);
}

const prototypes = (): unknown =>
  [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype].map((each) =>
    Reflect.ownKeys(each).map((key) => [key, Object.getOwnPropertyDescriptor(each, key)]),
  );

/** Every use of the pointers that are ignored. */
function uses({ declared, live, pointers }: Trial): unknown[] {
  return [
    withoutIgnored(declared, pointers),
    declaredFor(declared, live, pointers),
    declaredFor(declared, live, pointers, 'trial'),
    releasePatch({ declared, live }, { manager: 'we', pointers }),
  ];
}

test(
  'whatever stands where a pointer should: no use of it throws, changes a prototype or what it was given',
  { timeout: trials * 150 },
  () => {
    const before = prototypes();
    fc.assert(
      fc.property(trial, (given) => {
        const asGiven = JSON.stringify(given);
        const fields = compileIgnoreRules([{ paths: given.pointers }]);
        expect(typeof fields).toBe('function');
        const made = uses(given);
        expect(made.every(isPlain)).toBe(true);
        expect(made.slice(0, 3)).toEqual(
          Array(3).fill(expect.objectContaining({ apiVersion: 'example.com/v1', kind: 'Thing' })),
        );
        expect(JSON.stringify(given)).toBe(asGiven);
      }),
      { numRuns: trials },
    );
    expect(prototypes()).toEqual(before);
  },
);

test('what is no pointer means nothing', () => {
  const none = fc.string({ unit: 'binary' }).filter((text) => !text.startsWith('/'));
  fc.assert(
    fc.property(trial, fc.array(none, { maxLength: 5 }), ({ declared, live }, pointers) => {
      expect(uses({ declared, live, pointers })).toEqual([declared, declared, declared, []]);
    }),
    { numRuns: trials / 5 },
  );
});

test('a field by the name of the prototype is a field like any other', () => {
  const map = (text: string) => JSON.parse(text) as Json;
  const declared = objectOf({ list: map('[{"a": 1}]') });
  const live = objectOf({ list: map('[{"a": 1, "__proto__": {"b": 2}}]') }, { 'f:spec': { 'f:list': {} } });
  const fitted = declaredFor(declared, live, ['/spec/list/0/__proto__']);
  expect(JSON.stringify(fitted['spec'])).toBe('{"list":[{"a":1,"__proto__":{"b":2}}]}');
  expect(isPlain(fitted)).toBe(true);
});
